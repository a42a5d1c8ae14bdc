import { oneApart } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { credentialRefusal, NOT_ALLOWED, UNKNOWN } from '../http/credential-refusal.js';
import { readJson } from '../http/json.js';
import { NoAnswer } from '../http/no-answer.js';
import { placeOf } from '../http/place.js';
import { sendPatiently } from '../http/retry.js';
import { type HttpAnswer, type HttpRequest, open } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import { accessOf } from './access.js';
import { textAt } from './objects.js';
import type { KubernetesSettings } from './settings.js';

export type KubernetesJob = Pick<
  Job<KubernetesSettings>,
  'settings' | 'signal' | 'resources' | 'endsAt' | 'hide'
>;

/** A question to the API server, or a change. */
export interface ApiRequest {
  /** Segments of the path, which are encoded here. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly accept?: string;
  /** POST asks here too: reviews create nothing. */
  readonly method?: 'GET' | 'POST';
  readonly json?: object;
  /** The largest answer that is wanted, in bytes. */
  readonly largest?: number;
  /** Statuses of 400 and more that the caller reads itself. */
  readonly takes?: readonly number[];
}

export interface ApiChange {
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly method: 'PATCH' | 'DELETE';
  readonly contentType: string;
  readonly body: string;
  readonly takes?: readonly number[];
}

/** The largest answer that is read in one piece, in bytes: an object of Kubernetes has 1.5 MB at most, a list has pages. */
const LARGEST = 32 * 1024 * 1024;
/** What a Status says is small, in bytes. */
const LARGEST_STATUS = 100_000;
const LONGEST_MESSAGE = 1_000;

/**
 * Asks the API server, and again while it is busy.
 *
 * @throws {CellError} what the server said, or that there is no answer
 */
export function ask(job: KubernetesJob, request: ApiRequest): AsyncGenerator<Page, HttpAnswer> {
  const { method = 'GET', json, accept = 'application/json' } = request;
  return sent(job, request, {
    method,
    headers: { accept, ...(json && { 'content-type': 'application/json' }) },
    body: json === undefined ? undefined : JSON.stringify(json),
    asks: true,
    largest: request.largest ?? LARGEST,
  });
}

/**
 * Changes something: the only way in which a cell does.
 *
 * @throws {CellError} where the connection doesn't allow it; nothing is sent then
 */
export function change(job: KubernetesJob, request: ApiChange): AsyncGenerator<Page, HttpAnswer> {
  refuseReadOnly(job.settings);
  const { method, contentType, body } = request;
  return sent(job, request, {
    method,
    headers: { accept: 'application/json', 'content-type': contentType },
    body,
  });
}

/** @throws {CellError} where a connection only reads */
export function refuseReadOnly(settings: KubernetesSettings): void {
  if (settings.read_only)
    throw new CellError(
      'This connection only reads. To change something, use a connection with read_only: false in the catalogue.',
    );
}

/** An answer that is read as it comes. */
export interface ComingAnswer {
  /** @throws {NoAnswer} when it breaks off */
  readonly body: AsyncIterable<Uint8Array>;
  /** Ends it at the server. */
  close(): void;
}

/**
 * Asks for an answer that may be long, or without end.
 * @throws {CellError} what the server said
 */
export async function openAnswer(job: KubernetesJob, request: ApiRequest): Promise<ComingAnswer> {
  const access = await accessOf(job.settings, job.signal, job.resources, job.hide);
  const url = urlOf(access.place.url, request);
  const { status, body } = await open(access.place, {
    method: 'GET',
    url,
    headers: { accept: request.accept ?? '*/*', ...access.headers },
    signal: job.signal,
    resources: job.resources,
  });
  const coming: ComingAnswer = {
    body: told(body as AsyncIterable<Uint8Array>, url, job.signal),
    close: () => body.destroy(),
  };
  if (status < 400) return coming;
  const pieces: Uint8Array[] = [];
  let left = LARGEST_STATUS;
  for await (const piece of coming.body) {
    left -= piece.length;
    if (left < 0) break;
    pieces.push(piece);
  }
  throw refusalOf(status, readJson(pieces));
}

