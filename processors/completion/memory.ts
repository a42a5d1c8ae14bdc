import { createHash } from 'node:crypto';
import { Secret } from '../core/secret.js';
import { within } from '../core/within.js';

/** How long names are offered before they are fetched again, in milliseconds; after a failure that is sooner. */
const FRESH_MS = 180_000;
const FAILED_MS = 15_000;
/** How long an answer waits for them, and how long a load may take in all. In milliseconds. */
const WAIT_MS = 700;
const LOAD_MS = 10_000;
/** The most entries. Each is the result of one load, whose size its processor bounds. */
const MOST = 200;
/** Loads at a time: a user who types must not put a burden on a service. */
const MOST_LOADING = 16;

interface Entry {
  readonly value: Promise<unknown>;
  staleAt: number;
}

/** Names from services, for completion. Loads are shared: further keystrokes never ask a second time. */
export class Memory {
  readonly #entries = new Map<string, Entry>();
  #loading = 0;

  /**
   * @param key of what is remembered, its connection's {@link identityOf} in it
   * @returns undefined when the load failed or isn't ready yet
   */
  async remembered<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    let entry = this.#entries.get(key);
    if (entry === undefined || entry.staleAt < Date.now()) {
      if (this.#loading >= MOST_LOADING) return undefined;
      entry = this.#start(key, load);
    }
    return within(WAIT_MS, entry.value as Promise<T | undefined>, () => undefined);
  }

  #start(key: string, load: (signal: AbortSignal) => Promise<unknown>): Entry {
    this.#loading += 1;
    const entry: Entry = {
      staleAt: Date.now() + FRESH_MS,
      value: load(AbortSignal.timeout(LOAD_MS))
        .catch(() => {
          // No error is shown while the user types: running the cell tells what is wrong.
          entry.staleAt = Date.now() + FAILED_MS;
          return undefined;
        })
        .finally(() => {
          this.#loading -= 1;
        }),
    };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > MOST && oldest !== undefined) this.#entries.delete(oldest);
    return entry;
  }
}

/** Changes with the address and the credential of a connection: what one user may see isn't shown to another. */
export function identityOf(settings: unknown): string {
  const text = JSON.stringify(settings, function (this: Record<string, unknown>, key, value: unknown) {
    // `value` has been through toJSON already, which hides it.
    const original = this[key];
    return original instanceof Secret ? original.reveal() : value;
  });
  return createHash('sha256').update(text).digest('base64');
}
