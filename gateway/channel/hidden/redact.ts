import { type Frame, PARTS, type Part, type Payload, readObject } from '../wire/frame.js';
import { mapStrings, withMembers } from '../wire/json-text.js';
import { lifeIn, parentId, readHeader } from '../wire/messages.js';
import type { Delivered, OpenEnd } from './delivered.js';
import { streamEnd } from './stream-end.js';

/**
 * Words of the protocol itself. A value that happens to equal one (`LEVEL=error`) isn't hidden where the
 * word is a whole string: it would say nothing, and hiding it would break the client.
 */
const PROTOCOL_WORDS = new Set(
  `channel shell iopub stdin control header parent_header metadata content buffers msg_id msg_type session username date version
  status execution_state busy idle starting restarting dead ok error aborted abort stream name text stdout stderr
  execute_input execute_result execute_reply display_data update_display_data clear_output input_request input_reply
  data transient display_id execution_count code ename evalue traceback payload user_expressions prompt password value
  comm_open comm_msg comm_close comm_id target_name method update state text/plain text/html application/json`.split(
    /\s+/,
  ),
);

/** After these a cell's stream can't go on as the same run of output. */
const ENDS_A_STREAM = new Set([
  'error',
  'execute_result',
  'display_data',
  'update_display_data',
  'clear_output',
]);

/**
 * Ids and dates that programs write (`msg_id`, `comm_id`, `IPY_MODEL_…`, `date`): a short value can be part of one by
 * chance (`2026`, `beef`), and a client whose ids are changed waits for ever.
 */
const ID = /^(?:IPY_MODEL_)?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?:_\d+)*$/i;
const DATE = /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/;

/** A value of this length isn't part of an id or date by chance: it is hidden there too. */
const BEYOND_CHANCE = 12;

/** So many streams may wait for their next chunk; beyond it the oldest is shown as it is. */
const MOST_HELD = 100;

/** And so many bytes of frames: a kernel chooses their size (invariant S15). The newest may be larger. */
const MOST_HELD_BYTES = 32 * 1024 * 1024;

/** A stream whose end may be the beginning of a value. */
interface Held {
  readonly parent: string;
  readonly frame: Frame;
  /** Size of the frame. */
  readonly bytes: number;
  readonly end: OpenEnd;
}

/** What a client gets in place of a frame. */
export interface Redacted {
  /** Ends of streams that were held back, and go on no more: they come first. */
  readonly released: readonly Payload[];
  /** Undefined while all of the frame is held back. */
  readonly shown: Payload | undefined;
}

const NONE: readonly Payload[] = [];

/** What a redactor knows of the frames before: the same frame and state give the same result. Never changed. */
export interface RedactorState {
  /** By request and name of the stream. */
  readonly held: ReadonlyMap<string, Held>;
  /** The requests that the kernel is busy with: only their streams go on. */
  readonly busy: ReadonlySet<string>;
  /** It has seen nothing yet that counts, and may go on from any state in which nothing is held back. */
  readonly isNew: boolean;
}

const NEW: RedactorState = { held: new Map(), busy: new Set(), isNew: true };
/** One object, so that two that rest are known to be the same. */
const AT_REST: RedactorState = { ...NEW, isNew: false };

/**
 * Hides delivered values in what a client gets from a kernel: in every string of a frame, in its binary buffers, and
 * across the chunks of a stream.
 */
export class Redactor {
  readonly #delivered: Delivered;
  state: RedactorState = NEW;

  constructor(delivered: Delivered) {
    this.#delivered = delivered;
  }

