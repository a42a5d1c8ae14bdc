import type { Job } from '../brokered.js';
import type { TestJob } from '../connection.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import type { Place } from '../http/dispatcher.js';
import { exactJson, parseExactJson } from '../http/exact-json.js';
import { graphqlProblem, pathToResult } from '../http/graphql.js';
import { MOST_PAGES, nextLink, nextPage, type Pagination, pathToItems } from '../http/pagination.js';
import { sendPatiently } from '../http/retry.js';
import { contentTypeOf, type HttpAnswer, type HttpRequest } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import type { Page } from '../pages.js';
import { CellError } from '../processor.js';
import { tableOfRecords } from '../records.js';
import { shortened } from '../refusal.js';
import type { Secret } from '../secret.js';
import { type App, forgetInstallationToken, installationToken } from './app.js';
import { githubPatience, limitOf, limitSentence } from './limits.js';

/** Source: https://docs.github.com/en/rest/about-the-rest-api/api-versions */
const API_VERSION = '2022-11-28';

export interface GithubSettings extends Place {
  readonly token?: Secret | undefined;
  readonly app_id?: string | undefined;
  readonly installation_id?: string | undefined;
  readonly private_key?: Secret | undefined;
}

/** Links of the API to itself: they come last in a table. */
const isLink = (column: string) =>
  /(?:^|[._])url$|node_id$|gravatar_id$/.test(column) && column !== 'html_url';

/** GitHub's pages follow each other by the Link header alone. */
const LINKS: Pagination = { next: undefined, cursor: '', page: undefined };

/** @returns how many requests are left: any credential may ask that */
export async function testGithub(job: TestJob<GithubSettings>): Promise<string> {
  const url = new URL(`${job.settings.url.replace(/\/$/, '')}/rate_limit`);
  const request = { method: 'GET', url, headers: {}, signal: job.signal };
  const asking = ask({ ...job, values: new Map(), endsAt: Date.now() }, request);
  let step = await asking.next();
  while (!step.done) step = await asking.next();
  const answer = step.value;
  // A server of one's own may have no limits.
  if (answer.status === 404) return 'GitHub';
  const refused = credentialRefusal('GitHub', answer.status);
  if (refused !== undefined) throw refused;
  if (answer.status >= 400) throw new CellError(`GitHub answered ${statusLine(answer.status)}.`);
  const { remaining, limit } = Object(Object(Object(jsonOf(answer)).resources).core);
  return `GitHub, ${Number(remaining)} of ${Number(limit)} requests left`;
}

async function* ask(job: Job<GithubSettings>, request: HttpRequest): AsyncGenerator<Page, HttpAnswer> {
  const { settings: connection, signal } = job;
  if ('authorization' in request.headers)
    throw new CellError('Leave out the header authorization: the connection gives it.');
  for (let isSecond = false; ; isSecond = true) {
    const app = appOf(connection);
    const token = app === undefined ? connection.token : await installationToken(app, signal);
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
    forgetInstallationToken(app);
  }
}

function appOf({ app_id, installation_id, private_key, ...place }: GithubSettings): App | undefined {
  if (app_id === undefined || installation_id === undefined || private_key === undefined) return undefined;
  return { ...place, app_id, installation_id, private_key };
}

/** A list becomes a table, anything else what it is. */
export async function* fetchRest(
  job: Job<GithubSettings>,
  first: HttpRequest,
  isPaginated: boolean,
): AsyncGenerator<Page> {
  const records: unknown[] = [];
  let pages = 0;
  for (let url: URL | undefined = first.url; url !== undefined && pages < MOST_PAGES; ) {
    pages += 1;
    const answer: HttpAnswer = yield* ask(job, { ...first, url });
    if (answer.status >= 400) throw new CellError(refusal(answer));
    const { mediaType } = contentTypeOf(answer);
    const json = /[/+]json$/.test(mediaType) ? jsonOf(answer) : undefined;
    const isList = Array.isArray(json) || Array.isArray(Object(json).items);
    if (!isPaginated && !isList) {
      yield { kind: 'content', ...contentTypeOf(answer), data: answer.body };
      yield { kind: 'end', summary: statusLine(answer.status) };
      return;
    }
    records.push(...listAt(json, pathToItems(json)));
    yield { kind: 'progress', text: `page ${pages}, ${records.length} rows` };
    if (!isPaginated) {
      yield* tableOfRecords(records, isLink);
      const goesOn = nextLink(answer.headers.link ?? '') !== undefined;
      yield { kind: 'end', ...(goesOn && { note: 'There are more pages: fetch all with --paginate.' }) };
      return;
    }
    url = nextPage(LINKS, job.settings.url, url, answer, undefined);
  }
  yield* tableOfRecords(records, isLink);
  yield { kind: 'end', ...(pages === MOST_PAGES && { note: `Only the first ${MOST_PAGES} pages.` }) };
}

