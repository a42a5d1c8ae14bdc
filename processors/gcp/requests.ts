import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { forgetGoogleToken, googleToken } from '../http/clouds/google-token.js';
import { membersOf } from '../http/clouds/token-answer.js';
import { placeBelow } from '../http/place.js';
import { type Patience, retryAfter, sendPatiently, usualPatience } from '../http/retry.js';
import { beginningOf, type HttpAnswer } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import type { GcpJob } from './settings.js';

/** One of Google Cloud's services: where it is, the scope of its tokens, and the right that reading needs. */
export interface GcpService {
  readonly name: string;
  readonly url: string;
  readonly scope: string;
  readonly right: string;
}

export const LOGGING: GcpService = {
  name: 'Cloud Logging',
  url: 'https://logging.googleapis.com',
  scope: 'https://www.googleapis.com/auth/logging.read',
  right: 'logging.logEntries.list (role Logs Viewer)',
};
export const ASSETS: GcpService = {
  name: 'Cloud Asset Inventory',
  url: 'https://cloudasset.googleapis.com',
  scope: 'https://www.googleapis.com/auth/cloud-platform',
  right: 'cloudasset.assets.searchAllResources (role Cloud Asset Viewer)',
};

/** Of an answer that says no, in bytes. */
const LARGEST_ERROR = 64 * 1024;
const LONGEST_MESSAGE = 800;

/** Sixty reads a minute, and the answer that says so has no Retry-After. In milliseconds. */
const QUOTA_PAUSES_MS = [5_000, 15_000, 40_000];

const gcpPatience: Patience = (answer, request, tries) =>
  answer.status === 429
    ? (retryAfter(answer.headers) ?? QUOTA_PAUSES_MS[tries - 1])
    : usualPatience(answer, request, tries);

/**
 * Asks one of Google Cloud's services, again while it is busy, and with a new token if it doesn't take the old one.
 *
 * @param target path and query, encoded; begins with a slash
 * @param json sent by POST; without it by GET
 * @returns an answer of status 200
 * @throws {CellError} what Google said, or why it can't be reached
 */
export async function* askGcp(
  job: GcpJob,
  service: GcpService,
  target: string,
  json?: object,
  largest?: number,
): AsyncGenerator<Page, HttpAnswer> {
  const place = { ...job.settings, url: job.settings.url ?? service.url };
  for (let isSecond = false; ; isSecond = true) {
    const token = await googleToken(place, service.scope, job);
    const request = {
      method: json === undefined ? 'GET' : 'POST',
      url: placeBelow(place.url, target),
      headers: {
        accept: 'application/json',
        ...(json !== undefined && { 'content-type': 'application/json' }),
        authorization: `Bearer ${token.reveal()}`,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      signal: job.signal,
      resources: job.resources,
      largest,
      asks: true,
    };
    const answer = yield* sendPatiently(place, request, job.endsAt, gcpPatience);
    if (answer.status === 200) return answer;
    if (answer.status !== 401 || isSecond) throw refusal(answer, service);
    forgetGoogleToken(place, service.scope, job);
  }
}

/** The same, for a test and for completion, which show no progress. */
export async function askGcpQuietly(...asked: Parameters<typeof askGcp>): Promise<HttpAnswer> {
  const asking = askGcp(...asked);
  let step = await asking.next();
  while (!step.done) step = await asking.next();
  return step.value;
}

/** Source: https://cloud.google.com/apis/design/errors */
function refusal(answer: HttpAnswer, { name, right }: GcpService): CellError {
  const { status } = answer;
  const { error } = membersOf(beginningOf(answer, LARGEST_ERROR)) as { error?: unknown };
  const { message, status: word, details } = Object(error) as Record<string, unknown>;
  const reasons = (Array.isArray(details) ? details : []).map((detail) =>
    String(Object(detail).reason ?? ''),
  );
  if (status === 401)
    return new CellError(`${name} answered 401: the service does not accept the connection's credential.`);
  if (reasons.includes('SERVICE_DISABLED'))
    return new CellError(`${name} is switched off in this project. Enable its API in Google's console.`);
  if (status === 403)
    return new CellError(
      `${name} answered 403: the service accepts the connection's credential, but the right ${right} is missing. Grant it to the service account.`,
    );
  if (status === 429)
    return new CellError(
      `${name} answers no more requests for now (429): Google allows about 60 reads a minute. Run the cell again in a minute, or allow more time with --timeout.`,
    );
  if (typeof message !== 'string')
    return new CellError(
      `The answer (${statusLine(status)}) is not from ${name}: is the connection's url right?`,
    );
  const code = typeof word === 'string' && /^[A-Z_]{1,40}$/.test(word) ? ` (${word})` : '';
  return new CellError(`${name}${code}: ${shortened(message.trim(), LONGEST_MESSAGE)}`);
}
