import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';
import { type Patience, retryAfter, usualPatience } from '../http/retry.js';
import type { HttpAnswer } from '../http/send.js';

/** Where an answer doesn't tell when to ask again, in milliseconds. */
const UNKNOWN_MS = 10_000;

/**
 * How long a limit of Datadog's lasts, in milliseconds: undefined when the answer isn't about one.
 * Source: https://docs.datadoghq.com/api/latest/rate-limits/ (X-RateLimit-Reset: seconds until the next period)
 */
function limitOf({ status, headers }: HttpAnswer): number | undefined {
  if (status !== 429) return undefined;
  const reset = headers['x-ratelimit-reset'];
  if (reset !== undefined && /^\d{1,9}$/.test(reset)) return Number(reset) * 1000;
  return retryAfter(headers) ?? UNKNOWN_MS;
}

/** A limit is waited for where the cell has the time; the rest is as everywhere. */
export const datadogPatience: Patience = (answer, request, tries) =>
  limitOf(answer) ?? usualPatience(answer, request, tries);

/** @returns the error for a limit that lasts longer than the cell may */
export function limitError(answer: HttpAnswer): CellError | undefined {
  const wait = limitOf(answer);
  if (wait === undefined) return undefined;
  const part = (name: string) => answer.headers[`x-ratelimit-${name}`];
  const [limit, period, name] = [part('limit'), part('period'), part('name')];
  const which = name === undefined ? '' : ` “${quoted(name)}”`;
  const often =
    limit === undefined || period === undefined
      ? ''
      : `: ${quoted(limit)} requests in ${quoted(period)} s for your organization`;
  return new CellError(
    `Datadog's rate limit${which} is used up (429)${often}. Run the cell again in ${Math.ceil(wait / 1000)} s, ` +
      'or give it more time with --timeout. Datadog raises limits on request.',
  );
}
