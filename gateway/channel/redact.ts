import type { Delivered } from './delivered.js';
import { type Frame, PARTS, type Part, type Payload } from './frame.js';
import { mapStrings } from './json-text.js';
import { parentId, readHeader, readObject } from './messages.js';
import { streamEnd } from './stream-end.js';

/**
 * Words of the protocol itself. A value that happens to equal one (`LEVEL=error`) isn't hidden where the
 * word is a whole string: it would say nothing, and hiding it would break the client.
 */
const PROTOCOL_WORDS = new Set(
  `channel header parent_header metadata content buffers msg_id msg_type session username date version
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

/** A stream's text that waits because its end may be the beginning of a value. */
interface Held {
  readonly frame: Frame;
  readonly text: string;
}

/**
 * Hides delivered values in what one client gets from a kernel: in every string of a frame, in its binary
 * buffers, and across the chunks of a stream.
 */
export class Redactor {
  readonly #delivered: Delivered;
  readonly #held = new Map<string, Held>();

  constructor(delivered: Delivered) {
    this.#delivered = delivered;
  }

  /** @returns what the client gets in place of the frame, in order; empty while all of it is held back */
  pass(frame: Frame, payload: Payload): Payload[] {
    if (this.#delivered.empty) return [payload];
    const clean = !this.#delivered.mayBeIn(bytesOf(payload));
    if (frame.channel !== 'iopub') return [clean ? payload : this.#hide(frame, payload)];
    const type = readHeader(frame).msg_type;
    // Nearly all that a kernel sends: it holds no value, and neither ends nor begins one.
    if (clean && this.#held.size === 0 && (type !== 'stream' || !this.#mayStayOpen(frame))) return [payload];
    const parent = parentId(frame);
    if (type === 'stream') return this.#stream(frame, parent, clean ? payload : undefined);
    const ends =
      ENDS_A_STREAM.has(type) ||
      (type === 'status' && readObject(frame, 'content').execution_state === 'idle');
    return [...(ends ? this.#release(parent) : []), clean ? payload : this.#hide(frame, payload)];
  }

  /** False: the stream's text doesn't end with the beginning of a value. */
  #mayStayOpen(frame: Frame): boolean {
    const end = streamEnd(frame.bytes('content'), this.#delivered.reach);
    return end === undefined || this.#delivered.openEnd(end) > 0;
  }

  /** @param clean the frame as it came, if it holds no value */
  #stream(frame: Frame, parent: string, clean: Payload | undefined): Payload[] {
    const { name, text } = readObject(frame, 'content');
    if (typeof name !== 'string' || typeof text !== 'string') return [];
    const key = JSON.stringify([parent, name]);
    const held = this.#held.get(key)?.text ?? '';
    const all = this.#delivered.hide(held + text);
    const open = this.#delivered.openEnd(all);
    if (clean && held === '' && open === 0) return [clean];
    if (open > 0) this.#held.set(key, { frame, text: all.slice(all.length - open) });
    else this.#held.delete(key);
    const shown = all.slice(0, all.length - open);
    return shown === '' ? [] : [this.#withStream(frame, shown)];
  }

  #release(parent: string): Payload[] {
    const payloads: Payload[] = [];
    for (const [key, { frame, text }] of this.#held) {
      if ((JSON.parse(key) as unknown[])[0] !== parent) continue;
      this.#held.delete(key);
      payloads.push(this.#withStream(frame, text));
    }
    return payloads;
  }

  /** The stream's message with another text, which is hidden already. */
  #withStream(frame: Frame, text: string): Payload {
    const content = JSON.stringify({ ...readObject(frame, 'content'), text });
    return frame.replace({ ...this.#hiddenParts(frame), content: mapStrings(content, this.#hideString) });
  }

  #hide(frame: Frame, payload: Payload): Payload {
    const parts = this.#hiddenParts(frame);
    const buffers = frame.buffers();
    const hiddenBuffers = buffers.map((buffer) => this.#delivered.hideBytes(buffer));
    const same = hiddenBuffers.every((buffer, index) => buffer === buffers[index]);
    if (same && Object.keys(parts).length === 0) return payload;
    return frame.replace(parts, hiddenBuffers);
  }

  /** The parts that held a value, without it. */
  #hiddenParts(frame: Frame): Partial<Record<Part, string>> {
    const parts: Partial<Record<Part, string>> = {};
    for (const part of PARTS) {
      const text = frame.text(part);
      const hidden = mapStrings(text, this.#hideString);
      if (hidden !== text) parts[part] = hidden;
    }
    return parts;
  }

  readonly #hideString = (text: string): string =>
    PROTOCOL_WORDS.has(text) ? text : this.#delivered.hide(text);
}

function bytesOf({ data }: Payload): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : data;
}
