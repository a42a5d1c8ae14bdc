import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { azureToken, forgetAzureToken } from '../http/clouds/azure-token.js';
import { membersOf } from '../http/clouds/token-answer.js';
import { placeBelow } from '../http/place.js';
import { sendPatiently } from '../http/retry.js';
import { beginningOf, type HttpAnswer } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import type { AzureJob } from './settings.js';

/** One of Azure's services: where it is, and what its tokens are for. */
export interface AzureService {
  readonly name: string;
  readonly url: string;
  readonly resource: string;
  /** The role that reading needs, as Azure's page of roles names it. */
  readonly role: string;
}

export const LOGS: AzureService = {
  name: 'Azure Monitor',
  url: 'https://api.loganalytics.azure.com',
  resource: 'https://api.loganalytics.io',
  role: 'Log Analytics Reader on the workspace',
};
export const MANAGEMENT: AzureService = {
  name: 'Azure',
  url: 'https://management.azure.com',
  resource: 'https://management.azure.com',
  role: 'Reader on the subscription',
};

/** Of an answer that says no, in bytes. */
const LARGEST_ERROR = 64 * 1024;
const LONGEST_MESSAGE = 800;
const DEEPEST = 5;

export interface Asked {
  /** Path and query, encoded; begins with a slash. */
  readonly target: string;
  /** Sent by POST; without it by GET. */
  readonly json?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly largest?: number;
}

/**
 * Asks one of Azure's services, again while it is busy, and with a new token if it doesn't take the old one.
 * @returns an answer of status 200
 * @throws {CellError} what Azure said, or why it can't be reached
 */
export async function* askAzure(
  job: AzureJob,
  service: AzureService,
  { target, json, headers, largest }: Asked,
): AsyncGenerator<Page, HttpAnswer> {
  const place = { ...job.settings, url: job.settings.url ?? service.url };
  for (let isSecond = false; ; isSecond = true) {
    const token = await azureToken(place, service.resource, job);
    const request = {
      method: json === undefined ? 'GET' : 'POST',
      url: placeBelow(place.url, target),
      headers: {
        accept: 'application/json',
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
        authorization: `Bearer ${token.reveal()}`,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      signal: job.signal,
      resources: job.resources,
      largest,
      asks: true,
    };
    const answer = yield* sendPatiently(place, request, job.endsAt);
    if (answer.status === 200) return answer;
    if (answer.status !== 401 || isSecond) throw refusal(answer, service);
    forgetAzureToken(place, service.resource, job);
  }
}

/** Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/errors */
function refusal(answer: HttpAnswer, { name, role }: AzureService): CellError {
  const { status } = answer;
  if (status === 401)
    return new CellError(`${name} answered 401: the service does not accept the connection's credential.`);
  if (status === 403)
    return new CellError(
      `${name} answered 403: the service accepts the connection's credential, but a right is missing. Give the application the role ${role}.`,
    );
  if (status === 504)
    return new CellError(`${name} gave the query up because it took too long (504). Ask for less time.`);
  const { error } = membersOf(beginningOf(answer, LARGEST_ERROR)) as { error?: unknown };
  const said = messagesOf(error);
  if (said.length === 0)
    return new CellError(
      `The answer (${statusLine(status)}) is not from ${name}: is the connection's url right?`,
    );
  return new CellError(`${name}: ${said.at(-1) ?? ''}`);
}

/** What an error says, and what it says more exactly inside of itself. */
export function messagesOf(error: unknown): string[] {
  const found: string[] = [];
  let at = error;
  for (let depth = 0; depth < DEEPEST && typeof at === 'object' && at !== null; depth++) {
    const { message, code, innererror, details } = at as Record<string, unknown>;
    const text = typeof message === 'string' && message !== '' ? message : code;
    if (typeof text === 'string') found.push(shortened(text.trim(), LONGEST_MESSAGE));
    at = innererror ?? (Array.isArray(details) ? details[0] : undefined);
  }
  return found;
}