/** The list that a query asks for becomes a table, anything else a tree. */
export async function* fetchGraphql(
  job: Job<GithubSettings>,
  first: HttpRequest,
  isPaginated: boolean,
): AsyncGenerator<Page> {
  const records: unknown[] = [];
  let request = first;
  for (let pages = 1; pages <= MOST_PAGES; pages++) {
    const answer: HttpAnswer = yield* ask(job, request);
    if (answer.status >= 400) throw new CellError(refusal(answer));
    const json = jsonOf(answer);
    const path = pathToResult(json);
    const problem = graphqlProblem(json);
    if (problem !== undefined) throw new CellError(problem);
    const list = listAt(json, path);
    if (list.length === 0 && path.length === 1) {
      yield { kind: 'content', ...contentTypeOf(answer), data: answer.body, at: path };
      return yield { kind: 'end' };
    }
    records.push(...list);
    const cursor = isPaginated ? cursorIn(json) : undefined;
    if (cursor === undefined) break;
    yield { kind: 'progress', text: `page ${pages}, ${records.length} rows` };
    request = { ...request, body: withCursor(request.body ?? '', cursor) };
  }
  yield* tableOfRecords(records, isLink);
  yield { kind: 'end' };
}

/** As GitHub's own command line does it: the query takes `$endCursor: String`, and asks for `pageInfo`. */
function withCursor(body: string, endCursor: string): string {
  const { query, variables } = parseExactJson(body) as { query: string; variables?: object };
  if (!/\$endCursor\b/.test(query)) {
    throw new CellError(
      'With --paginate a query takes $endCursor: String, gives it to after:, and asks for pageInfo { hasNextPage endCursor }.',
    );
  }
  return exactJson({ query, variables: { ...variables, endCursor } });
}

function cursorIn(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { hasNextPage, endCursor } = value as { hasNextPage?: unknown; endCursor?: unknown };
  if (hasNextPage === true && typeof endCursor === 'string') return endCursor;
  for (const each of Object.values(value)) {
    const found = Array.isArray(each) ? undefined : cursorIn(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

function listAt(json: unknown, path: readonly string[]): readonly unknown[] {
  const value = path.reduce<unknown>((each, key) => Object(each)[key], json);
  return Array.isArray(value) ? value : [];
}

/** GitHub says what is wrong in `message` and `errors`. */
function refusal({ status, body }: HttpAnswer): string {
  const { message, errors, documentation_url } = Object(parsed(body)) as Record<string, unknown>;
  const details = Array.isArray(errors) ? ` ${shortened(JSON.stringify(errors), 500)}` : '';
  const help = typeof documentation_url === 'string' ? ` See ${shortened(documentation_url, 200)}` : '';
  const said = typeof message === 'string' ? `: ${shortened(message, 500)}` : '';
  return `GitHub answered ${statusLine(status)}${said}.${details}${help}`;
}

function jsonOf({ body, status }: HttpAnswer): unknown {
  const json = parsed(body);
  if (json === undefined)
    throw new CellError(`The answer (${statusLine(status)}) is not GitHub's: is the url right?`);
  return json;
}

function parsed(body: Buffer): unknown {
  try {
    return parseExactJson(body.toString());
  } catch {
    return undefined;
  }
}
