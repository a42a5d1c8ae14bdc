import type { Frame, Payload } from '../wire/frame.js';
import { type MessageWriter, readHeader } from '../wire/messages.js';

/** So many bytes are kept. Beyond that, output is cut. */
const OUTPUT_BYTES = 8 * 1024 * 1024;

/** And so much of what a client waits for (replies, states, questions): a kernel chooses their size too (invariant S15). */
const MOST_BYTES = 2 * OUTPUT_BYTES;

/** The size of a cut's note beside its text, about. */
const CUT_COST_BYTES = 1024;

/** Messages that a client can do without. Without a reply or an idle it would wait for ever. */
const OUTPUT = new Set(['stream', 'display_data', 'update_display_data', 'execute_result', 'clear_output']);

/** Output that is not kept, of one cell. */
interface Cut {
  /** The header of the request that it belongs to. */
  readonly parent: string;
  readonly session: string;
  messages: number;
  bytes: number;
}

/** What a client has missed while it was away, in order. Where output was cut, a message says so in its place. */
export class Missed {
  readonly #writer: MessageWriter;
  readonly #items: (Payload | Cut)[] = [];
  #bytes = 0;
  #lastCut: Cut | undefined;

  constructor(writer: MessageWriter) {
    this.#writer = writer;
  }

  /** Whether more would be cut. */
  get isFull(): boolean {
    return this.#bytes > OUTPUT_BYTES;
  }

  /** @param frame what it is about, where a kernel sent it; absent for an answer of the gateway */
  add(payload: Payload, frame?: Frame): void {
    const bytes = payload.data.length;
    const isOutput = frame !== undefined && OUTPUT.has(readHeader(frame).msg_type);
    if (frame !== undefined && this.#bytes + bytes > (isOutput ? OUTPUT_BYTES : MOST_BYTES))
      this.gap(frame, 1, bytes);
    else this.keep(payload);
  }

  /** All of it, whatever its size: the source is paused and waits. */
  keep(payload: Payload): void {
    this.#bytes += payload.data.length;
    this.#items.push(payload);
  }

  /** Some of it is not kept. @param frame one of these messages, or the next of the same cell */
  gap(frame: Frame, messages: number, bytes: number): void {
    const cut = this.#cutOf(frame);
    cut.messages += messages;
    cut.bytes += bytes;
  }

  /** @returns all of it; it has none any more */
  take(): Payload[] {
    this.#bytes = 0;
    this.#lastCut = undefined;
    return this.#items.splice(0).map((item) => ('data' in item ? item : this.#notice(item)));
  }

  /** One for all that is cut of a cell until another one's output is. */
  #cutOf(frame: Frame): Cut {
    const parent = frame.text('parent_header');
    // A kernel chooses the requests that it quotes: beyond the limit all of it is one.
    if (this.#lastCut && (this.#lastCut.parent === parent || this.#bytes > MOST_BYTES)) return this.#lastCut;
    this.#lastCut = { parent, session: readHeader(frame).session, messages: 0, bytes: 0 };
    this.#items.push(this.#lastCut);
    this.#bytes += parent.length + CUT_COST_BYTES;
    return this.#lastCut;
  }

  #notice({ parent, session, messages, bytes }: Cut): Payload {
    const text =
      `Output was cut here: ${messages.toLocaleString('en')} messages (${(bytes / 1e6).toFixed(1)} MB) came while this page ` +
      `was not connected, and the gateway keeps ${Math.floor(OUTPUT_BYTES / 1e6)} MB. The cell itself went on.\n`;
    return this.#writer.stderrIn(parent, session, text);
  }
}
