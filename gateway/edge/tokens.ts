import { hash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../processors/secret.js';

/** A token as the gateway keeps it: its name for logs, and its hash. */
export interface KnownToken {
  readonly name: string;
  readonly digest: Buffer;
}

export function knownToken(name: string, token: Secret): KnownToken {
  return { name, digest: sha256(token.reveal()) };
}

/**
 * Which token this is, in a time that says nothing about any of them: hashes have one length and differ
 * everywhere when the tokens differ somewhere, and every known token is compared, found or not.
 *
 * @returns its name; undefined when it is none of them
 */
export function matchToken(known: readonly KnownToken[], presented: string): string | undefined {
  const digest = sha256(presented);
  let name: string | undefined;
  for (const token of known) if (timingSafeEqual(token.digest, digest)) name = token.name;
  return name;
}

/** Without surrounding space, which comes with copying and which Jupyter ignores as well. */
function sha256(text: string): Buffer {
  return hash('sha256', text.trim(), 'buffer');
}
