import { Secret } from '../../core/secret.js';
import type { Token } from '../issued-tokens.js';

/** The members of an answer that is a JSON object; none of any other. */
export function membersOf(answer: Buffer | string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(answer.toString()));
  } catch {
    return {};
  }
}

/**
 * The token in an answer (RFC 6749 section 5.1), where there is one. Azure's machines write the seconds as text. One
 * that doesn't say how long it lives is used once.
 */
export function tokenIn({ access_token, expires_in }: Readonly<Record<string, unknown>>): Token | undefined {
  if (typeof access_token !== 'string') return undefined;
  const life = Math.max(0, Number(expires_in) || 0);
  return { secret: new Secret(access_token), expiresAt: Date.now() + life * 1000 };
}

/** What an answer without one says, as far as it is one of OAuth's few words: ` (invalid_client)`. */
export function errorWord(error: unknown): string {
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : '';
}
