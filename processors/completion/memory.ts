import { createHash } from 'node:crypto';
import { Secret } from '../core/secret.js';
import { within } from '../core/within.js';

/** How long names are good to be offered, in milliseconds; a service that failed is asked again sooner. */
const FRESH_MS = 180_000;
const FAILED_MS = 15_000;
/** How long an answer waits for them, and how long a load may take in all. In milliseconds. */
const WAIT_MS = 700;
const LOAD_MS = 10_000;
/** Entries that are kept; each holds what one load gave, which is bounded by its processor. */
const MOST = 200;
/** Loads at a time: one who types isn't to be a load on a service. */
const MOST_LOADING = 16;

interface Entry {
  readonly value: Promise<unknown>;
  staleAt: number;
}

/** What services told for completion. Loads are shared: typing on never asks a second time. */
export class Memory {
  readonly #entries = new Map<string, Entry>();
  #loading = 0;

  /**
   * @param key of what is remembered, its connection's {@link identityOf} in it
   * @returns undefined when it can't be had, or isn't there yet
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

/** Changes with the address and the credential of a connection: what one may see isn't shown to another. */
export function identityOf(settings: unknown): string {
  const text = JSON.stringify(settings, function (this: Record<string, unknown>, key, value: unknown) {
    // `value` has been through toJSON already, which hides it.
    const original = this[key];
    return original instanceof Secret ? original.reveal() : value;
  });
  return createHash('sha256').update(text).digest('base64');
}
