import type { Delivered } from './delivered.js';
import { type Frame, PARTS, type Part, type Payload } from './frame.js';
import { mapStrings } from './json-text.js';
import { parentId, readHeader, readObject } from './messages.js';

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
    if (frame.channel !== 'iopub') return [this.#hide(frame, payload)];
    const type = readHeader(frame).msg_type;
    const parent = parentId(frame);
    if (type === 'stream') return this.#stream(frame, parent);
    const ends =
      ENDS_A_STREAM.has(type) ||
      (type === 'status' && readObject(frame, 'content').execution_state === 'idle');
    return [...(ends ? this.#release(parent) : []), this.#hide(frame, payload)];
  }

  #stream(frame: Frame, parent: string): Payload[] {
    const { name, text } = readObject(frame, 'content');
    if (typeof name !== 'string' || typeof text !== 'string') return [];
    const key = JSON.stringify([parent, name]);
    const all = this.#delivered.hide((this.#held.get(key)?.text ?? '') + text);
    const open = this.#delivered.openEnd(all);
    if (open > 0) this.#held.set(key, { frame, text: all.slice(all.length - open) });
    else this.#held.delete(key);
    const shown = all.slice(0, all.length - open);
    return shown === '' ? [] : [withStream(frame, shown)];
  }

  #release(parent: string): Payload[] {
    const payloads: Payload[] = [];
    for (const [key, { frame, text }] of this.#held) {
      if ((JSON.parse(key) as unknown[])[0] !== parent) continue;
      this.#held.delete(key);
      payloads.push(withStream(frame, text));
    }
    return payloads;
  }

  #hide(frame: Frame, payload: Payload): Payload {
    const bytes = typeof payload.data === 'string' ? Buffer.from(payload.data) : payload.data;
    if (!this.#delivered.mayBeIn(bytes)) return payload;
    const hide = (text: string): string => (PROTOCOL_WORDS.has(text) ? text : this.#delivered.hide(text));
    const parts: Partial<Record<Part, string>> = {};
    for (const part of PARTS) {
      const text = frame.text(part);
      const hidden = mapStrings(text, hide);
      if (hidden !== text) parts[part] = hidden;
    }
    const buffers = frame.buffers();
    const hiddenBuffers = buffers.map((buffer) => this.#delivered.hideBytes(buffer));
    const same = hiddenBuffers.every((buffer, index) => buffer === buffers[index]);
    if (same && Object.keys(parts).length === 0) return payload;
    return frame.replace(parts, hiddenBuffers);
  }
}

function withStream(frame: Frame, text: string): Payload {
  return frame.replace({ content: JSON.stringify({ ...readObject(frame, 'content'), text }) });
}
