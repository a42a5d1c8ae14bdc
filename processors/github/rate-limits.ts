import { type Patience, retryAfter, usualPatience } from '../http/retry.js';
import { beginningOf, type HttpAnswer } from '../http/send.js';

/** How long to wait for a secondary limit that doesn't say, in milliseconds. */
const SECONDARY_MS = 60_000;

/** GitHub's message about a limit is at the beginning of the answer: so much is read, in bytes. */
const LONGEST_MESSAGE = 5_000;

/**
 * How long GitHub's limits last.
 * Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
 *
 * @returns milliseconds; undefined when the answer isn't about a limit
 */
export function limitOf(answer: HttpAnswer): number | undefined {
  const { status, headers } = answer;
  const says = beginningOf(answer, LONGEST_MESSAGE);
  // GraphQL says so with a status of 200.
  const isGraphql = status === 200 && /"type"\s*:\s*"RATE_LIMITED"/.test(says);
  if (status !== 403 && status !== 429 && !isGraphql) return undefined;
  const asked = retryAfter(headers);
  if (asked !== undefined) return asked;
  if (headers['x-ratelimit-remaining'] === '0')
    return Math.max(0, Number(headers['x-ratelimit-reset']) * 1000 - Date.now());
  return status === 429 || /secondary rate limit|abuse/i.test(says) || isGraphql ? SECONDARY_MS : undefined;
}

/** A request that met a limit was not served, so that any may be sent again; the rest is as everywhere. */
export const githubPatience: Patience = (answer, request, tries) =>
  limitOf(answer) ?? usualPatience(answer, request, tries);

/** The sentence for a limit that lasts longer than the cell may. */
export function limitSentence(answer: HttpAnswer, milliseconds: number): string {
  const primary = answer.headers['x-ratelimit-remaining'] === '0';
  const until = new Date(Date.now() + milliseconds).toISOString().slice(0, 19).replace('T', ' ');
  const limit = answer.headers['x-ratelimit-limit'];
  const which = primary
    ? `GitHub's rate limit${limit === undefined ? '' : ` of ${limit} requests`} is used up`
    : "GitHub's secondary rate limit is reached";
  return `${which}: run the cell again after ${until} UTC (in ${inWords(milliseconds)}), or allow more with --timeout.`;
}

function inWords(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
