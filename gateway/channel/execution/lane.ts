/** One request that waits its turn on the way to the kernel. */
export interface Turn {
  /** Size of the request, in bytes. */
  readonly bytes: number;
  /** Passes the request on; the next turn starts when this has settled. After a rejection none does. */
  run(): void | Promise<void>;
  /** Called when an earlier cell failed while this one waits; an execute_request then answers `aborted`. */
  abort(): void;
}

/** The memory of a waiting request beside its bytes: a flood of small ones is a flood too. */
const COST = 1024;

/**
 * Keeps the order of the shell requests of one (session, subshell): while an asynchronous rewrite is under
 * way, everything behind it waits, so a later cell never overtakes an earlier one.
 */
export class Lane {
  readonly #turns: Turn[] = [];
  readonly #onSize: (change: number) => void;

  /** @param onSize called with the number of bytes by which the waiting requests grew or shrank */
  constructor(onSize: (change: number) => void) {
    this.#onSize = onSize;
  }

  get idle(): boolean {
    return this.#turns.length === 0;
  }

  /**
   * @returns undefined when the turn is over already or waits for others, else when the lane is idle again;
   *   rejects as the turn that failed
   */
  push(turn: Turn): Promise<void> | undefined {
    if (this.idle) {
      const running = turn.run();
      if (!running) return undefined;
      this.#wait(turn);
      return this.#drain(running);
    }
    this.#wait(turn);
    return undefined;
  }

  /** A cell before them failed: aborts every request that waits here. */
  abort(): void {
    for (const turn of this.#turns) turn.abort();
  }

  #wait(turn: Turn): void {
    this.#turns.push(turn);
    this.#onSize(turn.bytes + COST);
  }

  async #drain(first: Promise<void>): Promise<void> {
    await first;
    for (;;) {
      const done = this.#turns.shift();
      if (done) this.#onSize(-(done.bytes + COST));
      const next = this.#turns[0];
      if (!next) return;
      await next.run();
    }
  }
}
