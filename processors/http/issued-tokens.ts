import { createHash } from 'node:crypto';
import type { Closable } from '../core/resources.js';
import type { Secret } from '../core/secret.js';

/** A short-lived token that is sent in place of a connection's own credential. */
export interface Token {
  readonly secret: Secret;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** A token that ends sooner than this isn't used any more, in milliseconds: the request takes time too. */
const MARGIN_MS = 30_000;

/** The largest answer that is read for a token, in bytes. */
export const LARGEST_TOKEN = 100_000;

/** How long a service may take to issue one, in milliseconds. */
const LIMIT_MS = 30_000;

interface Kept {
  readonly token: Promise<Token>;
  expiresAt: number;
}

/** The tokens that services have issued, each until it expires. */
export class Tokens implements Closable {
  readonly #kept = new Map<string, Kept>();
  #isClosed = false;

  /**
   * The token that these credentials gave. Fetched once for all cells that wait for it: an interrupted cell
   * doesn't take it from the others.
   *
   * @param credentials everything that the token depends on
   * @param fetch gets its own time limit
   */
  async for(
    credentials: readonly unknown[],
    fetch: (signal: AbortSignal) => Promise<Token>,
    signal: AbortSignal,
  ): Promise<Secret> {
    const key = keyOf(credentials);
    const now = Date.now();
    for (const [old, { expiresAt }] of this.#kept) if (expiresAt < now) this.#kept.delete(old);
    const { secret } = await unless(signal, (this.#kept.get(key) ?? this.#fetch(key, fetch)).token);
    return secret;
  }

  /** The service didn't accept it: the next cell gets a new one. */
  forget(credentials: readonly unknown[]): void {
    this.#kept.delete(keyOf(credentials));
  }

  close(): void {
    this.#isClosed = true;
    this.#kept.clear();
  }

  #fetch(key: string, fetch: (signal: AbortSignal) => Promise<Token>): Kept {
    const kept = { token: fetch(AbortSignal.timeout(LIMIT_MS)), expiresAt: Number.POSITIVE_INFINITY };
    if (!this.#isClosed) this.#kept.set(key, kept);
    kept.token.then(
      ({ expiresAt }) => {
        kept.expiresAt = expiresAt - MARGIN_MS;
      },
      () => this.#kept.delete(key),
    );
    return kept;
  }
}

function keyOf(credentials: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(credentials)).digest('base64');
}

function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
