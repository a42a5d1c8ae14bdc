/** How often at most one kind of line is written for one address, in milliseconds. */
const EVERY_MS = 1_000;

/** Kinds that are counted at a time (invariant S15); those beyond share one line. */
const MOST_KINDS = 1_024;

interface Count {
  /** Since the last line. */
  more: number;
  write: (more: number) => void;
}

/**
 * Holds back lines of a log that say the same of the same address: any client can have a million requests refused, or
 * frames, and each would cost a line (invariant S15).
 *
 * The first is written at once; what comes within the second after it is counted, and the last of it is written when the
 * second is over.
 */
export class Tally {
  readonly #counts = new Map<string, Count>();

  /**
   * @param kind what the line says, and of whom
   * @param write writes the line. @param write.more how many like it were held back before it
   */
  tell(kind: string, write: (more: number) => void): void {
    const key = this.#counts.has(kind) || this.#counts.size < MOST_KINDS ? kind : '';
    const count = this.#counts.get(key);
    if (count === undefined) {
      this.#begin(key);
      write(0);
    } else {
      count.more += 1;
      count.write = write;
    }
  }

  #begin(key: string): void {
    const count: Count = { more: 0, write: () => {} };
    this.#counts.set(key, count);
    const look = () => {
      const { more, write } = count;
      if (more === 0) {
        this.#counts.delete(key);
        return;
      }
      count.more = 0;
      setTimeout(look, EVERY_MS).unref();
      write(more - 1);
    };
    setTimeout(look, EVERY_MS).unref();
  }
}
