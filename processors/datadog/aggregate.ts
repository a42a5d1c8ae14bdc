import { apart, type Pieces } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import { timeSeriesChart } from '../core/chart/time-series.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import { quoted } from '../core/refusal.js';
import type { TimeRange } from '../core/time-range.js';
import { metaOf, microsecondsOf, readObject } from './envelope.js';
import { askDatadog } from './requests.js';
import type { DatadogSettings } from './settings.js';

export interface Compute {
  readonly aggregation: string;
  /** An attribute such as `@duration`; only a count has none. */
  readonly metric?: string;
}

export interface Aggregate {
  readonly of: 'logs' | 'spans';
  readonly query: string;
  readonly range: TimeRange;
  readonly computes: readonly Compute[];
  /** Facets. */
  readonly by: readonly string[];
  /** Seconds between two points; absent for one value of the whole time. */
  readonly interval?: number;
  /** Groups at most. */
  readonly limit: number;
  readonly indexes: readonly string[];
}

/** Source: https://docs.datadoghq.com/api/latest/logs/#aggregate-events (`compute`) */
const AGGREGATIONS = [
  'count',
  'cardinality',
  'sum',
  'avg',
  'min',
  'max',
  'median',
  'pc75',
  'pc90',
  'pc95',
  'pc98',
  'pc99',
];
/** The same source: the product of the limits of all facets. */
export const MOST_GROUPS = 10_000;

/**
 * Reads `count,pc95:@duration`.
 * @throws {CellError} for what isn't an aggregation
 */
export function readComputes(text: string): Compute[] {
  return listOf(text).map((each) => {
    const [aggregation = '', ...rest] = each.split(':');
    const metric = rest.join(':');
    if (!AGGREGATIONS.includes(aggregation))
      throw new CellError(
        `--compute has no aggregation “${quoted(aggregation)}”. It takes ${AGGREGATIONS.join(', ')}.`,
      );
    if (metric === '' && aggregation !== 'count')
      throw new CellError(`--compute ${aggregation} needs an attribute, e.g. ${aggregation}:@duration.`);
    return { aggregation, ...(metric !== '' && { metric }) };
  });
}

/** The parts of `a, b`. */
export function listOf(text: unknown): string[] {
  return String(text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export async function* fetchAggregate(job: Job<DatadogSettings>, asked: Aggregate): AsyncGenerator<Page> {
  const { of, query, range, computes, by, interval, limit, indexes } = asked;
  const [first] = computes;
  const most = Math.max(1, Math.min(limit, Math.floor(MOST_GROUPS ** (1 / Math.max(1, by.length)))));
  const attributes = {
    filter: {
      query: query === '' ? '*' : query,
      from: new Date(range.start).toISOString(),
      to: new Date(range.end).toISOString(),
      ...(indexes.length > 0 && { indexes }),
    },
    compute: computes.map((compute) => ({
      ...compute,
      ...(interval === undefined ? { type: 'total' } : { type: 'timeseries', interval: `${interval}s` }),
    })),
    ...(by.length > 0 && {
      group_by: by.map((facet) => ({
        facet,
        limit: most,
        sort: { type: 'measure', order: 'desc', ...first },
      })),
    }),
  };
  const json = of === 'logs' ? attributes : { data: { type: 'aggregate_request', attributes } };
  const right = of === 'logs' ? 'logs_read_data' : 'apm_read';
  const answer = yield* askDatadog(job, { path: `api/v2/${of}/analytics/aggregate`, json, right });
  const module = new URL(import.meta.url);
  yield* apart<Page>(
    answer.pieces,
    { module, name: 'readBuckets', argument: { ...asked, most } },
    job.signal,
  );
}

interface Bucket {
  readonly by: Readonly<Record<string, unknown>>;
  readonly values: readonly unknown[];
}

/** A work for `apart`. */
export function* readBuckets(pieces: Pieces, argument: unknown): Generator<Page> {
  const asked = argument as Aggregate & { readonly most: number };
  const { computes, by, interval, limit, most, range } = asked;
  const answer = readObject(pieces);
  const { after, remarks } = metaOf(answer);
  const all = bucketsIn(answer.data, computes.length);
  const buckets = all.slice(0, limit);
  const names = computes.map(({ aggregation, metric }) => {
    const name = metric === undefined ? aggregation : `${aggregation}(${metric})`;
    return by.includes(name) || name === 'time' ? `${name}_` : name;
  });
  const isCut = by.length > 0 && (after !== undefined || all.length > limit || all.length >= most);
  const notes = [
    isCut
      ? `Only the first ${buckets.length.toLocaleString('en')} groups: there may be more, get them with --limit.`
      : '',
    buckets.length === 0 ? 'Nothing matches in this time.' : '',
    remarks,
  ];
  if (interval === undefined) {
    yield* tableOfRecords(
      buckets.map(({ by: group, values }) => ({
        ...group,
        ...Object.fromEntries(names.map((name, at) => [name, values[at] ?? null])),
      })),
    );
    return yield { kind: 'end', note: joined(notes) };
  }
  yield* tableOfRecords(
    buckets.flatMap(({ by: group, values }) => {
      const points = values.map((value) => new Map(pointsOf(value)));
      const times = [...new Set(points.flatMap((each) => [...each.keys()]))].sort();
      return times.map((time) => ({
        time: microsecondsOf(time),
        ...group,
        ...Object.fromEntries(names.map((name, at) => [name, points[at]?.get(time) ?? null])),
      }));
    }),
    { types: { time: 'time' } },
  );
  const series = buckets.flatMap(({ by: group, values }) =>
    values.map((value, at) => ({
      metric: names.length > 1 ? (names[at] ?? '') : '',
      labels: Object.fromEntries(Object.entries(group).map(([name, each]) => [name, String(each)])),
      points: pointsOf(value).flatMap(([time, number]) =>
        number === null ? [] : [[Date.parse(time), number] as const],
      ),
    })),
  );
  const span = { start: range.start, end: range.end, step: interval * 1000 };
  const chart = timeSeriesChart(
    series.filter(({ points }) => points.length > 0),
    `${names.join(', ')}${asked.query === '' ? '' : ` of ${asked.query}`}`,
    span,
  );
  const note = joined([...notes, chart.note]);
  yield { kind: 'end', note, displays: chart.displays };
}

/** Logs answer `{buckets: [{by, computes}]}`, spans `[{attributes: {by, compute}}]`; values are `c0`, `c1` … */
function bucketsIn(data: unknown, count: number): Bucket[] {
  const list: unknown = Array.isArray(data) ? data : Object(data).buckets;
  return (Array.isArray(list) ? list : []).map((each) => {
    const bucket: Record<string, unknown> = Object(Object(each).attributes ?? each);
    const values = Object(bucket.computes ?? bucket.compute) as Record<string, unknown>;
    return {
      by: Object(bucket.by) as Record<string, unknown>,
      values: Array.from({ length: count }, (_, at) => values[`c${at}`]),
    };
  });
}

function pointsOf(value: unknown): (readonly [time: string, value: number | null])[] {
  return (Array.isArray(value) ? value : []).flatMap((point) => {
    const { time, value: number } = Object(point) as { time?: unknown; value?: unknown };
    return typeof time === 'string' && Number.isFinite(Date.parse(time))
      ? [[time, typeof number === 'number' ? number : null] as const]
      : [];
  });
}

function joined(notes: readonly string[]): string {
  return notes.filter((note) => note !== '').join(' ');
}
