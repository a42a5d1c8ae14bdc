import { hash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { GatewayError } from '../errors.js';

/** Failures of one address before it is refused without a look, and for how long, in seconds. */
const FAILURES = 10;
const PAUSE = 5 * 60;
/** The first failures are typing mistakes and answered at once; then the answer takes ever longer. */
const FREE_FAILURES = 3;
const LONGEST_DELAY_MS = 4_000;

/** Slows down clients that guess tokens. */
export interface Throttle {
  /**
   * Judges one try of an address; a right one clears its record, a wrong one is answered late. Different wrong guesses
   * count: a forgotten tab that asks with yesterday's token for hours guesses nothing, and pays nothing.
   *
   * @param guess what was presented
   * @param judge synchronous: between the look at the record and the verdict no other request gets a turn, so a
   * burst of parallel guesses is counted like a sequence
   * @returns what `judge` returned
   * @throws {GatewayError} THROTTLED, with `retryAfter`, while too many have failed; never for a right token that can not
   *   be found by guessing ({@link Verdict.unguessable}): else any process of this machine could lock its owner out
   */
  attempt<T extends Verdict>(
    address: string,
    guess: string,
    judge: () => T | undefined,
  ): Promise<T | undefined>;
}

/** What is known of a right guess. */
export interface Verdict {
  readonly unguessable: boolean;
}

/** @param wait how a delay is spent; takes milliseconds */
export function createThrottle(wait: (ms: number) => Promise<unknown> = sleep): Throttle {
  const limiter = new RateLimiterMemory({ points: FAILURES, duration: PAUSE });
  const salt = randomBytes(16).toString('hex');
  /** The wrong guesses of each record, as salted hashes: as many as count. */
  const guesses = new Map<number, Set<number>>();

  // Records are kept per bucket, not per address: an attacker with any number of addresses fills 65,536
  // small records and no more. The salt keeps them from choosing whose bucket they share.
  const bucket = (address: string) => hash('sha256', salt + networkOf(address), 'buffer').readUInt16BE(0);

  const forget = async (key: number): Promise<void> => {
    guesses.delete(key);
    await limiter.delete(key);
  };
  /** @returns whether this wrong guess was made before, as far as its record goes back */
  const isRepeated = (key: number, mark: number): boolean => {
    const known = guesses.get(key) ?? new Set();
    guesses.set(key, known);
    if (known.has(mark)) return true;
    if (known.size < FAILURES) known.add(mark);
    return false;
  };

  return {
    async attempt(address, guess, judge) {
      const key = bucket(address);
      const record = limiter.get(key);
      const verdict = judge();
      const mark = hash('sha256', salt + guess, 'buffer').readUIntBE(0, 6);
      const repeated = verdict === undefined && isRepeated(key, mark);
      const failed = verdict === undefined && !repeated ? limiter.penalty(key) : undefined;

      const before = await record;
      if (before === null && verdict === undefined) {
        // Its record is over, or there was none: one begins with this guess.
        guesses.set(key, new Set([mark]));
        if (repeated) await limiter.penalty(key);
      }
      if (verdict?.unguessable) {
        if (before !== null && before.consumedPoints < FAILURES) await forget(key);
        return verdict;
      }
      if (before !== null && before.consumedPoints >= FAILURES && before.msBeforeNext > 0) {
        const retryAfter = Math.ceil(before.msBeforeNext / 1000);
        throw new GatewayError('THROTTLED', undefined, { retryAfter });
      }
      if (repeated) return undefined;
      if (failed === undefined) {
        if (before !== null) await forget(key);
        return verdict;
      }
      const { consumedPoints } = await failed;
      if (consumedPoints === FAILURES) await limiter.block(key, PAUSE);
      if (consumedPoints > FREE_FAILURES)
        await wait(Math.min(250 * 2 ** (consumedPoints - FREE_FAILURES), LONGEST_DELAY_MS));
      return undefined;
    },
  };
}

/**
 * Whom a record is kept for: an IPv4 address, also when it comes mapped into IPv6, or a /64, which is what
 * one IPv6 subscriber gets at least (RFC 6177).
 */
function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - groups.length - last.length)).fill('0');
  const all = tail === undefined ? groups : [...groups, ...zeros, ...last];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
