import { z } from 'zod';
import { apart, isSmall, textOf } from './core/apart.js';
import { brokered, type Job, type Request } from './core/brokered.js';
import type { TestJob } from './core/connection.js';
import { writeDuration } from './core/duration.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { type Cell, CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { RANGE, secondsOf, timeOf } from './core/time-range.js';
import { cloudProblem } from './http/clouds/proof.js';
import { awsFields, azureFields, googleFields, type Problem } from './http/clouds/settings.js';
import { type Patience, usualPatience } from './http/retry.js';
import { beginningOf } from './http/send.js';
import { askForMuch, askService } from './http/service.js';
import { readAnswer } from './prometheus/answer.js';
import { completePromql } from './prometheus/completion.js';
import type { LargeAnswer } from './prometheus/large-answer.js';
import { noSeries } from './prometheus/no-series.js';
import { renderPromql } from './prometheus/promql.js';
import { type Asked, isEmpty, tableOf } from './prometheus/results.js';
import { selectedSpan } from './prometheus/selected-span.js';
import { MOST_POINTS, stepFor } from './prometheus/step.js';

const settings = z
  .strictObject({
    url: httpUrl(),
    token: credential().optional(),
    username: text().optional(),
    password: credential().optional(),
    auth: z.enum(['aws', 'azure', 'google'], 'it has to be aws, azure or google').optional(),
    ...awsFields,
    ...azureFields,
    // The two others take fewer values of `credentials`: that is told by name.
    ...googleFields,
    ...tlsFields,
  })
  .superRefine((values, context) => {
    const problem = authProblem(values);
    if (problem !== undefined) context.addIssue({ code: 'custom', path: [problem[0]], message: problem[1] });
  });
type Settings = z.infer<typeof settings>;

/** What `--list` can ask for: https://prometheus.io/docs/prometheus/latest/querying/api/ */
const lists: Readonly<Record<string, string>> = {
  series: 'api/v1/series',
  labels: 'api/v1/labels',
  metadata: 'api/v1/metadata',
  alerts: 'api/v1/alerts',
  targets: 'api/v1/targets',
};
const TAKES_SELECTOR = new Set(['series', 'labels']);

const PLACE = 'a query: the service logs its queries';

/** Of an answer that says what went wrong, in bytes. */
const LARGEST_ERROR = 64 * 1024;
const LARGEST_VERSION = 64 * 1024;

/** Prometheus's own answer is final, above all a query's timeout (503). A proxy before it may be busy only for now. */
const patience: Patience = (answer, request, tries) => {
  const pause = usualPatience(answer, request, tries);
  const isItsOwn = pause !== undefined && beginningOf(answer, LARGEST_ERROR).includes('"errorType"');
  return isItsOwn ? undefined : pause;
};

