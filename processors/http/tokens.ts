import { createHash } from 'node:crypto';
import type { Secret } from '../core/secret.js';

/** A short-lived token that stands for a connection's own credential. */
export interface Token {
  readonly secret: Secret;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** A token that ends sooner than this isn't used any more, in milliseconds: the request takes time too. */
const MARGIN_MS = 30_000;

/** The largest answer that can hold one, in bytes. */
export const LARGEST_TOKEN = 100_000;

/** How long a service may take to issue one, in milliseconds. */
const LIMIT_MS = 30_000;

const tokens = new Map<string, { readonly token: Promise<Token>; expiresAt: number }>();

/**
 * The token that these credentials gave, until it expires. Fetched once for all cells that wait for it: the one that is
 * interrupted doesn't take it from the others.
 *
 * @param credentials everything that the token depends on
 * @param fetch gets its own time limit
 */
export async function tokenFor(
  credentials: readonly unknown[],
  fetch: (signal: AbortSignal) => Promise<Token>,
  signal: AbortSignal,
): Promise<Secret> {
  const key = keyOf(credentials);
  const now = Date.now();
  for (const [old, { expiresAt }] of tokens) if (expiresAt < now) tokens.delete(old);
  let known = tokens.get(key);
  if (known === undefined) {
    const entry = { token: fetch(AbortSignal.timeout(LIMIT_MS)), expiresAt: Number.POSITIVE_INFINITY };
    tokens.set(key, entry);
    entry.token.then(
      ({ expiresAt }) => {
        entry.expiresAt = expiresAt - MARGIN_MS;
      },
      () => tokens.delete(key),
    );
    known = entry;
  }
  const { secret } = await unless(signal, known.token);
  return secret;
}

/** The service didn't accept it: the next cell gets a new one. */
export function forgetToken(credentials: readonly unknown[]): void {
  tokens.delete(keyOf(credentials));
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
