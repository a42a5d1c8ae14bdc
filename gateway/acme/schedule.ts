import type { X509Certificate } from 'node:crypto';

const second = 1_000;
/** First wait after a failure (ms), what each further one multiplies it by, and the longest. */
const firstWait = 15 * second;
const growth = 4;
const longestWait = 6 * 3_600 * second;
/** A certificate is renewed when two thirds of its life are over, as Let's Encrypt advises. */
const renewAfter = 2 / 3;
/** What is taken off at random, as part of its life: runtimes that started together don't order together. */
const spread = 1 / 20;

/**
 * When a certificate is to be replaced, in ms since the epoch. Follows its own life, so it holds for
 * certificates of 90 days and of 6.
 *
 * @param random 0 to 1
 */
export function renewalTime(certificate: X509Certificate, random: number): number {
  const from = Date.parse(certificate.validFrom);
  const life = Date.parse(certificate.validTo) - from;
  return from + life * (renewAfter - spread * random);
}

/**
 * How long to wait (ms) after failures in a row. The waits of 15 s, 1, 4, 16 and 64 minutes make five orders in the
 * first hour, which is how many failed validations Let's Encrypt allows per name; the longest is six hours.
 *
 * @param failures 1 or more
 * @param random 0 to 1: makes the wait up to a fifth longer
 */
export function backOff(failures: number, random: number): number {
  return Math.min(firstWait * growth ** (failures - 1), longestWait) * (1 + random / 5);
}
