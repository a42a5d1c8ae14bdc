import { apart, type Pieces } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import { usualStep } from '../core/chart/line.js';
import { type Labels, timeSeriesChart } from '../core/chart/time-series.js';
import type { Column, Page } from '../core/pages.js';
import { CellError, type Json } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import type { TimeRange } from '../core/time-range.js';
import { readObject } from './envelope.js';
import { askDatadog } from './requests.js';
import type { DatadogSettings } from './settings.js';

interface Asked {
  readonly query: string;
  readonly range: TimeRange;
}

/** One series of an answer. Source: https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-points */
interface Answered {
  readonly name: string;
  readonly tags: Labels;
  readonly unit: string;
  readonly points: readonly (readonly [time: number, value: number | null])[];
}

const PAGE_ROWS = 5_000;
const LONGEST_ERROR = 500;

/** A chart, and a row for each point. The API takes seconds and answers in milliseconds. */
export async function* fetchMetrics(job: Job<DatadogSettings>, asked: Asked): AsyncGenerator<Page> {
  const parameters = new URLSearchParams({
    from: String(Math.floor(asked.range.start / 1000)),
    to: String(Math.ceil(asked.range.end / 1000)),
    query: asked.query,
  });
  const answer = yield* askDatadog(job, { path: `api/v1/query?${parameters}`, right: 'timeseries_query' });
  const module = new URL(import.meta.url);
  yield* apart<Page>(answer.pieces, { module, name: 'readSeries', argument: asked }, job.signal);
}

/** A work for `apart`. @throws {CellError} what Datadog says is wrong with the query */
export function* readSeries(pieces: Pieces, argument: unknown): Generator<Page> {
  const { query, range } = argument as Asked;
  const { status, error, series } = readObject(pieces);
  if (status === 'error' || (typeof error === 'string' && error !== ''))
    throw new CellError(`Datadog: ${shortened(String(error), LONGEST_ERROR)}`);
  const all = (Array.isArray(series) ? series : []).map(readOne);
  yield* table(all);
  const step = usualStep(all.map(({ points }) => points.map(([time]) => [time, 0] as const)));
  const isOne = new Set(all.map(({ name }) => name)).size <= 1;
  const lines = all.map(({ name, tags, points }) => ({
    metric: isOne ? '' : name,
    labels: tags,
    points: points.flatMap(([time, value]) => (value === null ? [] : [[time, value] as const])),
  }));
  const drawn = lines.filter(({ points }) => points.length > 0);
  const units = unitsOf(all);
  const unit = units.length === 1 ? (units[0] ?? '') : '';
  const chart = timeSeriesChart(drawn, query, { start: range.start, end: range.end, step }, unit);
  const note = [
    all.length === 0 ? 'No series matches in this time.' : '',
    unit === '' ? '' : `Values in ${unit}.`,
    chart.note,
  ].filter((each) => each !== '');
  yield { kind: 'end', note: note.join(' '), displays: chart.displays };
}

function* table(all: readonly Answered[]): Generator<Page> {
  const tags = [...new Set(all.flatMap((each) => Object.keys(each.tags)))].sort();
  const hasNames = new Set(all.map(({ name }) => name)).size > 1;
  const hasUnits = unitsOf(all).length > 1;
  const own = ['time', 'value', ...(hasNames ? ['metric'] : []), ...(hasUnits ? ['unit'] : [])];
  const text = (name: string): Column => ({ name: own.includes(name) ? `${name}_` : name, type: 'text' });
  const columns: Column[] = [
    { name: 'time', type: 'time' },
    ...(hasNames ? [{ name: 'metric', type: 'text' } as const] : []),
    ...tags.map(text),
    { name: 'value', type: 'float' },
    ...(hasUnits ? [{ name: 'unit', type: 'text' } as const] : []),
  ];
  yield { kind: 'columns', columns };
  let rows: Json[][] = columns.map(() => []);
  for (const { name, tags: has, unit, points } of all) {
    const before = [...(hasNames ? [name] : []), ...tags.map((tag) => has[tag] ?? null)];
    for (const [time, value] of points) {
      const row = [Math.round(time * 1000), ...before, value, ...(hasUnits ? [unit] : [])];
      for (let at = 0; at < row.length; at++) rows[at]?.push(row[at] ?? null);
      if ((rows[0]?.length ?? 0) < PAGE_ROWS) continue;
      yield { kind: 'rows', rows };
      rows = columns.map(() => []);
    }
  }
  if ((rows[0]?.length ?? 0) > 0) yield { kind: 'rows', rows };
}

function unitsOf(all: readonly Answered[]): string[] {
  return [...new Set(all.map(({ unit }) => unit))];
}

function readOne(series: unknown): Answered {
  const { expression, metric, scope, tag_set, unit, pointlist } = Object(series) as Record<string, unknown>;
  const tags =
    Array.isArray(tag_set) && tag_set.length > 0 ? tag_set.map(String) : String(scope ?? '').split(',');
  return {
    name: String(expression ?? metric ?? ''),
    tags: labelsOf(tags),
    unit: unitOf(unit),
    points: (Array.isArray(pointlist) ? pointlist : []).flatMap((point) => {
      const [time, value] = Array.isArray(point) ? (point as unknown[]) : [];
      if (typeof time !== 'number') return [];
      return [[time, typeof value === 'number' ? value : null] as const];
    }),
  };
}

/** Of `host:a`, `env:prod`; a series of everything has the tag `*`. */
function labelsOf(tags: readonly string[]): Labels {
  const labels = new Map<string, string>();
  for (const tag of tags) {
    if (tag === '' || tag === '*') continue;
    const at = tag.indexOf(':');
    const [name, value] = at < 0 ? ['tag', tag] : [tag.slice(0, at), tag.slice(at + 1)];
    const known = labels.get(name);
    labels.set(name, known === undefined ? value : `${known},${value}`);
  }
  return Object.fromEntries(labels);
}

/** `[{plural: "bytes"}, {name: "second"}]` are bytes per second; the second one may be missing. */
function unitOf(unit: unknown): string {
  const [first, second] = Array.isArray(unit) ? unit : [];
  const { plural, name } = Object(first) as { plural?: unknown; name?: unknown };
  const per: unknown = Object(second).name;
  const what = plural ?? name;
  if (typeof what !== 'string') return '';
  return typeof per === 'string' ? `${what} per ${per}` : what;
}
