import type { Pieces } from '../core/apart.js';
import { type Chart, NO_CHART } from '../core/chart/frame.js';
import { usualStep } from '../core/chart/line.js';
import { type Series, timeSeriesChart } from '../core/chart/time-series.js';
import { ExactNumber, exactJson } from '../core/exact-json.js';
import type { Column, ColumnType, Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { Json } from '../core/value.js';
import { readJson } from '../http/json.js';
import { messagesOf } from './requests.js';

interface KqlTable {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format */
const types: Readonly<Record<string, ColumnType>> = {
  bool: 'bool',
  int: 'integer',
  long: 'integer',
  real: 'float',
  decimal: 'decimal',
  datetime: 'time',
  dynamic: 'document',
};

/** Rows and values of one page: some hundred kilobytes. */
const PAGE_ROWS = 2_000;
const PAGE_VALUES = 40_000;
/** A chart of more rows than these is none that anybody reads. */
const MOST_CHARTED = 50_000;

/** A work for `apart`: the tables of an answer to KQL, and what is missing in them. @throws {CellError} */
export function* tablesOfKql(pieces: Pieces, argument: unknown): Generator<Page> {
  const { query } = argument as { query: string };
  const { tables, error } = Object(readJson(pieces)) as { tables?: unknown; error?: unknown };
  const all = Array.isArray(tables) ? tables.flatMap(tableIn) : [];
  if (all.length === 0)
    throw new CellError("The answer is not from Azure Monitor: is the connection's url right?");
  for (const table of all) yield* pagesOf(table);
  const said = error === undefined ? [] : messagesOf(error);
  const partial =
    error === undefined
      ? ''
      : `Partial: ${(said.at(-1) ?? 'Azure says no more').replace(/\.$/, '')}. Ask for less time, or aggregate more.`;
  const chart = /\bbin\(|\brender\s+time/i.test(query) ? chartOf(all[0], query) : NO_CHART;
  yield {
    kind: 'end',
    note: [partial, chart.note].filter((note) => note !== '').join(' '),
    displays: chart.displays,
  };
}

function tableIn(table: unknown): KqlTable[] {
  const { columns, rows } = Object(table) as { columns?: unknown; rows?: unknown };
  if (!Array.isArray(columns) || !Array.isArray(rows)) return [];
  return [
    {
      columns: columns.map((column) => ({
        name: String(Object(column).name ?? ''),
        type: String(Object(column).type ?? ''),
      })),
      rows: rows.map((row) => (Array.isArray(row) ? row : [])),
    },
  ];
}

function* pagesOf({ columns, rows }: KqlTable): Generator<Page> {
  const shown: Column[] = columns.map(({ name, type }) => ({ name, type: typeOf(type) }));
  yield { kind: 'columns', columns: shown };
  const most = Math.max(1, Math.min(PAGE_ROWS, Math.floor(PAGE_VALUES / Math.max(1, shown.length))));
  for (let at = 0; at < rows.length; at += most) {
    const page = rows.slice(at, at + most);
    yield {
      kind: 'rows',
      rows: shown.map(({ type }, column) => page.map((row) => written(row[column], type))),
    };
  }
}

function typeOf(type: string): ColumnType {
  return (Object.hasOwn(types, type) ? types[type] : undefined) ?? 'text';
}

function written(value: unknown, type: ColumnType): Json {
  if (value === null || value === undefined || (value === '' && type !== 'text')) return null;
  if (type === 'time') return microseconds(String(value)) ?? String(value);
  if (type === 'document') return documentOf(value);
  if (value instanceof ExactNumber) return value.text;
  if (type === 'bool') return value === true || value === 1 || value === 'true';
  if (type === 'integer' || type === 'float') return typeof value === 'number' ? value : String(value);
  return typeof value === 'object' ? exactJson(value) : String(value);
}

/** Dynamic values come as JSON text, or as a text that is none. */
function documentOf(value: unknown): string {
  if (typeof value !== 'string') return exactJson(value);
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}

/** Kusto counts tenths of microseconds. */
function microseconds(time: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z?$/.exec(time);
  const seconds = Date.parse(`${match?.[1]}Z`) / 1000;
  if (match === null || !Number.isFinite(seconds)) return undefined;
  return String(BigInt(seconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0').slice(0, 6)));
}

/** A table with one time, numbers, and texts that tell lines apart. */
function chartOf(table: KqlTable | undefined, query: string): Chart {
  if (table === undefined || table.rows.length > MOST_CHARTED) return NO_CHART;
  const { columns, rows } = table;
  const indexes = (...wanted: readonly string[]) =>
    columns.flatMap(({ type }, at) => (wanted.includes(type) ? [at] : []));
  const [time, ...others] = indexes('datetime');
  const numbers = indexes('int', 'long', 'real', 'decimal');
  if (time === undefined || others.length > 0 || numbers.length === 0) return NO_CHART;
  const texts = indexes('string');
  const series = new Map<string, Series & { readonly points: [number, number][] }>();
  for (const row of rows) {
    const labels = Object.fromEntries(texts.map((at) => [columns[at]?.name ?? '', String(row[at] ?? '')]));
    for (const at of numbers) {
      const metric = columns[at]?.name ?? '';
      const key = JSON.stringify([metric, labels]);
      const known = series.get(key) ?? { metric, labels, points: [] };
      series.set(key, known);
      const value = row[at];
      const number =
        value instanceof ExactNumber ? Number(value.text) : value === null ? Number.NaN : Number(value);
      known.points.push([Date.parse(String(row[time])), number]);
    }
  }
  const lines = [...series.values()];
  for (const { points } of lines) points.sort(([one], [other]) => one - other);
  const times = lines.flatMap(({ points }) => [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0]);
  return timeSeriesChart(lines, query.trim().replace(/\s+/g, ' '), {
    start: times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    end: times.reduce((a, b) => Math.max(a, b), 0),
    step: usualStep(lines.map(({ points }) => points)),
  });
}
