import { usualStep } from '../core/chart/line.js';
import { type Series, timeSeriesChart } from '../core/chart/time-series.js';
import { ExactNumber } from '../core/exact-json.js';
import type { Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';

/** The tables of an answer's aggregations. */
export interface Aggregations {
  readonly tables: readonly (readonly Page[])[];
  readonly charts: readonly Readonly<Record<string, Json>>[];
  /** Sentences on what isn't in them. */
  readonly notes: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** A row, and what its columns are: keys of buckets, times of a date histogram, and values. */
interface Rows {
  readonly rows: Record<string, unknown>[];
  readonly keys: Set<string>;
  readonly times: Set<string>;
  readonly values: Set<string>;
  readonly notes: Set<string>;
}

/** Rows of all tables: a bucket in a bucket in a bucket makes many. */
const MOST_ROWS = 200_000;
const DEEPEST = 20;

/** Of the request: names come as `date_histogram#per_hour` then (`typed_keys`). */
const DATES = new Set(['date_histogram', 'auto_date_histogram']);

/**
 * Each top-level aggregation as a table: a row a bucket, however deep; buckets in buckets have the keys of those around
 * them. Values that belong to no bucket are one table of one row.
 * Source: https://opensearch.org/docs/latest/aggregations/
 */
export function aggregationPages(aggregations: unknown, title: string): Aggregations | undefined {
  const all = Object.entries(Object(aggregations) as Fields);
  if (all.length === 0) return undefined;
  const plain = all.filter(([, each]) => !hasBuckets(each));
  const bucketed = all.filter(([, each]) => hasBuckets(each));
  const groups = [...(plain.length > 0 ? [plain] : []), ...bucketed.map((each) => [each])];
  const notes = new Set<string>();
  const tables: Page[][] = [];
  const charts: Readonly<Record<string, Json>>[] = [];
  for (const group of groups) {
    const made: Rows = { rows: [], keys: new Set(), times: new Set(), values: new Set(), notes };
    walk(Object.fromEntries(group), {}, made, 0);
    if (made.rows.length >= MOST_ROWS)
      notes.add(`Only the first ${MOST_ROWS.toLocaleString('en')} rows of an aggregation.`);
    const types = Object.fromEntries([...made.times].map((name) => [name, 'time' as const]));
    tables.push([...tableOfRecords(made.rows, { types })]);
    const chart = chartOf(made, title);
    if (chart) charts.push(...chart.displays);
    if (chart?.note) notes.add(chart.note);
  }
  return { tables, charts, notes: [...notes] };
}

function hasBuckets(aggregation: unknown): boolean {
  const { buckets } = Object(aggregation) as Fields;
  if (typeof buckets === 'object' && buckets !== null) return true;
  return subAggregations(Object(aggregation)).some(([, each]) => hasBuckets(each));
}

/** Those inside a bucket, or an aggregation of one bucket (filter, nested …). */
function subAggregations(bucket: Fields): [string, Fields][] {
  return Object.entries(bucket).flatMap(([name, each]) =>
    name.includes('#') && typeof each === 'object' && each !== null ? [[name, each as Fields]] : [],
  );
}

function walk(aggregations: Fields, around: Record<string, unknown>, made: Rows, depth: number): void {
  const row = { ...around };
  const bucketed: [name: string, type: string, aggregation: Fields][] = [];
  const collect = (all: readonly (readonly [string, unknown])[], prefix: string) => {
    for (const [typed, each] of all) {
      const [type = '', name = ''] = splitName(typed);
      const aggregation = Object(each) as Fields;
      if ('buckets' in aggregation) bucketed.push([prefix + name, type, aggregation]);
      else if ('doc_count' in aggregation) {
        put(row, made, `${prefix}${name}.doc_count`, aggregation.doc_count);
        collect(subAggregations(aggregation), `${prefix}${name}.`);
      } else putMetric(row, made, prefix + name, type, aggregation);
    }
  };
  collect(Object.entries(aggregations), '');
  if (bucketed.length === 0 || depth >= DEEPEST) {
    if (made.rows.length < MOST_ROWS) made.rows.push(row);
    return;
  }
  for (const [name, type, aggregation] of bucketed) {
    about(name, aggregation, made);
    for (const [key, bucket] of bucketsOf(aggregation.buckets)) {
      if (made.rows.length >= MOST_ROWS) return;
      const inner = { ...row };
      putKey(inner, made, name, type, key, bucket);
      put(inner, made, 'doc_count' in row ? `${name}.doc_count` : 'doc_count', bucket.doc_count);
      walk(Object.fromEntries(subAggregations(bucket)), inner, made, depth + 1);
    }
  }
}

/** `date_histogram#per_hour`; a name may have a `#` too. */
function splitName(typed: string): [string, string] {
  const at = typed.indexOf('#');
  return at < 0 ? ['', typed] : [typed.slice(0, at), typed.slice(at + 1)];
}

/** A list, or an object by key (filters, keyed ranges). */
function bucketsOf(buckets: unknown): [key: unknown, bucket: Fields][] {
  if (Array.isArray(buckets))
    return buckets.map((each) => {
      const bucket = Object(each) as Fields;
      return [bucket.key, bucket];
    });
  return Object.entries(Object(buckets) as Fields).map(([key, bucket]) => [key, Object(bucket) as Fields]);
}

function putKey(
  row: Record<string, unknown>,
  made: Rows,
  name: string,
  type: string,
  key: unknown,
  bucket: Fields,
): void {
  if (typeof key === 'object' && key !== null && !(key instanceof ExactNumber) && !Array.isArray(key)) {
    for (const [part, value] of Object.entries(key)) putKey(row, made, `${name}.${part}`, '', value, {});
    return;
  }
  const unused = name in row ? `${name}_` : name;
  made.keys.add(unused);
  if (DATES.has(type) && typeof key === 'number') {
    made.times.add(unused);
    row[unused] = String(Math.round(key * 1000));
  } else
    row[unused] = Array.isArray(key) ? key.map(String).join(', ') : (bucket.key_as_string ?? key ?? null);
}

/** One value, or several: `stats`, `percentiles`. */
function putMetric(
  row: Record<string, unknown>,
  made: Rows,
  name: string,
  type: string,
  aggregation: Fields,
): void {
  if (type === 'top_hits') {
    const { hits } = Object(aggregation.hits) as Fields;
    put(
      row,
      made,
      name,
      (Array.isArray(hits) ? hits : []).map((hit) => Object(hit)._source ?? null),
    );
    return;
  }
  if ('value' in aggregation) {
    put(row, made, name, aggregation.value);
    return;
  }
  const { values } = aggregation;
  const parts = Array.isArray(values)
    ? values.map((each) => [String(Object(each).key), Object(each).value])
    : Object.entries(Object(values ?? aggregation) as Fields);
  for (const [part, value] of parts)
    if (!String(part).endsWith('_as_string')) put(row, made, `${name}.${part}`, value);
}

function put(row: Record<string, unknown>, made: Rows, name: string, value: unknown): void {
  const unused = name in row ? `${name}_` : name;
  made.values.add(unused);
  row[unused] = value ?? null;
}

function about(
  name: string,
  { sum_other_doc_count, after_key, doc_count_error_upper_bound }: Fields,
  made: Rows,
) {
  if (typeof sum_other_doc_count === 'number' && sum_other_doc_count > 0)
    made.notes.add(
      `${name}: only the largest groups; ${sum_other_doc_count.toLocaleString('en')} documents are in others (raise its size).`,
    );
  if (typeof doc_count_error_upper_bound === 'number' && doc_count_error_upper_bound > 0)
    made.notes.add(`${name}: its counts may be too small by up to ${doc_count_error_upper_bound}.`);
  if (typeof after_key === 'object' && after_key !== null)
    made.notes.add(`${name}: there may be more groups, behind its after_key ${JSON.stringify(after_key)}.`);
}

function chartOf({ rows, keys, times, values }: Rows, title: string) {
  const [time] = times;
  if (time === undefined) return undefined;
  const labels = [...keys].filter((key) => !times.has(key));
  const isNumber = (name: string) => rows.every((row) => row[name] == null || typeof row[name] === 'number');
  const numbers = [...values].filter(isNumber);
  const counts = numbers.filter((name) => /(?:^|\.)doc_count$/.test(name));
  const metrics = numbers.filter((name) => !counts.includes(name));
  const drawn = metrics.length > 0 ? metrics : counts.slice(-1);
  const lines = new Map<string, Series & { readonly points: (readonly [number, number])[] }>();
  for (const row of rows) {
    for (const metric of drawn) {
      const own = labels.map((label) => [label, String(row[label] ?? '')] as const);
      const id = JSON.stringify([metric, own]);
      const line = lines.get(id) ?? {
        metric: drawn.length > 1 ? metric : '',
        labels: Object.fromEntries(own),
        points: [],
      };
      lines.set(id, line);
      const value = row[metric];
      if (typeof value === 'number') line.points.push([Number(row[time]) / 1000, value]);
    }
  }
  const series = [...lines.values()].filter(({ points }) => points.length > 0);
  const all = series.flatMap(({ points }) => points.map(([at]) => at));
  const start = all.reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY);
  const end = all.reduce((last, at) => Math.max(last, at), 0);
  if (all.length === 0) return undefined;
  const step = usualStep(series.map(({ points }) => points));
  return timeSeriesChart(series, `${drawn.join(', ')}${title === '' ? '' : ` of ${title}`}`, {
    start,
    end,
    step,
  });
}
