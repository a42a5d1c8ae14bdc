import { hash, timingSafeEqual } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { Secret } from '../../processors/secret.js';

/** A token as the gateway keeps it: its name for logs, and its hash. */
export interface KnownToken {
  readonly name: string;
  readonly digest: Buffer;
  /** True when no number of tries finds it. */
  readonly unguessable: boolean;
}

export function knownToken(name: string, token: Secret): KnownToken {
  return { name, digest: sha256(token.reveal()), unguessable: isUnguessable(token.reveal().trim()) };
}

/** What a token has to be worth, in bits, so that guessing it is hopeless at any speed. */
const ENOUGH_BITS = 72;

/**
 * True of what looks as if chance had made it: base64 or hexadecimal of ten bytes or more, a UUID. The estimate is on
 * the low side: Shannon's entropy of the characters over the whole length, nothing that repeats itself, letters and
 * digits in turn. Words with a year behind them, or one word four times over, are none.
 */
export function isUnguessable(token: string): boolean {
  if (!/\d/.test(token) || !/[a-z]/i.test(token) || /\s/.test(token)) return false;
  const kinds = token
    .replace(/[^a-z\d]/gi, '')
    .replace(/[a-z]/g, 'a')
    .replace(/[A-Z]/g, 'A')
    .replace(/\d/g, '1');
  const changes = kinds.replace(/(.)\1+/g, '$1').length - 1;
  if (changes < kinds.length / 4) return false;
  const counts = new Map<string, number>();
  for (const character of token) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits += count * Math.log2(token.length / count);
  return bits >= ENOUGH_BITS && deflateRawSync(token, { level: 9 }).length * 8 >= ENOUGH_BITS * 1.5;
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
