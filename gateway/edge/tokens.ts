import { hash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../processors/core/secret.js';
import type { Rights } from '../policy/rights.js';
import { isUnguessable } from './unguessable.js';

/** A token as the gateway keeps it: its name for logs, what it allows, and its hash. */
export interface KnownToken {
  readonly name: string;
  readonly rights: Rights;
  readonly digest: Buffer;
  /** True when no number of tries finds it. */
  readonly unguessable: boolean;
}

export function knownToken(name: string, token: Secret, rights: Rights): KnownToken {
  return { name, rights, digest: sha256(token.reveal()), unguessable: isUnguessable(token.reveal().trim()) };
}

/**
 * Which token this is, in a time that says nothing about any of them: hashes have one length and differ
 * everywhere when the tokens differ somewhere, and every known token is compared, found or not.
 *
 * @returns undefined when it is none of them
 */
export function matchToken(known: readonly KnownToken[], presented: string): KnownToken | undefined {
  const digest = sha256(presented);
  let found: KnownToken | undefined;
  for (const token of known) if (timingSafeEqual(token.digest, digest)) found = token;
  return found;
}

/** Without surrounding space, which comes with copying and which Jupyter ignores as well. */
function sha256(text: string): Buffer {
  return hash('sha256', text.trim(), 'buffer');
}
