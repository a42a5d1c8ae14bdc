import { brokered, type Job } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { type Cell, CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { AT, RANGE, secondsOf, type TimeRange, timeRangeOf } from './core/time-range.js';
import { fetchAggregate, listOf, readComputes } from './datadog/aggregate.js';
import { completeDatadog } from './datadog/completion.js';
import { testDatadog } from './datadog/connection-test.js';
import { linkTo } from './datadog/links.js';
import { fetchMetrics } from './datadog/metrics.js';
import { fetchMonitors } from './datadog/monitors.js';
import { readBody, renderQuery, type Subject } from './datadog/query.js';
import { fetchFound } from './datadog/search.js';
import { type DatadogSettings, settings } from './datadog/settings.js';

const PLACE = 'a query: Datadog keeps a record of queries';

const USUAL_RANGE = '1h';
const USUAL_LIMIT = 1_000;
const USUAL_GROUPS = 100;
/** A service that goes on for ever ends here; the rate limits end most searches earlier. */
const MOST_ROWS = 1_000_000;
/** Source: https://docs.datadoghq.com/logs/explorer/analytics/ (group by at most four dimensions) */
const MOST_FACETS = 4;

/** Which options a subject takes, beside those that all do. */
const taken: Readonly<Record<Subject, readonly string[]>> = {
  logs: ['range', 'at', 'limit', 'indexes'],
  spans: ['range', 'at', 'limit'],
  metrics: ['range', 'at'],
  monitors: ['limit'],
  events: ['range', 'at', 'limit'],
  aggregate: ['range', 'at', 'limit', 'indexes', 'compute', 'facets', 'interval', 'of'],
};
const OWN: ReadonlySet<string> = new Set(Object.values(taken).flat());

export const datadog = brokered<DatadogSettings>({
  name: 'datadog',
  summary: 'asks Datadog: logs, spans, metrics, monitors, events, aggregate',
  example: '%%datadog prod --range 15m --limit 500\nlogs service:web status:error',
  options: {
    range: RANGE,
    at: AT,
    limit: {
      type: 'number',
      help: 'at most this many rows, or groups of aggregate; default 1,000, or 100 groups',
    },
    compute: { type: 'string', help: 'of aggregate: count, avg:@duration, pc95:@duration …; default count' },
    facets: { type: 'string', help: 'of aggregate: the facets to group by, e.g. service,status' },
    interval: { type: 'string', help: 'of aggregate: values over time, e.g. one each 5m' },
    of: { type: 'string', help: 'what aggregate is about; default logs', values: ['logs', 'spans'] },
    indexes: { type: 'string', help: 'the log indexes to look in, e.g. main,archive; default all' },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testDatadog },

  complete: completeDatadog,

  compile({ options, body }) {
    const { subject, query } = readBody(body);
    const stray = Object.keys(options).find((name) => OWN.has(name) && !taken[subject].includes(name));
    if (stray !== undefined)
      throw new CellError(
        `${subject} takes no --${stray}. Its options: ${taken[subject].map((each) => `--${each}`).join(', ')}.`,
      );
    if (subject === 'metrics' && query === '')
      throw new CellError('metrics needs a query, e.g. metrics avg:system.cpu.user{*} by {host}.');
    const ask = asking(subject, options);
    const variables = variablesIn(query, options, PLACE);
    return {
      args: { query: `${subject} ${query}`.trim(), ...shown(options, taken[subject]) },
      variables,
      async *perform(job) {
        const rendered = options.raw === true ? query : renderQuery(subject, query, job.values);
        const range = timeRangeOf(options, USUAL_RANGE);
        const about = options.of === 'spans' ? 'spans' : subject;
        const link = linkTo(job.settings, about, rendered, range);
        if (link !== undefined) yield { kind: 'notice', text: `The same in Datadog: ${link}` } satisfies Page;
        yield* ask(job, rendered, range);
      },
    };
  },
});

type Ask = (job: Job<DatadogSettings>, query: string, range: TimeRange) => AsyncIterable<Page>;

/** @throws {CellError} for an option that isn't right */
function asking(subject: Subject, options: Cell['options']): Ask {
  const limit = limitOf(options.limit, subject === 'aggregate' ? USUAL_GROUPS : USUAL_LIMIT);
  const indexes = listOf(options.indexes);
  timeRangeOf(options, USUAL_RANGE);
  if (subject === 'monitors') return (job, query) => fetchMonitors(job, query, limit);
  if (subject === 'metrics') return (job, query, range) => fetchMetrics(job, { query, range });
  if (subject !== 'aggregate')
    return (job, query, range) => fetchFound(job, { subject, query, range, limit, indexes });
  const { of = 'logs', compute = 'count', interval } = options;
  if (of !== 'logs' && of !== 'spans') throw new CellError('--of takes logs or spans.');
  const computes = readComputes(String(compute));
  const by = listOf(options.facets);
  if (computes.length === 0) throw new CellError('--compute needs an aggregation, e.g. count.');
  if (by.length > MOST_FACETS) throw new CellError(`--facets takes at most ${MOST_FACETS} facets.`);
  const seconds = interval === undefined ? {} : { interval: secondsOf('interval', interval) };
  return (job, query, range) => {
    const asked = { of, query, range, computes, by, limit, indexes, ...seconds } as const;
    return fetchAggregate(job, asked);
  };
}

function limitOf(limit: string | number | boolean | undefined, usual: number): number {
  if (limit === undefined) return usual;
  if (Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= MOST_ROWS) return Number(limit);
  throw new CellError(`--limit takes a whole number from 1 to ${MOST_ROWS.toLocaleString('en')}.`);
}

function shown(options: Cell['options'], names: readonly string[]) {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}
