import type { Pieces } from '../core/apart.js';
import { oneApart } from '../core/apart.js';
import { type Series, timeSeriesChart } from '../core/chart/time-series.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { TimeRange } from '../core/time-range.js';
import { readJson } from '../http/json.js';
import { percentEncoded } from '../http/template.js';
import { askAzure, MANAGEMENT } from './requests.js';
import type { AzureJob } from './settings.js';

/** https://learn.microsoft.com/rest/api/monitor/metrics/list */
const API_VERSION = '2023-10-01';
const AGGREGATIONS = ['Average', 'Total', 'Maximum', 'Minimum', 'Count'];
const INTERVALS: readonly (readonly [seconds: number, name: string])[] = [
  [60, 'PT1M'],
  [300, 'PT5M'],
  [900, 'PT15M'],
  [1_800, 'PT30M'],
  [3_600, 'PT1H'],
  [21_600, 'PT6H'],
  [43_200, 'PT12H'],
  [86_400, 'P1D'],
];
/** What a chart can show. */
const AUTO_POINTS = 350;
const MOST_METRICS = 20;
const MOST_VALUES = 120_000;

export interface Metric {
  readonly name: string;
  readonly aggregation: string;
}

/** @throws {CellError} for a line that is none: `Percentage CPU`, `Percentage CPU: Maximum` */
export function metricIn(line: string): Metric {
  const [, name = '', given] = /^(.*?)(?::\s*(\w+))?$/.exec(line.trim()) ?? [];
  const aggregation = AGGREGATIONS.find((each) => each.toLowerCase() === (given ?? 'average').toLowerCase());
  if (name === '' || aggregation === undefined)
    throw new CellError(
      `Write a metric as NAME or NAME: AGGREGATION, which is one of ${AGGREGATIONS.join(', ')}.`,
    );
  return { name, aggregation };
}

/** Values of a resource's metrics, as a chart and a table. */
export async function* azureMetrics(
  job: AzureJob,
  resource: string,
  metrics: readonly Metric[],
  range: TimeRange,
): AsyncGenerator<Page> {
  if (!/^\/subscriptions\/[^?#]+$/i.test(resource))
    throw new CellError(
      'metrics needs the id of a resource: metrics /subscriptions/…/resourceGroups/…/providers/…',
    );
  if (metrics.length > MOST_METRICS) throw new CellError(`At most ${MOST_METRICS} metrics in one cell.`);
  const aim = (range.end - range.start) / 1000 / AUTO_POINTS;
  const [step, interval] = INTERVALS.find(([seconds]) => seconds >= aim) ?? [86_400, 'P1D'];
  const series: Series[] = [];
  for (const { name, aggregation } of metrics) {
    const parameters = Object.entries({
      'api-version': API_VERSION,
      metricnames: name,
      aggregation,
      interval,
      timespan: `${new Date(range.start).toISOString()}/${new Date(range.end).toISOString()}`,
    }).map(([key, value]) => `${key}=${percentEncoded(value, '')}`);
    const target = `${percentEncoded(resource.replace(/\/$/, ''), '/')}/providers/Microsoft.Insights/metrics?${parameters.join('&')}`;
    const { pieces } = yield* askAzure(job, MANAGEMENT, { target });
    const work = { module: new URL(import.meta.url), name: 'readMetrics', argument: { aggregation } };
    series.push(...(await oneApart<Series[]>(pieces, work, job.signal)));
    yield { kind: 'progress', text: `${series.length} series` };
  }
  yield { kind: 'columns', columns: COLUMNS };
  for (const { metric, labels, points } of series) {
    if (points.length === 0) continue;
    const label = Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(', ');
    yield {
      kind: 'rows',
      rows: [
        points.map(([time]) => time * 1000),
        points.map(() => metric),
        points.map(() => label),
        points.map(([, value]) => value),
      ],
    };
  }
  const title = metrics.map(({ name }) => name).join(', ');
  const chart = timeSeriesChart(series, title, { ...range, step: step * 1000 });
  const empty = series.every(({ points }) => points.length === 0) ? 'No values.' : '';
  yield {
    kind: 'end',
    note: [empty, chart.note].filter((note) => note !== '').join(' '),
    displays: chart.displays,
  };
}

const COLUMNS = [
  { name: 'time', type: 'time' },
  { name: 'metric', type: 'text' },
  { name: 'labels', type: 'text' },
  { name: 'value', type: 'float' },
] as const;

/** A work for `apart`. @throws {CellError} */
export function* readMetrics(pieces: Pieces, argument: unknown): Generator<Series[]> {
  const { aggregation } = argument as { aggregation: string };
  const { value } = Object(readJson(pieces)) as { value?: unknown };
  if (!Array.isArray(value))
    throw new CellError("The answer is not from Azure: is the connection's url right?");
  const series: Series[] = value.flatMap((metric) => {
    const name = String(Object(Object(metric).name).value ?? '');
    return listOf(Object(metric).timeseries).map((line) => ({
      metric: `${name} (${aggregation})`,
      labels: Object.fromEntries(
        listOf(line.metadatavalues).map((each) => [
          String(Object(each.name).value ?? ''),
          String(each.value ?? ''),
        ]),
      ),
      points: listOf(line.data).flatMap((point) => {
        const number = point[aggregation.toLowerCase()];
        const time = Date.parse(String(point.timeStamp));
        return typeof number === 'number' && Number.isFinite(time) ? [[time, number] as const] : [];
      }),
    }));
  });
  if (series.reduce((sum, { points }) => sum + points.length, series.length) > MOST_VALUES)
    throw new CellError('The answer has more values than a chart can show. Ask for less time.');
  yield series;
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map((item) => Object(item) as Record<string, unknown>) : [];
}
