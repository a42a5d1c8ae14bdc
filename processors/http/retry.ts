import { setTimeout as wait } from 'node:timers/promises';
import type { Page } from '../core/pages.js';
import type { Place } from './dispatcher.js';
import { NoAnswer } from './no-answer.js';
import { type HttpAnswer, type HttpRequest, send } from './send.js';
import { statusLine } from './status-line.js';

/** How often a request is sent at most. */
const MOST_TRIES = 4;

/** The first pause between two tries, and the longest that no service asked for, in milliseconds. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** Methods that may be sent again without harm (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Statuses that say that the request was not served, but may be soon. */
const BUSY = new Set([429, 502, 503, 504]);

/**
 * Says whether an answer means: not now.
 * @param tries how often the request was sent
 * @returns milliseconds after which to send it again; undefined: never
 */
export type Patience = (answer: HttpAnswer, request: HttpRequest, tries: number) => number | undefined;

/** Back-off and Retry-After, for idempotent requests alone. */
export const usualPatience: Patience = ({ status, headers }, request, tries) => {
  if (!isIdempotent(request) || !BUSY.has(status)) return undefined;
  return retryAfter(headers) ?? pause(tries);
};

/**
 * Sends a request, and again while the service is busy, as long as the cell has time; tells what it waits for.
 * @returns the last answer, whatever it says
 * @throws {NoAnswer} when there is none
 */
export async function* sendPatiently(
  place: Place,
  request: HttpRequest,
  endsAt: number,
  patience: Patience = usualPatience,
): AsyncGenerator<Page, HttpAnswer> {
  for (let tries = 1; ; tries++) {
    const outcome = await attempt(place, request);
    const asked =
      outcome instanceof NoAnswer
        ? outcome.passes && isIdempotent(request)
          ? pause(tries)
          : undefined
        : patience(outcome, request, tries);
    if (asked === undefined || tries === MOST_TRIES || Date.now() + asked >= endsAt) {
      if (outcome instanceof NoAnswer) throw outcome;
      return outcome;
    }
    const why = outcome instanceof NoAnswer ? 'no answer' : statusLine(outcome.status);
    yield { kind: 'progress', text: `${why}, next try in ${Math.ceil(asked / 1000)} s`, retry: true };
    await wait(asked, undefined, { signal: request.signal });
  }
}

/** Seconds or a date (RFC 9110 section 10.2.3). @returns milliseconds */
export function retryAfter(headers: HttpAnswer['headers']): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function isIdempotent({ method, asks = false }: HttpRequest): boolean {
  return asks || IDEMPOTENT.has(method);
}

/** Doubles each time, and differs between cells that failed together. */
function pause(tries: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS) * (0.75 + Math.random() / 2);
}

async function attempt(place: Place, request: HttpRequest): Promise<HttpAnswer | NoAnswer> {
  try {
    return await send(place, request);
  } catch (error) {
    if (error instanceof NoAnswer) return error;
    throw error;
  }
}