  pass(frame: Frame, payload: Payload): Redacted {
    if (this.#delivered.empty) return { released: NONE, shown: payload };
    const mayHold = this.#delivered.mayBeIn(bytesOf(payload));
    const shown = () => (mayHold ? this.#hide(frame, payload) : payload);
    if (frame.channel !== 'iopub') return { released: NONE, shown: shown() };
    if (!mayHold && this.state.held.size === 0 && this.#beginsNothing(frame))
      return { released: NONE, shown: payload };
    const type = readHeader(frame).msg_type;
    if (type === 'stream') return this.#stream(frame, payload, mayHold);
    const released = type === 'status' ? this.#status(frame) : [];
    if (ENDS_A_STREAM.has(type)) released.push(...this.#release(parentId(frame)));
    return { released, shown: shown() };
  }

  /** The kernel restarted or died: no stream of it goes on. @returns what was still held back */
  releaseAll(): Payload[] {
    const shown = this.#close([...this.state.held.keys()]);
    this.#become(new Map(), new Set());
    return shown;
  }

  #become(held: RedactorState['held'], busy: RedactorState['busy'] = this.state.busy): void {
    this.state = held.size === 0 && busy.size === 0 ? AT_REST : { held, busy, isNew: false };
  }

  /** Nearly all streamed text contains no value and no beginning or end of one. That shows without parsing. */
  #beginsNothing(frame: Frame): boolean {
    const content = frame.bytes('content');
    const end = streamEnd(content, 2);
    if (end === undefined) return false;
    if (!this.#delivered.mayGoOnAfter(end)) return true;
    const whole = streamEnd(content, this.#delivered.reach);
    return whole !== undefined && !this.#delivered.mayGoOn(whole);
  }

  #stream(frame: Frame, payload: Payload, mayHold: boolean): Redacted {
    const { name, text } = readObject(frame, 'content');
    if (typeof name !== 'string' || typeof text !== 'string')
      return { released: NONE, shown: mayHold ? this.#hide(frame, payload) : payload };
    const parent = parentId(frame);
    const key = JSON.stringify([parent, name]);
    const { shown, end } = this.#delivered.hideChunk(text, this.state.held.get(key)?.end, mayHold);
    this.#hold(key, end.text === '' ? undefined : { parent, frame, bytes: payload.data.length, end });
    const released = this.#overflow();
    if (shown === text) return { released, shown: mayHold ? this.#hide(frame, payload) : payload };
    return { released, shown: shown === '' ? undefined : this.#withText(frame, shown) };
  }

  /** @param stream undefined: it is held back no more */
  #hold(key: string, stream: Held | undefined): void {
    if (stream === undefined && !this.state.held.has(key)) return;
    const held = new Map(this.state.held);
    held.delete(key);
    if (stream) held.set(key, stream);
    this.#become(held);
  }

  /** @returns what has to be shown so that the rest may wait */
  #overflow(): Payload[] {
    const { held } = this.state;
    let bytes = 0;
    for (const each of held.values()) bytes += each.bytes;
    const over: string[] = [];
    for (const [key, each] of held) {
      const left = held.size - over.length;
      if ((left <= MOST_HELD && bytes <= MOST_HELD_BYTES) || left === 1) break;
      bytes -= each.bytes;
      over.push(key);
    }
    return this.#close(over);
  }

  #status(frame: Frame): Payload[] {
    const parent = parentId(frame);
    const { execution_state: state } = readObject(frame, 'content');
    if (lifeIn(frame)) return this.releaseAll();
    const busy = new Set(this.state.busy);
    if (state === 'busy' && busy.size < MOST_HELD) busy.add(parent);
    if (state === 'idle') busy.delete(parent);
    this.#become(this.state.held, busy);
    if (state !== 'idle') return [];
    // Output from a cell's thread after the cell's end has no idle: it comes with the next idle.
    return this.#closeWhere((held) => held.parent === parent || !busy.has(held.parent));
  }

  #release(parent: string): Payload[] {
    return this.#closeWhere((held) => held.parent === parent);
  }

  #closeWhere(isOver: (held: Held) => boolean): Payload[] {
    return this.#close([...this.state.held].filter(([, held]) => isOver(held)).map(([key]) => key));
  }

  /** These streams have ended. @returns what was held back of them */
  #close(keys: readonly string[]): Payload[] {
    if (keys.length === 0) return [];
    const left = new Map(this.state.held);
    const shown: Payload[] = [];
    for (const key of keys) {
      const held = left.get(key);
      left.delete(key);
      const text = held ? this.#delivered.close(held.end) : '';
      if (held && text !== '') shown.push(this.#withText(held.frame, text));
    }
    this.#become(left);
    return shown;
  }

  /** The stream frame with another text, and nothing of its first text in it. */
  #withText(frame: Frame, text: string): Payload {
    return this.#hide(frame, undefined, withMembers(frame.text('content'), { text: JSON.stringify(text) }));
  }

  #hide(frame: Frame, payload: Payload): Payload;
  #hide(frame: Frame, payload: undefined, content: string): Payload;
  #hide(frame: Frame, payload: Payload | undefined, content?: string): Payload {
    const parts: Partial<Record<Part, string>> = {};
    for (const part of PARTS) {
      const text = part === 'content' && content !== undefined ? content : frame.text(part);
      const hidden = mapStrings(text, (string) => this.#hideString(string, part));
      if (hidden !== text || text === content) parts[part] = hidden;
    }
    const buffers = frame.buffers();
    const hiddenBuffers = buffers.map((buffer) => this.#delivered.hideBytes(buffer));
    let same = hiddenBuffers.every((buffer, index) => buffer === buffers[index]);
    const around = (json: string) => {
      const hidden = mapStrings(json, (string) => this.#hideString(string, 'content'));
      same &&= hidden === json;
      return hidden;
    };
    const replaced = frame.replace(parts, hiddenBuffers, around);
    return payload && same && Object.keys(parts).length === 0 ? payload : replaced;
  }

  #hideString(text: string, part: Part): string {
    if (PROTOCOL_WORDS.has(text)) return text;
    const byChance = part === 'header' || part === 'parent_header' || ID.test(text) || DATE.test(text);
    return this.#delivered.hide(text, byChance ? BEYOND_CHANCE : undefined);
  }
}

function bytesOf({ data }: Payload): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : data;
}
