import { apart, oneApart, type Work } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { TestJob } from '../core/connection.js';
import { exactJson, parseExactJson } from '../core/exact-json.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import type { Secret } from '../core/secret.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import type { Place } from '../http/dispatcher.js';
import { readJson } from '../http/json.js';
import { MOST_PAGES, nextLink, nextPage, type Pagination } from '../http/pagination.js';
import { inCircles, MOST_REDIRECTS, redirected } from '../http/redirects.js';
import { sendPatiently } from '../http/retry.js';
import { contentTypeOf, type HttpAnswer, type HttpRequest } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import { type App, forgetInstallationToken, installationToken } from './app.js';
import { githubPatience, limitOf, limitSentence } from './rate-limits.js';
import type { Answers, GithubGraphql, GithubList } from './reading.js';

/** Source: https://docs.github.com/en/rest/about-the-rest-api/api-versions */
const API_VERSION = '2022-11-28';

export interface GithubSettings extends Place {
  readonly token?: Secret | undefined;
  readonly app_id?: string | undefined;
  readonly installation_id?: string | undefined;
  readonly private_key?: Secret | undefined;
}

/** What GitHub says about itself or about a mistake is small, in bytes. */
const LARGEST_MESSAGE = 100_000;

/** GitHub's pages follow each other by the Link header alone. */
const LINKS: Pagination = { next: undefined, cursor: '', page: undefined };

/** @returns how many requests are left: any credential may ask that */
export async function testGithub(job: TestJob<GithubSettings>): Promise<string> {
  const url = new URL(`${job.settings.url.replace(/\/$/, '')}/rate_limit`);
  const request = { method: 'GET', url, headers: {}, signal: job.signal, resources: job.resources };
  const asking = ask({ ...job, values: new Map(), endsAt: Date.now() }, request);
  let step = await asking.next();
  while (!step.done) step = await asking.next();
  const answer = step.value;
  // A self-hosted server may have no limits.
  if (answer.status === 404) return 'GitHub';
  const refused = credentialRefusal('GitHub', answer.status);
  if (refused !== undefined) throw refused;
  if (answer.status >= 400) throw new CellError(`GitHub answered ${statusLine(answer.status)}.`);
  const { remaining, limit } = Object(Object(Object(parsed(answer)).resources).core);
  return `GitHub, ${Number(remaining)} of ${Number(limit)} requests left`;
}

/** One answer, from where GitHub sends on: a repository that was renamed answers so. */
async function* ask(job: Job<GithubSettings>, first: HttpRequest): AsyncGenerator<Page, HttpAnswer> {
  let request: HttpRequest = { ...first, takesRedirects: true };
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const answer: HttpAnswer = yield* askOnce(job, request);
    const next = redirected(job.settings.url, request, answer);
    if (next === undefined) return answer;
    request = next;
  }
  throw inCircles(request.url);
}

async function* askOnce(job: Job<GithubSettings>, request: HttpRequest): AsyncGenerator<Page, HttpAnswer> {
  const { settings: connection, signal, resources } = job;
  if ('authorization' in request.headers)
    throw new CellError('Leave out the header authorization: the connection sets it.');
  for (let isSecond = false; ; isSecond = true) {
    const app = appOf(connection);
    const token = app === undefined ? connection.token : await installationToken(app, signal, resources);
    if (token !== undefined) job.hide(token);
    const headers = {
      // The first is GitHub's advice; its OpenAPI description knows the second alone.
      accept: 'application/vnd.github+json, application/json;q=0.9',
      'x-github-api-version': API_VERSION,
      ...request.headers,
      ...(token !== undefined && { authorization: `Bearer ${token.reveal()}` }),
    };
    const answer = yield* sendPatiently(connection, { ...request, headers }, job.endsAt, githubPatience);
    const limit = limitOf(answer);
    if (limit !== undefined) throw new CellError(limitSentence(answer, limit));
    if (answer.status !== 401 || isSecond || app === undefined) return answer;
    forgetInstallationToken(app, resources);
  }
}

function appOf({ app_id, installation_id, private_key, ...place }: GithubSettings): App | undefined {
  if (app_id === undefined || installation_id === undefined || private_key === undefined) return undefined;
  return { ...place, app_id, installation_id, private_key };
}