async function* told(body: AsyncIterable<Uint8Array>, url: URL, signal: AbortSignal) {
  try {
    yield* body;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new NoAnswer(placeOf(url), error);
  }
}

async function* sent(
  job: KubernetesJob,
  { path, query, takes = [] }: Pick<ApiRequest, 'path' | 'query' | 'takes'>,
  request: Pick<HttpRequest, 'method' | 'headers' | 'body' | 'asks' | 'largest'>,
): AsyncGenerator<Page, HttpAnswer> {
  const { signal, resources } = job;
  for (let isSecond = false; ; isSecond = true) {
    const access = await accessOf(job.settings, signal, resources, job.hide);
    const whole: HttpRequest = {
      ...request,
      url: urlOf(access.place.url, { path, ...(query && { query }) }),
      headers: { ...request.headers, ...access.headers },
      signal,
      resources,
    };
    const answer = yield* sendPatiently(access.place, whole, job.endsAt);
    if (answer.status === UNKNOWN && !isSecond && access.forget()) continue;
    if (answer.status < 400 || takes.includes(answer.status)) return answer;
    throw refusalOf(answer.status, statusOf(answer));
  }
}

function urlOf(base: string, { path, query = {} }: Pick<ApiRequest, 'path' | 'query'>): URL {
  // The API forbids such names, and a server before it may read them as a step.
  if (path.some((segment) => /^\.{0,2}$|[/%\\;\x00-\x1f]/.test(segment)))
    throw new CellError('A name contains what no name of Kubernetes can: “/”, “%”, “;”, or only dots.');
  const url = new URL(`${base.replace(/\/$/, '')}/${path.map(encodeURIComponent).join('/')}`);
  url.search = new URLSearchParams(query).toString();
  return url;
}

/** The Status of a small answer; undefined for any other. */
export function statusOf({ pieces, size }: HttpAnswer): unknown {
  return size > LARGEST_STATUS ? undefined : readJson(pieces);
}

/** Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
function refusalOf(status: number, body: unknown): CellError {
  const message = textAt(body, 'message');
  const isStatus = textAt(body, 'kind') === 'Status' && message !== undefined;
  // The server names the verb, the resource and the namespace that a role would have to allow.
  if (status === NOT_ALLOWED && isStatus && textAt(body, 'reason') === 'Forbidden')
    return new CellError(
      `The API server answered 403: ${shortened(message, LONGEST_MESSAGE)}. A role has to allow this (RBAC).`,
    );
  const refused = credentialRefusal('The API server', status);
  if (refused !== undefined) return refused;
  if (!isStatus) return new CellError(`The API server answered ${statusLine(status)}.`);
  return new CellError(
    `The API server answered ${statusLine(status)}: ${shortened(message, LONGEST_MESSAGE)}.`.replace(
      /\.\.$/,
      '.',
    ),
  );
}

/**
 * One object or list, as its members are.
 * @throws {CellError} when the answer is not JSON
 */
export async function* askForObject(
  job: KubernetesJob,
  request: ApiRequest,
): AsyncGenerator<Page, { readonly status: number; readonly object: unknown }> {
  const answer = yield* ask(job, request);
  // One of those that the caller takes: its body may be anything.
  if (answer.status >= 400) return { status: answer.status, object: undefined };
  const module = new URL('./reading.js', import.meta.url);
  const object = await oneApart<unknown>(
    answer.pieces,
    { module, name: 'readObject', argument: null },
    job.signal,
  );
  return { status: answer.status, object };
}

/** What such a question answers, for callers that show no progress. */
export async function settled<T>(pages: AsyncGenerator<Page, T>): Promise<T> {
  for (;;) {
    const step = await pages.next();
    if (step.done) return step.value;
  }
}
