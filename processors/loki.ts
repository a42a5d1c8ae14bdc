import { z } from 'zod';
import { brokered, type Job, type Request } from './core/brokered.js';
import { writeDuration } from './core/duration.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import { type Cell, CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { AT, RANGE, secondsOf, timeOf, timeRangeOf } from './core/time-range.js';
import { completeLogql } from './loki/completion.js';
import { listLabels, listSeries } from './loki/lists.js';
import { renderLogql } from './loki/logql.js';
import { fetchInstant, fetchRange } from './loki/queries.js';
import { type LokiSettings, testLoki } from './loki/requests.js';
import { MOST_POINTS, stepFor } from './prometheus/step.js';

const settings = z.strictObject({
  url: httpUrl(),
  token: credential().optional(),
  username: text().optional(),
  password: credential().optional(),
  org_id: text().optional(),
  ...tlsFields,
});

/** How much time is looked at, and how many lines are fetched, where the cell doesn't say: as in Grafana's Explore. */
const USUAL_RANGE = '1h';
const USUAL_LIMIT = 1_000;
const MOST_LINES = 10_000_000;

const PLACE = 'a query: the service logs its queries';

export const loki = brokered<LokiSettings>({
  name: 'loki',
  summary: 'queries Loki with LogQL: log lines, or numbers made of them',
  example: '%%loki prod --range 6h --limit 10000\n{app="checkout"} |= "error" | json | status >= 500',
  options: {
    range: { ...RANGE, help: `lines or values of the last 15m, 6h, 7d …; default ${USUAL_RANGE}` },
    at: AT,
    limit: {
      type: 'number',
      help: `fetch at most so many lines; default ${USUAL_LIMIT.toLocaleString('en')}`,
    },
    direction: {
      type: 'string',
      help: 'backward (the default): the newest lines first; forward: the oldest',
      values: ['backward', 'forward'],
    },
    step: {
      type: 'string',
      help: 'of a metric query: time between two values, e.g. 30s; default auto',
      values: ['auto'],
    },
    instant: { type: 'flag', help: 'of a metric query: its value at one time alone' },
    list: {
      type: 'string',
      help: 'list labels, the values of the label that the cell names, or the series of a selector',
      values: ['labels', 'values', 'series'],
    },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testLoki },

  complete: completeLogql,

  compile(cell) {
    return cell.options.list === undefined ? compileQuery(cell) : compileList(cell);
  },
});

function compileQuery({ options, body }: Cell): Request<LokiSettings> {
  const query = body.trim();
  if (query === '') throw new CellError('A %%loki cell needs a query, e.g. {app="checkout"} |= "error".');
  const { range, at, step, instant, limit, direction } = options;
  if (instant === true)
    for (const name of ['range', 'step', 'limit', 'direction'])
      if (options[name] !== undefined) throw new CellError(`--instant and --${name} exclude each other.`);
  if (limit !== undefined && !(Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= MOST_LINES))
    throw new CellError(`--limit takes a whole number from 1 to ${MOST_LINES.toLocaleString('en')}.`);
  if (direction !== undefined && direction !== 'forward' && direction !== 'backward')
    throw new CellError('--direction takes backward or forward.');
  // Whole seconds: what a chart and a table of numbers show then reads well.
  const times = () => timeRangeOf(options, USUAL_RANGE, Math.ceil(Date.now() / 1000) * 1000);
  times();
  const seconds = secondsOf('range', range ?? USUAL_RANGE);
  const wanted = step === undefined || step === 'auto' ? undefined : secondsOf('step', step);
  const used = stepFor(seconds, wanted);
  const variables = variablesIn(query, options, PLACE);
  const { timeout: _, out: __, rows: ___, raw: ____, ...shown } = options;
  return {
    args: { query, ...shown },
    variables,
    async *perform(job) {
      const logql = options.raw === true ? query : renderLogql(query, job.values);
      if (instant === true) return yield* fetchInstant(job, logql, timeOf('at', at));
      yield* fetchRange(job, {
        logql,
        ...times(),
        step: used,
        limit: limit === undefined ? USUAL_LIMIT : Number(limit),
        direction: direction ?? 'backward',
        note:
          wanted !== undefined && used > wanted
            ? `The step was raised to ${writeDuration(used)}: Loki gives at most ${MOST_POINTS.toLocaleString('en')} points.`
            : '',
      });
    },
  };
}

function compileList({ options, body }: Cell): Request<LokiSettings> {
  const { list } = options;
  for (const name of ['limit', 'direction', 'step', 'instant'])
    if (options[name] !== undefined) throw new CellError(`--list and --${name} exclude each other.`);
  const times = () => timeRangeOf(options, USUAL_RANGE);
  times();
  const subject = body.trim();
  const variables = variablesIn(subject, options, PLACE);
  const rendered = ({ values }: Job<LokiSettings>) =>
    options.raw === true ? subject : renderLogql(subject, values);
  const args = { list: String(list), ...(subject !== '' && { query: subject }) };
  if (list === 'labels') {
    if (subject !== '') throw new CellError('--list labels takes no query. For a label, use --list values.');
    return { args, variables, perform: (job) => listLabels(job, times()) };
  }
  if (list === 'values') {
    if (subject === '') throw new CellError('--list values needs the name of a label in the cell.');
    return { args, variables, perform: (job) => listLabels(job, times(), rendered(job)) };
  }
  if (list !== 'series') throw new CellError('--list takes labels, values or series.');
  if (subject === '') throw new CellError('--list series needs a selector, e.g. {app="checkout"}.');
  return { args, variables, perform: (job) => listSeries(job, times(), rendered(job)) };
}
