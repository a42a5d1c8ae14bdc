import type { Job } from '../core/brokered.js';
import type { TestJob } from '../core/connection.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import type { Resources } from '../core/resources.js';
import { readJson } from '../http/json.js';
import { sendPatiently } from '../http/retry.js';
import { type HttpAnswer, type HttpRequest, send } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import { datadogPatience, limitError } from './limits.js';
import { type DatadogSettings, keysOf, placeOf, siteOf } from './settings.js';

export interface Question {
  /** Below the API's URL, with the query: `api/v1/query?…`. */
  readonly path: string;
  /** Sent by POST; otherwise the request is a GET. Both only read. */
  readonly json?: object;
  /** The permission that it takes: https://docs.datadoghq.com/account_management/rbac/permissions/ */
  readonly right: string;
}

/** What Datadog says of a mistake, in bytes. */
const LARGEST_MESSAGE = 100_000;
const LONGEST_MESSAGE = 500;
/** Of an answer that is only looked at, in bytes. */
export const LARGEST_SMALL = 8 * 1024 * 1024;

/**
 * Asks Datadog, and again while a limit lasts and the cell has time.
 *
 * @returns an answer that says yes
 * @throws {CellError} what Datadog said, or why there is no answer
 */
export async function* askDatadog(
  job: Job<DatadogSettings>,
  question: Question,
): AsyncGenerator<Page, HttpAnswer> {
  const request = requestOf(job, question);
  const answer = yield* sendPatiently(placeOf(job.settings), request, job.endsAt, datadogPatience);
  checkAnswer(answer, question, job.settings);
  return answer;
}

/** The same once, for what isn't a cell. */
export async function askOnce(
  job: Pick<TestJob<DatadogSettings>, 'settings' | 'signal'> & { readonly resources: Resources },
  question: Question,
): Promise<HttpAnswer> {
  const answer = await send(placeOf(job.settings), { ...requestOf(job, question), largest: LARGEST_SMALL });
  checkAnswer(answer, question, job.settings);
  return answer;
}

function requestOf(
  { settings, signal, resources }: { settings: DatadogSettings; signal: AbortSignal; resources: Resources },
  { path, json }: Question,
): HttpRequest {
  const keys = Object.entries(keysOf(settings)).map(([name, key]) => [name, key.reveal()]);
  return {
    method: json === undefined ? 'GET' : 'POST',
    url: new URL(path, placeOf(settings).url.replace(/\/?$/, '/')),
    headers: {
      accept: 'application/json',
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...Object.fromEntries(keys),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    signal,
    resources,
    // A search is a question, though it is sent by POST.
    asks: true,
  };
}

/** Its own words for a refused key: Datadog answers 403 for a key that it doesn't know, too. */
export function refusal(status: number, right: string, settings: DatadogSettings): CellError | undefined {
  if (status === 401)
    return new CellError(
      `Datadog answered 401: it does not accept the connection's api_key or app_key. Check both, and that they are keys of ${siteOf(settings)}.`,
    );
  if (status === 403)
    return new CellError(
      `Datadog answered 403: the connection's app_key is not one of ${siteOf(settings)}, or lacks the permission ${right}. ` +
        'Check the scopes of the key and the roles of its owner under Organization Settings.',
    );
  return undefined;
}

function checkAnswer(answer: HttpAnswer, { right }: Question, settings: DatadogSettings): void {
  const refused = refusal(answer.status, right, settings) ?? limitError(answer);
  if (refused !== undefined) throw refused;
  if (answer.status === 200) return;
  const said = answer.size > LARGEST_MESSAGE ? '' : messageIn(readJson(answer.pieces));
  throw new CellError(
    said === ''
      ? `Datadog answered ${statusLine(answer.status)}: is the connection's ${settings.url === undefined ? 'site' : 'url'} right?`
      : `Datadog answered ${statusLine(answer.status)}: ${shortened(said, LONGEST_MESSAGE)}`,
  );
}

/** Errors are texts, or objects of JSON:API with a title and a detail. */
export function messageIn(json: unknown): string {
  const { errors, error } = Object(json) as { errors?: unknown; error?: unknown };
  const all = Array.isArray(errors) ? errors : error === undefined ? [] : [error];
  return all
    .map((each) => {
      if (typeof each === 'string') return each;
      const { title, detail } = Object(each) as { title?: unknown; detail?: unknown };
      return [title, detail].filter((part) => typeof part === 'string').join(': ');
    })
    .filter((text) => text !== '')
    .join('; ');
}
