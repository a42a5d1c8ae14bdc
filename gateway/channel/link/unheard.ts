import { performance } from 'node:perf_hooks';
import type { WebSocket } from 'ws';
import type { Payload } from '../wire/frame.js';
import { SentFrames } from './sent-frames.js';

/** Between two pings, in milliseconds: a stream of thousands of frames costs twenty a second. */
const PING_MS = 50;

/**
 * What is kept of them, in bytes. The system's buffers can hold more for a client that a fast stream overtakes, but to
 * keep all of it takes a third of the stream's speed; a client whose link is frozen otherwise has far less.
 */
const MOST_BYTES = 2 * 1024 * 1024;

/** How long a client may be silent, in milliseconds: eight of its round trips, and never more or less than this. */
const PATIENCE_MS = { least: 500, unknown: 1_000, most: 3_000 };

/**
 * What a client was sent and may not have got: the frames since the last ping that it answered (RFC 6455 section 5.5.3).
 * Nothing else tells what arrived: TCP takes megabytes for a client behind a frozen link.
 */
export class Unheard {
  readonly #client: WebSocket;
  readonly #frames = new SentFrames(MOST_BYTES);
  /** The ping that is not answered, by the word in it, and how many frames there were before it. */
  #ping: { readonly word: string; readonly behind: number; readonly at: number } | undefined;
  #pings = 0;
  #lastAt = 0;
  /** When the client last said anything. */
  #heardAt = 0;
  #roundTrip: number | undefined;
  #later: NodeJS.Timeout | undefined;

  constructor(client: WebSocket) {
    this.#client = client;
    client.on('pong', (data) => this.#pong(data.toString('latin1')));
    client.on('message', () => {
      this.#heardAt = performance.now();
    });
    client.on('close', () => clearTimeout(this.#later));
  }

  /** A frame was sent, as the last of all. */
  sent(payload: Payload): void {
    this.#frames.add(payload);
    if (this.#ping === undefined && this.#later === undefined) this.#askSoon();
  }

  /** @returns the frames, in order, and how many before them are not kept; it has none any more */
  take(): { readonly frames: Payload[]; readonly lost: SentFrames['lost'] } {
    const { lost } = this.#frames;
    return { lost, frames: this.#frames.take() };
  }

  /** How long the client has said nothing while frames wait for its word, in milliseconds. */
  get silence(): number {
    return this.#ping === undefined ? 0 : this.#silence(this.#ping.at);
  }

  /** Asks the client whether it is there. @returns false when it does not answer in time */
  async asked(): Promise<boolean> {
    if (this.silence >= this.#patience) return false;
    if (this.#ping === undefined) this.#ask();
    const at = this.#ping?.at ?? 0;
    return new Promise((resolve) => {
      const end = (isThere: boolean) => {
        clearTimeout(limit);
        this.#client.off('pong', answered);
        this.#client.off('message', answered);
        this.#client.off('close', left);
        resolve(isThere);
      };
      const answered = () => end(true);
      const left = () => end(false);
      const limit = setTimeout(left, Math.max(0, this.#patience - this.#silence(at)));
      this.#client.on('pong', answered);
      this.#client.on('message', answered);
      this.#client.on('close', left);
    });
  }

  #silence(since: number): number {
    return performance.now() - Math.max(since, this.#heardAt);
  }

  get #patience(): number {
    const { least, unknown, most } = PATIENCE_MS;
    return this.#roundTrip === undefined ? unknown : Math.min(most, Math.max(least, 8 * this.#roundTrip));
  }

  #askSoon(): void {
    const wait = this.#lastAt + PING_MS - performance.now();
    if (wait <= 0) this.#ask();
    else this.#later ??= setTimeout(() => this.#ask(), wait).unref();
  }

  #ask(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (this.#ping !== undefined || this.#client.readyState !== this.#client.OPEN) return;
    this.#lastAt = performance.now();
    this.#ping = { word: `heard ${this.#pings++}`, behind: this.#frames.added, at: this.#lastAt };
    this.#client.ping(this.#ping.word);
  }

  #pong(word: string): void {
    if (this.#ping?.word !== word) return;
    this.#roundTrip = performance.now() - this.#ping.at;
    this.#frames.forget(this.#ping.behind);
    this.#ping = undefined;
    if (!this.#frames.isEmpty) this.#askSoon();
  }
}
