import { type Frame, readObject } from '../wire/frame.js';
import { parentId, readHeader } from '../wire/messages.js';

/**
 * Tells when a client's cells are done: each one's reply has come on the shell channel, and its idle on iopub, which
 * what it wrote comes before. The two channels have no order between them: of two cells one after the other, the second
 * one's reply may come before the first one's idle.
 * Source: jupyter-client.readthedocs.io/en/stable/messaging.html, "Request-Reply" and "Kernel status".
 */
export class Drain {
  readonly over: Promise<void>;
  readonly #running: ReadonlyMap<string, unknown>;
  /** Cells that have their reply and not their idle, by msg_id, and those that have it the other way round. */
  readonly #replied = new Set<string>();
  readonly #idle = new Set<string>();
  #done = () => {};

  /** @param running the cells that wait for their reply, by msg_id; it changes with them */
  constructor(running: ReadonlyMap<string, unknown>) {
    this.#running = running;
    this.over = new Promise((resolve) => {
      this.#done = resolve;
    });
    this.#look();
  }

  /** A reply has come, and its cell, if it has one, is about to cease to run. A kernel may make up others. */
  replied(cell: string): void {
    if (this.#running.has(cell) && !this.#idle.delete(cell)) this.#replied.add(cell);
  }

  /** @param frame from the kernel, when everything else that it brings is done */
  see(frame: Frame): void {
    if (frame.channel === 'iopub' && readHeader(frame).msg_type === 'status') {
      const cell = parentId(frame);
      const isIdle = readObject(frame, 'content').execution_state === 'idle';
      // Of other clients' cells nothing is kept.
      if (isIdle && !this.#replied.delete(cell) && this.#running.has(cell)) this.#idle.add(cell);
    }
    this.#look();
  }

  /** Nothing comes any more: the client or the kernel is gone. */
  end(): void {
    this.#done();
  }

  #look(): void {
    if (this.#replied.size === 0 && this.#running.size === 0) this.#done();
  }
}
