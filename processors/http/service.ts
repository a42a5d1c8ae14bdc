import type { Page } from '../core/pages.js';
import type { Limits } from '../core/processor.js';
import type { Resources } from '../core/resources.js';
import { type Authentication, prove } from './authentication.js';
import { CLOUD_PROMETHEUS, type CloudProof, provenByCloud } from './clouds/proof.js';
import type { Place } from './dispatcher.js';
import { type Patience, sendPatiently, usualPatience } from './retry.js';
import { type HttpAnswer, type HttpRequest, type OpenAnswer, open, send } from './send.js';

/** Where a service is and how the gateway proves to it who it is: the common part of HTTP connections. */
export type ServiceSettings = Place &
  Pick<Authentication, 'token' | 'username' | 'password' | 'api_key' | 'api_key_header'> &
  CloudProof;

export interface ServiceRequest {
  /** `DELETE`: of what a request before it has made at the service for its own time, or of what the user wants to end. */
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the connection's URL, e.g. `api/v1/query`. */
  readonly path: string;
  /** Sent as a form by POST, as a query by GET and DELETE. */
  readonly parameters?: URLSearchParams;
  /** Sent as the body in place of parameters, which are the query then. */
  readonly json?: object | string;
  /** Beside the credential, which no header of these can replace. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Media types that are wanted; default JSON. */
  readonly accept?: string;
  /** The largest answer that is wanted, in bytes. */
  readonly largest?: number;
}

/** An answer of any status. */
export interface ServiceAnswer {
  readonly status: number;
  readonly body: string;
}

/** A brokered cell's job, or as much of it as a request takes. */
export interface ServiceJob {
  readonly settings: ServiceSettings;
  readonly signal: AbortSignal;
  readonly resources: Resources;
  /** Without it nothing that the service says may be shown. */
  readonly hide?: Limits['hide'];
}

/**
 * Asks a service with its connection's credentials.
 *
 * @returns status and body of any answer, also of one that says no
 * @throws {CellError} when there is no answer, in words that hold nothing of the request
 */
export async function askService(job: ServiceJob, request: ServiceRequest): Promise<ServiceAnswer> {
  const { status, body } = await send(job.settings, await toHttp(job, request));
  return { status, body: body.toString() };
}

/** The same with the answer in pieces, for `apart`. */
export async function askForPieces(job: ServiceJob, request: ServiceRequest): Promise<HttpAnswer> {
  return send(job.settings, await toHttp(job, request));
}

/**
 * Asks for nothing but an answer's status: its body is not read.
 *
 * @throws {CellError} when there is no answer
 */
export async function askForStatus(job: ServiceJob, request: ServiceRequest): Promise<number> {
  const { status, body } = await openService(job, request);
  body.destroy();
  return status;
}

/** The same for a question, asked again while the service is busy and the cell has time. */
export async function* askPatiently(
  job: ServiceJob & Pick<Limits, 'endsAt'>,
  question: ServiceRequest,
  patience: Patience = usualPatience,
): AsyncGenerator<Page, ServiceAnswer> {
  const { status, body } = yield* askForMuch(job, question, patience);
  return { status, body: body.toString() };
}

/** The same for an answer that may be large: it is in pieces, for `apart`. */
export async function* askForMuch(
  job: ServiceJob & Pick<Limits, 'endsAt'>,
  question: ServiceRequest,
  patience: Patience = usualPatience,
): AsyncGenerator<Page, HttpAnswer> {
  const request = { ...(await toHttp(job, question)), asks: true };
  return yield* sendPatiently(job.settings, request, job.endsAt, patience);
}

/** The same for an answer that is read as it comes: one that breaks off is a {@link NoAnswer} too. */
export async function openService(job: ServiceJob, request: ServiceRequest): Promise<OpenAnswer> {
  return open(job.settings, await toHttp(job, request));
}

async function toHttp(
  { settings, signal, resources, hide = () => {} }: ServiceJob,
  {
    method,
    path,
    parameters = new URLSearchParams(),
    json,
    headers = {},
    accept = 'application/json',
    largest,
  }: ServiceRequest,
): Promise<HttpRequest> {
  const url = new URL(path, settings.url.replace(/\/?$/, '/'));
  const isForm = method === 'POST' && json === undefined;
  if (!isForm) url.search = parameters.toString();
  const proof = await prove(withoutCloud(settings), signal, { hide, resources });
  const request = {
    method,
    url,
    headers: {
      accept,
      ...headers,
      ...proof.headers,
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...(isForm && { 'content-type': 'application/x-www-form-urlencoded' }),
    },
    ...(json !== undefined && { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    ...(isForm && { body: parameters.toString() }),
    signal,
    resources,
    largest,
  };
  return provenByCloud(request, settings, CLOUD_PROMETHEUS, { signal, resources, hide });
}

/** Azure's client credentials have names of OAuth's, but a token from elsewhere. */
function withoutCloud(settings: ServiceSettings): Place & Authentication {
  const { url, token, username, password, api_key, api_key_header } = settings;
  return { url, token, username, password, api_key, api_key_header };
}
