import type { X509Certificate } from 'node:crypto';

const SECOND_MS = 1_000;
/** First wait after a failure, what each further one multiplies it by, and the longest. */
const FIRST_WAIT_MS = 15 * SECOND_MS;
const GROWTH = 4;
const LONGEST_WAIT_MS = 6 * 3_600 * SECOND_MS;
/** A certificate is renewed when two thirds of its life are over, as Let's Encrypt advises. */
const RENEW_AFTER = 2 / 3;
/** What is taken off at random, as part of its life: runtimes that started together don't order together. */
const SPREAD = 1 / 20;

/**
 * When a certificate is to be replaced, in ms since the epoch. Follows its own life, so it holds for
 * certificates of 90 days and of 6.
 *
 * @param random 0 to 1
 */
export function renewalTime(certificate: X509Certificate, random: number): number {
  const from = Date.parse(certificate.validFrom);
  const life = Date.parse(certificate.validTo) - from;
  return from + life * (RENEW_AFTER - SPREAD * random);
}

/**
 * How long to wait (ms) after failures in a row. The waits of 15 s, 1, 4, 16 and 64 minutes make five orders in the
 * first hour, which is how many failed validations Let's Encrypt allows per name; the longest is six hours.
 *
 * @param failures 1 or more
 * @param random 0 to 1: makes the wait up to a fifth longer
 */
export function backOff(failures: number, random: number): number {
  return Math.min(FIRST_WAIT_MS * GROWTH ** (failures - 1), LONGEST_WAIT_MS) * (1 + random / 5);
}
