import { z } from 'zod';
import { oneApart } from '../core/apart.js';
import { brokered, type Job } from '../core/brokered.js';
import { OUT, RAW, ROWS, TIMEOUT } from '../core/options.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { httpUrl, tlsFields } from '../core/settings.js';
import { authenticationFields, authenticationProblem, forgetProof, prove } from '../http/authentication.js';
import { cellValues } from '../http/cell-values.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import { checkQuery } from '../http/graphql.js';
import { MOST_PAGES, PAGE_OPTIONS, type Pagination, paginationOf } from '../http/pagination.js';
import { placeBelow } from '../http/place.js';
import { inCircles, MOST_REDIRECTS, redirected } from '../http/redirects.js';
import { sendPatiently } from '../http/retry.js';
import { contentTypeOf, type HttpAnswer, type HttpRequest, send } from '../http/send.js';
import { statusLine } from '../http/status-line.js';
import { percentEncoded } from '../http/template.js';
import type { GraphqlAnswer, ListPage } from './reading.js';
import { readRequest, renderRequest, shown } from './request.js';
import { testPath, trialOf } from './trial.js';

const settings = z
  .strictObject({ url: httpUrl(), test_path: testPath(), ...authenticationFields, ...tlsFields })
  .superRefine((values, context) => {
    const problem = authenticationProblem(values);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem[0]], message: problem[1] });
  });
type Settings = z.infer<typeof settings>;

/** So much of an answer that says no is shown, in bytes. */
const LONGEST_REFUSAL = 100_000;

export const REST_OPTIONS = {
  timeout: TIMEOUT,
  out: OUT,
  rows: ROWS,
  tree: { type: 'flag', help: 'show JSON as a tree, even a list of records' },
  raw: RAW,
  ...PAGE_OPTIONS,
  graphql: {
    type: 'flag',
    help: 'the body is a GraphQL query, sent to /graphql unless a request line says otherwise',
  },
  variables: { type: 'string', help: 'the kernel’s dict with the variables of the query' },
} as const;

/** `%%rest` with a connection: a path below its URL, asked by the gateway with its credentials. */
export const restOverConnection = brokered<Settings>({
  name: 'rest',
  summary: 'sends one HTTP request; a status of 400 or more fails the cell',
  options: REST_OPTIONS,
  connection: {
    settings,
    optional: true,
    async test(job) {
      const { settings, signal, resources } = job;
      const proof = await prove(settings, signal, job);
      const { test_path: path } = settings;
      const place = path === undefined ? new URL(settings.url) : placeBelow(settings.url, path);
      const url = withQuery(place, proof.query);
      const { status } = await send(settings, {
        method: 'GET',
        url,
        headers: proof.headers,
        signal,
        resources,
      });
      const refusal = credentialRefusal(url.host, status);
      if (refusal !== undefined) throw refusal;
      const proves = Object.keys(proof.headers).length + proof.query.length > 0;
      return trialOf({ status, host: url.host, path, proves });
    },
  },

  compile(cell, context) {
    const { options } = cell;
    const file = readRequest(cell);
    const pagination = paginationOf(options);
    if (pagination !== undefined && (file.method !== 'GET' || options.graphql === true))
      throw new CellError('--paginate works only with GET.');
    const texts = [file.target, ...Object.values(file.headers)];
    if (options.graphql === true) checkQuery(file.body ?? '');
    else texts.push(file.body ?? '');
    const dict = options.variables === undefined ? undefined : String(options.variables);
    const values = cellValues(texts, context, { raw: options.raw === true, dict });
    return {
      args: shown(file, options),
      variables: values.variables,
      async *perform(job) {
        const request = renderRequest(file, cell, values.of(job), { ...job, base: job.settings.url });
        if (pagination !== undefined) yield* fetchPages(job, request, pagination);
        else yield* fetchOne(job, request, options.graphql === true);
      },
    };
  },
});

/** One answer, from where the service sends on if it does. */
async function* ask(job: Job<Settings>, first: HttpRequest): AsyncGenerator<Page, HttpAnswer> {
  let request: HttpRequest = { ...first, takesRedirects: true };
  for (let hops = 0; hops <= MOST_REDIRECTS; hops++) {
    const answer: HttpAnswer = yield* askOnce(job, request);
    const next = redirected(job.settings.url, request, answer);
    if (next === undefined) return answer;
    withoutKey(job.settings, next.url);
    request = next;
  }
  throw inCircles(request.url);
}

