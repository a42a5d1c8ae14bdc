import type { WebSocket } from 'ws';
import type { Source } from '../../proxy/legs.js';
import { decode, type Wire } from '../wire/codec.js';
import type { Frame, Payload } from '../wire/frame.js';
import { MessageWriter } from '../wire/messages.js';
import { Missed } from './missed.js';
import type { Unheard } from './unheard.js';

/** How long what a client has missed is kept when nothing waits for its answer any more, in milliseconds. */
const KEPT_MS = 10 * 60_000;

/** And how long a question waits for it: as long as a login lasts. */
const LONGEST_KEPT_MS = 12 * 60 * 60_000;

/** What is kept for a client that is away, and for how long its upstream websocket stays open for it. */
export class Absence {
  readonly #wire: Wire;
  readonly #upstream: WebSocket;
  /** Pauses the upstream: Jupyter keeps what is beyond the limit. */
  readonly #full: Source;
  readonly #missed: Missed;
  #end: NodeJS.Timeout | undefined;

  constructor(wire: Wire, upstream: WebSocket, full: Source) {
    this.#wire = wire;
    this.#upstream = upstream;
    this.#full = full;
    this.#missed = new Missed(new MessageWriter(wire));
  }

  /**
   * The client has left.
   * @param unheard what it was sent and may not have got
   * @param awaits whether the kernel waits for an answer
   */
  begin(unheard: ReturnType<Unheard['take']> | undefined, awaits: boolean): void {
    if (unheard) this.#keep(unheard);
    this.#endAfter(awaits ? LONGEST_KEPT_MS : KEPT_MS);
  }

  /** Something came for the client. @param awaits as above */
  miss(payload: Payload, frame: Frame | undefined, awaits: boolean): void {
    // A kernel that waits is heard on, whatever it says meanwhile: Jupyter would not let the answer through.
    if (awaits) {
      this.#missed.add(payload, frame);
      return;
    }
    this.#missed.keep(payload);
    if (this.#missed.isFull) this.#full.pause();
  }

  /** The kernel does not wait any more. */
  answered(): void {
    this.#endAfter(KEPT_MS);
  }

  /** The client is back, or can't come back any more. @returns what it missed, once */
  over(): Payload[] {
    clearTimeout(this.#end);
    this.#full.resume();
    return this.#missed.take();
  }

  #endAfter(ms: number): void {
    clearTimeout(this.#end);
    const end = () => {
      this.#full.resume();
      this.#upstream.close(1001);
    };
    this.#end = setTimeout(end, ms).unref();
  }

  #keep({ frames, lost }: ReturnType<Unheard['take']>): void {
    const read = ({ data, binary }: Payload) =>
      decode(this.#wire, typeof data === 'string' ? Buffer.from(data) : data, binary);
    const first =
      lost.messages === 0 ? undefined : frames.map(read).find(({ channel }) => channel === 'iopub');
    if (first) this.#missed.gap(first, lost.messages, lost.bytes);
    for (const payload of frames) this.#missed.keep(payload);
  }
}
