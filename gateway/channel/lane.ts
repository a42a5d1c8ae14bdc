/** One request that waits its turn on the way to the kernel. */
export interface Turn {
  /** Size of what it holds, in bytes. */
  readonly bytes: number;
  /** Passes the request on; the next turn starts when this has settled. Must not reject. */
  run(): void | Promise<void>;
  /** Told when an earlier cell failed while this one waits; an execute_request then answers `aborted`. */
  abort(): void;
}

/**
 * Keeps the order of the shell requests of one (session, subshell): while an asynchronous rewrite is under
 * way, everything behind it waits, so a later cell never overtakes an earlier one.
 */
export class Lane {
  readonly #turns: Turn[] = [];
  readonly #onSize: (change: number) => void;

  /** @param onSize told by how many bytes the waiting requests grew or shrank */
  constructor(onSize: (change: number) => void) {
    this.#onSize = onSize;
  }

  push(turn: Turn): void {
    if (this.#turns.length === 0) {
      const running = turn.run();
      if (!running) return;
      this.#wait(turn);
      void this.#drain(running);
    } else {
      this.#wait(turn);
    }
  }

  /** A cell before them failed: everything that waits here is told so. */
  abort(): void {
    for (const turn of this.#turns) turn.abort();
  }

  #wait(turn: Turn): void {
    this.#turns.push(turn);
    this.#onSize(turn.bytes);
  }

  async #drain(first: Promise<void>): Promise<void> {
    await first;
    for (;;) {
      const done = this.#turns.shift();
      this.#onSize(-(done?.bytes ?? 0));
      const next = this.#turns[0];
      if (!next) return;
      await next.run();
    }
  }
}
