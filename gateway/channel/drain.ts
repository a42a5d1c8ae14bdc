import { type Frame, readObject } from './frame.js';
import { readHeader } from './messages.js';

/**
 * Tells when a client's cells are done: their replies have come on the shell channel, and on iopub, whose messages may
 * come later, the kernel is idle again.
 * Source: jupyter-client.readthedocs.io/en/stable/messaging.html, "Request-Reply" and "Kernel status".
 */
export class Drain {
  readonly over: Promise<void>;
  readonly #running: () => boolean;
  #done = () => {};
  #busy: boolean;

  /** @param running whether a cell still waits for its reply */
  constructor(running: () => boolean) {
    this.#running = running;
    this.#busy = running();
    this.over = new Promise((resolve) => {
      this.#done = resolve;
    });
    this.#look();
  }

  /** @param frame from the kernel, when everything else that it brings is done */
  see(frame: Frame): void {
    if (frame.channel === 'iopub' && readHeader(frame).msg_type === 'status')
      this.#busy = readObject(frame, 'content').execution_state === 'busy';
    this.#look();
  }

  /** Nothing comes any more: the client or the kernel is gone. */
  end(): void {
    this.#done();
  }

  #look(): void {
    if (!this.#busy && !this.#running()) this.#done();
  }
}
