/** So many are known again; the oldest is forgotten, and looked for once more. */
const MOST_KNOWN = 1000;

/**
 * The looks into what other replicas know of one kernel, each about the first word of something. All clients of the
 * kernel share them: what is looked for on behalf of one is known to all.
 */
export class Looks {
  readonly #learn: () => Promise<void>;
  /** By what was looked for; undefined when the look is over. */
  readonly #known = new Map<string, Promise<void> | undefined>();

  /** @param learn learns what the kernel was given, at whichever replica, before the call */
  constructor(learn: () => Promise<void>) {
    this.#learn = learn;
  }

  /** Whether a look about it is over. */
  isKnown(key: string): boolean {
    return this.#known.has(key) && this.#known.get(key) === undefined;
  }

  /**
   * @param keys what the frames that wait are about; undefined for one that is looked for whenever it comes
   * @returns resolves when all of it is known; one look serves all that is new
   */
  async about(keys: readonly (string | undefined)[]): Promise<void> {
    const fresh = keys.filter((key) => key === undefined || !this.#known.has(key));
    const under = keys.map((key) => (key === undefined ? undefined : this.#known.get(key)));
    if (fresh.length > 0) under.push(this.#look(fresh.filter((key) => key !== undefined)));
    await Promise.all(under);
  }

  #look(keys: readonly string[]): Promise<void> {
    const look = this.#learn();
    for (const key of keys) this.#remember(key, look);
    const set = (over: (key: string) => void) => () => {
      for (const key of keys) if (this.#known.get(key) === look) over(key);
    };
    look.then(
      set((key) => this.#known.set(key, undefined)),
      set((key) => this.#known.delete(key)),
    );
    return look;
  }

  #remember(key: string, look: Promise<void>): void {
    this.#known.set(key, look);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > MOST_KNOWN) this.#known.delete(oldest);
  }
}
