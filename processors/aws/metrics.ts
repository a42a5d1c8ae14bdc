import { oneApart, type Work } from '../core/apart.js';
import { type Series, timeSeriesChart } from '../core/chart/time-series.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { TimeRange } from '../core/time-range.js';
import { call } from './call.js';
import type { MetricQuery } from './metric-queries.js';
import type { MetricsRead } from './metrics-reading.js';
import { GET_METRIC_DATA } from './services.js';
import type { AwsJob } from './settings.js';

/** So many points are kept of one cell. */
const MOST_POINTS = 500_000;
/** What a chart can show, and periods that people read. In seconds. */
const AUTO_POINTS = 350;
const PERIODS = [60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400];
const DAY_S = 86_400;

/**
 * CloudWatch keeps minutes for 15 days, five minutes for 63 and hours for 455.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html
 *
 * @param wanted seconds; undefined: what suits a chart
 * @returns seconds
 */
export function periodFor({ start, end }: TimeRange, wanted: number | undefined, now = Date.now()): number {
  const age = (now - start) / 1000 / DAY_S;
  const least = age > 63 ? 3_600 : age > 15 ? 300 : 60;
  if (wanted !== undefined) {
    if (wanted < 60 && [1, 5, 10, 20, 30].includes(wanted)) return wanted;
    if (wanted % 60 === 0 && wanted > 0) return wanted;
    throw new CellError('--period takes 1s, 5s, 10s, 20s, 30s, or whole minutes such as 5m.');
  }
  const aim = (end - start) / 1000 / AUTO_POINTS;
  return Math.max(least, PERIODS.find((period) => period >= aim) ?? Math.ceil(aim / DAY_S) * DAY_S);
}

/** Values of metrics, as a table and a chart. */
export async function* metrics(
  job: AwsJob,
  queries: readonly MetricQuery[],
  range: TimeRange,
  asked: { readonly period: number; readonly title: string },
): AsyncGenerator<Page> {
  const found = new Map<string, Series & { readonly points: [number, number][] }>();
  const remarks = new Set<string>();
  let points = 0;
  let token: string | undefined;
  do {
    const answer = yield* call(job, GET_METRIC_DATA, {
      StartTime: Math.floor(range.start / 1000),
      EndTime: Math.ceil(range.end / 1000),
      MetricDataQueries: queries,
      ScanBy: 'TimestampAscending',
      ...(token !== undefined && { NextToken: token }),
    });
    const read: MetricsRead = await oneApart<MetricsRead>(answer.pieces, WORK, job.signal);
    for (const { key, label, values } of read.series) {
      const known = found.get(key) ?? { metric: label, labels: {}, points: [] };
      found.set(key, known);
      for (const point of values) known.points.push(point);
      points += values.length;
    }
    for (const remark of read.remarks) remarks.add(remark);
    token = read.token === token ? undefined : read.token;
    yield { kind: 'progress', text: `${points.toLocaleString('en')} values` };
  } while (token !== undefined && points < MOST_POINTS);
  const series = [...found.values()].filter((each) => each.points.length > 0);
  yield { kind: 'columns', columns: COLUMNS };
  yield* rowsOf(series);
  const chart = timeSeriesChart(series, asked.title, { ...range, step: asked.period * 1000 });
  const note = [
    series.length === 0 ? EMPTY : '',
    token === undefined ? '' : `Only the first ${points.toLocaleString('en')} values: ask for less.`,
    ...remarks,
    chart.note,
  ];
  yield {
    kind: 'end',
    note: note.filter((each) => each !== '').join(' '),
    displays: chart.displays,
  };
}

const EMPTY =
  'No values. CloudWatch finds a metric only by all of its dimensions: cloudwatch list-metrics shows them, and NAME=* takes all values of one.';

const COLUMNS = [
  { name: 'time', type: 'time' },
  { name: 'label', type: 'text' },
  { name: 'value', type: 'float' },
] as const;

const WORK: Work = {
  module: new URL('./metrics-reading.js', import.meta.url),
  name: 'readMetrics',
  argument: undefined,
};

const PAGE_ROWS = 5_000;

function* rowsOf(series: readonly Series[]): Generator<Page> {
  for (const { metric, points } of series) {
    for (let at = 0; at < points.length; at += PAGE_ROWS) {
      const page = points.slice(at, at + PAGE_ROWS);
      yield {
        kind: 'rows',
        rows: [page.map(([time]) => time * 1000), page.map(() => metric), page.map(([, value]) => value)],
      };
    }
  }
}