/** By a new token if the service doesn't take the old one any more. */
async function* askOnce(job: Job<Settings>, request: HttpRequest): AsyncGenerator<Page, HttpAnswer> {
  for (let isSecond = false; ; isSecond = true) {
    const proof = await prove(job.settings, job.signal, job);
    const [name] = Object.keys(proof.headers).filter((each) => each in request.headers);
    if (name !== undefined) throw new CellError(`Leave out the header ${name}: the connection sets it.`);
    const [parameter] = proof.query
      .map(([each]) => each)
      .filter((each) => request.url.searchParams.has(each));
    if (parameter !== undefined) throw new CellError(`Leave out ${parameter}: the connection sets it.`);
    const headers = { ...request.headers, ...proof.headers };
    const sent = { ...request, url: withQuery(request.url, proof.query), headers };
    const place = { ...job.settings, url: request.url.origin };
    const answer = yield* sendPatiently(place, sent, job.endsAt);
    if (answer.status !== 401 || isSecond || !forgetProof(job.settings, job.resources)) return answer;
  }
}

async function* fetchOne(job: Job<Settings>, request: HttpRequest, isGraphql: boolean): AsyncGenerator<Page> {
  const startedAt = performance.now();
  const answer = yield* ask(job, request);
  if (answer.status >= 400) yield* refused(answer);
  const graphql = isGraphql ? await read<GraphqlAnswer>(job, answer, 'readGraphql') : undefined;
  yield {
    kind: 'content',
    ...contentTypeOf(answer),
    data: answer.pieces,
    ...(graphql && { at: graphql.at }),
  };
  if (graphql?.problem !== undefined) throw new CellError(graphql.problem);
  yield { kind: 'end', summary: summary(answer.status, answer.size, startedAt) };
}

async function* fetchPages(
  job: Job<Settings>,
  first: HttpRequest,
  pagination: Pagination,
): AsyncGenerator<Page> {
  const startedAt = performance.now();
  const seen = new Set<string>();
  let bytes = 0;
  let status = 200;
  for (let url: URL | undefined = first.url; url !== undefined; ) {
    if (seen.has(url.href) || seen.size === MOST_PAGES) break;
    seen.add(url.href);
    yield { kind: 'progress', text: `page ${seen.size}` };
    const answer: HttpAnswer = yield* ask(job, { ...first, url });
    ({ status } = answer);
    if (status >= 400) yield* refused(answer);
    bytes += answer.size;
    const { link } = answer.headers;
    const asked: object = { pagination, base: job.settings.url, url: url.href, link };
    const { at, next }: ListPage = await read<ListPage>(job, answer, 'readPage', asked);
    yield { kind: 'content', ...contentTypeOf(answer), data: answer.pieces, at, part: true };
    url = next === undefined ? undefined : new URL(next);
    if (url !== undefined) withoutKey(job.settings, url);
  }
  const more = seen.size === MOST_PAGES ? ' (there may be more)' : '';
  yield {
    kind: 'end',
    summary: `${summary(status, bytes, startedAt)}, ${seen.size} page${seen.size === 1 ? '' : 's'}${more}`,
  };
}

/** Shows what the service said, and fails the cell. */
async function* refused(answer: HttpAnswer): AsyncGenerator<Page, never> {
  yield { kind: 'content', ...contentTypeOf(answer), data: answer.pieces, longest: LONGEST_REFUSAL };
  throw new CellError(`The server answered ${statusLine(answer.status)}.`);
}

/** What an answer says of itself: read apart, as only the service knows what is in it. */
function read<Result>(
  { signal }: Job<Settings>,
  { pieces, status }: HttpAnswer,
  name: 'readGraphql' | 'readPage',
  asked: object = {},
): Promise<Result> {
  const argument = { status: statusLine(status), ...asked };
  return oneApart<Result>(
    pieces,
    { module: new URL('./reading.js', import.meta.url), name, argument },
    signal,
  );
}

/** A service that repeats the address that it was asked repeats the key in it. */
function withoutKey({ api_key_query }: Settings, url: URL): void {
  if (api_key_query !== undefined) url.searchParams.delete(api_key_query);
}

/** Appends; what the cell wrote keeps its spelling. */
function withQuery(url: URL, parameters: readonly (readonly [string, string])[]): URL {
  const asked = new URL(url);
  for (const [name, value] of parameters) {
    const pair = `${percentEncoded(name, '')}=${percentEncoded(value, '')}`;
    asked.search = asked.search === '' ? pair : `${asked.search}&${pair}`;
  }
  return asked;
}

function summary(status: number, bytes: number, startedAt: number): string {
  const size =
    bytes < 1000
      ? `${bytes} B`
      : bytes < 1e6
        ? `${(bytes / 1e3).toFixed(1)} kB`
        : `${(bytes / 1e6).toFixed(1)} MB`;
  return `${statusLine(status)}, ${size}, ${((performance.now() - startedAt) / 1000).toFixed(2)} s`;
}