/** A list becomes a table. Anything else stays as it is. */
export async function* fetchRest(
  job: Job<GithubSettings>,
  first: HttpRequest,
  isPaginated: boolean,
): AsyncGenerator<Page> {
  const fetched = new Fetched();
  let url: URL | undefined = first.url;
  while (url !== undefined && !fetched.isFull) {
    const answer: HttpAnswer = yield* ask(job, { ...first, url });
    if (answer.status >= 400) throw new CellError(refusal(answer));
    const isJson = /[/+]json$/.test(contentTypeOf(answer).mediaType);
    const list = isJson
      ? await oneApart<GithubList | undefined>(
          answer.pieces,
          reading('readList', { status: statusLine(answer.status), isPaginated }),
          job.signal,
        )
      : undefined;
    if (list === undefined) {
      yield { kind: 'content', ...contentTypeOf(answer), data: answer.pieces };
      yield { kind: 'end', summary: statusLine(answer.status) };
      return;
    }
    fetched.add(answer, list);
    yield { kind: 'progress', text: fetched.progress };
    if (!isPaginated) {
      yield* fetched.table(job);
      const goesOn = nextLink(answer.headers.link ?? '') !== undefined;
      yield { kind: 'end', ...(goesOn && { note: 'There are more pages: fetch all with --paginate.' }) };
      return;
    }
    url = nextPage(LINKS, job.settings.url, url, answer.headers.link, undefined);
  }
  yield* fetched.table(job);
  yield { kind: 'end', ...(url !== undefined && { note: fetched.onlySoMany }) };
}

/** The list that a query asks for becomes a table, anything else a tree. */
export async function* fetchGraphql(
  job: Job<GithubSettings>,
  first: HttpRequest,
  isPaginated: boolean,
): AsyncGenerator<Page> {
  const fetched = new Fetched();
  let request: HttpRequest | undefined = first;
  while (request !== undefined && !fetched.isFull) {
    const answer: HttpAnswer = yield* ask(job, request);
    if (answer.status >= 400) throw new CellError(refusal(answer));
    const graphql = await oneApart<GithubGraphql>(
      answer.pieces,
      reading('readGraphql', { status: statusLine(answer.status) }),
      job.signal,
    );
    const { at, rows, problem, cursor } = graphql;
    if (problem !== undefined) throw new CellError(problem);
    if (rows === 0 && at.length === 1) {
      yield { kind: 'content', ...contentTypeOf(answer), data: answer.pieces, at };
      return yield { kind: 'end' };
    }
    fetched.add(answer, graphql);
    request =
      isPaginated && cursor !== undefined
        ? { ...request, body: withCursor(String(request.body ?? ''), cursor) }
        : undefined;
    if (request !== undefined) yield { kind: 'progress', text: fetched.progress };
  }
  yield* fetched.table(job);
  yield { kind: 'end', ...(request !== undefined && { note: fetched.onlySoMany }) };
}

function reading(name: string, argument: unknown): Work {
  return { module: new URL('./reading.js', import.meta.url), name, argument };
}

/** So many bytes of answers are kept for one table. */
const MOST_BYTES = 256 * 1024 * 1024;

/** The pages of one list, as they came: bytes take less than what can be read of them. */
class Fetched {
  readonly #pieces: Buffer[] = [];
  readonly #parts: { readonly size: number; readonly at: readonly string[] }[] = [];
  #bytes = 0;
  #rows = 0;

  add({ pieces, size }: HttpAnswer, { at, rows }: GithubList): void {
    for (const piece of pieces) this.#pieces.push(piece);
    this.#parts.push({ size, at });
    this.#bytes += size;
    this.#rows += rows;
  }

  get isFull(): boolean {
    return this.#parts.length >= MOST_PAGES || this.#bytes >= MOST_BYTES;
  }

  get progress(): string {
    return `page ${this.#parts.length}, ${this.#rows} rows`;
  }

  get onlySoMany(): string {
    return `Only the first ${this.#parts.length} pages.`;
  }

  table({ signal }: Job<GithubSettings>): AsyncGenerator<Page> {
    const answers: Answers = { parts: this.#parts };
    return apart<Page>(this.#pieces, reading('tableOfAnswers', answers), signal);
  }
}

/** As GitHub's own command line does it: the query takes `$endCursor: String`, and asks for `pageInfo`. */
function withCursor(body: string, endCursor: string): string {
  const { query, variables } = parseExactJson(body) as { query: string; variables?: object };
  if (!/\$endCursor\b/.test(query)) {
    throw new CellError(
      'With --paginate a query declares $endCursor: String, passes it to after:, and asks for pageInfo { hasNextPage endCursor }.',
    );
  }
  return exactJson({ query, variables: { ...variables, endCursor } });
}

/** GitHub says what is wrong in `message` and `errors`. */
function refusal(answer: HttpAnswer): string {
  const { message, errors, documentation_url } = Object(parsed(answer)) as Record<string, unknown>;
  const details = Array.isArray(errors) ? ` ${shortened(JSON.stringify(errors), 500)}` : '';
  const help = typeof documentation_url === 'string' ? ` See ${shortened(documentation_url, 200)}` : '';
  const said = typeof message === 'string' ? `: ${shortened(message, 500)}` : '';
  return `GitHub answered ${statusLine(answer.status)}${said}.${details}${help}`;
}

/** Of a small answer; undefined for any other. */
function parsed({ pieces, size }: HttpAnswer): unknown {
  return size > LARGEST_MESSAGE ? undefined : readJson(pieces);
}