export const prometheus = brokered<Settings>({
  name: 'prometheus',
  summary: 'queries Prometheus with PromQL',
  example: '%%prometheus prod --range 6h\nsum by (job) (rate(http_requests_total[5m]))',
  options: {
    range: RANGE,
    step: {
      type: 'string',
      help: 'time between two of these values, e.g. 30s; default auto',
      values: ['auto'],
    },
    at: { type: 'string', help: 'the time to ask about: 2026-01-31T12:00:00Z, or 1h for an hour ago' },
    list: { type: 'string', help: 'list what exists instead of values', values: Object.keys(lists) },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: {
    settings,
    async test(job) {
      if (job.settings.auth !== undefined) return testCloud(job);
      const answer = await askService(job, {
        method: 'GET',
        path: 'api/v1/status/buildinfo',
        largest: LARGEST_VERSION,
      });
      const { version } = Object(readAnswer(answer).data) as { version?: unknown };
      return `Prometheus ${String(version ?? '')}`.trim();
    },
  },

  complete: completePromql,

  compile(cell) {
    return cell.options.list === undefined ? compileQuery(cell) : compileList(cell);
  },
});

function authProblem(values: object): Problem {
  const other = ['token', 'username', 'password'].find((field) => field in values);
  if ('auth' in values && other !== undefined) return [other, 'auth is set already: set only one of them'];
  return cloudProblem(values);
}

/** Not all clouds tell a version. A query is what cells send too, and needs the same right. */
async function testCloud(job: TestJob<Settings>): Promise<string> {
  const parameters = new URLSearchParams({ query: 'count(up)' });
  const answer = await askService(job, {
    method: 'POST',
    path: 'api/v1/query',
    parameters,
    largest: LARGEST_VERSION,
  });
  const { result } = Object(readAnswer(answer).data) as { result?: unknown };
  const [, targets = '0'] = Object(Array.isArray(result) ? result[0] : undefined).value ?? [];
  return `Prometheus, ${Number(targets)} targets in the metric up`;
}

function compileQuery({ options, body }: Cell): Request<Settings> {
  const query = body.trim();
  if (query === '') throw new CellError('A %%prometheus cell needs a query, e.g. up.');
  const { range, step, at } = options;
  if (step !== undefined && range === undefined) throw new CellError('--step works only with --range.');
  const seconds = range === undefined ? undefined : secondsOf('range', range);
  const wanted = step === undefined || step === 'auto' ? undefined : secondsOf('step', step);
  const end = () => timeOf('at', at) / 1000;
  end();
  const variables = variablesIn(query, options, PLACE);
  return {
    args: { query, ...pick(options, 'range', 'step', 'at') },
    variables,
    async *perform(job) {
      const promql = variables.length === 0 && options.raw === true ? query : renderPromql(query, job.values);
      const parameters = new URLSearchParams({ query: promql });
      if (seconds === undefined) {
        const until = end();
        if (at !== undefined) parameters.set('time', String(until));
        yield* ask(job, 'POST', 'api/v1/query', parameters, { promql, span: selectedSpan(promql, until) });
        return;
      }
      const used = stepFor(seconds, wanted);
      const note =
        wanted !== undefined && used > wanted
          ? `The step was raised to ${writeDuration(used)}: Prometheus gives at most ${MOST_POINTS.toLocaleString('en')} points.`
          : '';
      // Whole seconds: what a table and a chart show then reads well.
      const until = Math.floor(end());
      const start = until - seconds;
      parameters.set('start', String(start));
      parameters.set('end', String(until));
      parameters.set('step', String(used));
      const span = { start: start * 1000, end: until * 1000, step: used * 1000 };
      yield* ask(job, 'POST', 'api/v1/query_range', parameters, { promql, span }, note);
    },
  };
}

function compileList({ options, body }: Cell): Request<Settings> {
  const list = String(options.list);
  const path = Object.hasOwn(lists, list) ? lists[list] : undefined;
  if (path === undefined) throw new CellError(`--list takes ${Object.keys(lists).join(', ')}.`);
  const selector = body.trim();
  if (selector !== '' && !TAKES_SELECTOR.has(list)) throw new CellError(`--list ${list} takes no selector.`);
  if (selector === '' && list === 'series') throw new CellError('--list series needs a selector, e.g. up.');
  const variables = variablesIn(selector, options, PLACE);
  return {
    args: { list, ...(selector && { selector }) },
    variables,
    async *perform(job) {
      const parameters = new URLSearchParams();
      const rendered = renderPromql(selector, job.values);
      if (selector !== '') parameters.set('match[]', rendered);
      const method = TAKES_SELECTOR.has(list) ? 'POST' : 'GET';
      yield* ask(job, method, path, parameters, { promql: rendered });
    },
  };
}

async function* ask(
  job: Job<Settings>,
  method: 'GET' | 'POST',
  path: string,
  parameters: URLSearchParams,
  asked: Asked,
  note = '',
): AsyncGenerator<Page> {
  const { status, pieces } = yield* askForMuch(job, { method, path, parameters }, patience);
  if (!isSmall(pieces)) {
    const argument: LargeAnswer = { status, asked, note };
    const module = new URL('./prometheus/large-answer.js', import.meta.url);
    yield* apart<Page>(pieces, { module, name: 'tableOfAnswer', argument }, job.signal);
    return;
  }
  const { data, remarks } = readAnswer({ status, body: textOf(pieces) }, asked.promql);
  const nothing = isEmpty(data, asked.promql)
    ? await noSeries(
        job,
        asked.promql,
        Number(parameters.get('start') ?? parameters.get('time') ?? Date.now() / 1000),
      )
    : '';
  yield* tableOf(data, asked, [nothing, note, remarks]);
}

function pick(options: Cell['options'], ...names: readonly string[]) {
  return Object.fromEntries(
    names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
}
