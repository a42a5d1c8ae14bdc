import type { Labels } from '../core/chart/time-series.js';
import type { Column, ColumnType, Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import { columnOfLabel, labelsOf } from './columns.js';

type Row = Readonly<Record<string, Json>>;

interface Cell {
  readonly column: Column;
  readonly of: (row: Row) => Json;
}

/** Prometheus' way to say never. */
const NEVER = '0001-01-01T00:00:00Z';
/** Worst first. */
const HEALTH = ['down', 'unknown', 'up'];
const STATES = ['firing', 'pending', 'inactive'];

/**
 * Series, labels, metadata, alerts and targets. The columns that a user looks for come first.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/
 */
export function* lists(data: unknown): Generator<Page> {
  const { alerts, activeTargets } = Object(data) as { alerts?: unknown; activeTargets?: unknown };
  if (Array.isArray(alerts)) yield* listOf(sorted(rowsOf(alerts), 'state', STATES), alertCells);
  else if (Array.isArray(activeTargets))
    yield* listOf(sorted(rowsOf(activeTargets), 'health', HEALTH), targetCells);
  else if (!Array.isArray(data)) yield* listOf(metadataOf(data), metadataCells);
  else if (data.some((item) => typeof item === 'string'))
    yield* tableOfRecords(data.map((name) => ({ name })));
  else yield* listOf(rowsOf(data), seriesCells);
}

function targetCells(rows: readonly Row[]): Cell[] {
  const own = ['health', 'lastError', 'lastScrape', 'lastScrapeDuration', 'scrapeUrl'];
  const others = otherMembers(rows, [...own, 'labels', 'discoveredLabels']);
  const label = labelCells(rows, [...own, ...others, 'discoveredLabels'], ['job', 'instance']);
  return [
    member('health'),
    ...label,
    member('lastError'),
    timeMember('lastScrape'),
    member('lastScrapeDuration', 'number'),
    member('scrapeUrl'),
    ...others.map((name) => member(name, 'json')),
    member('discoveredLabels', 'json'),
  ];
}

function alertCells(rows: readonly Row[]): Cell[] {
  const own = ['state', 'activeAt', 'value'];
  const others = otherMembers(rows, [...own, 'labels', 'annotations']);
  const label = labelCells(rows, [...own, ...others], ['alertname', 'severity']);
  const taken = new Set([...own, ...others, ...label.map(({ column }) => column.name)]);
  const annotations = namesIn(rows, 'annotations', ['summary', 'description']).map((name) => ({
    column: { name: taken.has(name) ? `annotation_${name}` : name, type: 'text' as const },
    of: (row: Row) => within(row, 'annotations')[name] ?? null,
  }));
  const isFirst = ({ column: { name } }: Cell) =>
    /^(?:alertname|severity|(?:annotation_)?summary)$/.test(name);
  const all = [...label, ...annotations];
  return [
    member('state'),
    ...all.filter(isFirst),
    timeMember('activeAt'),
    {
      column: { name: 'value', type: 'float' },
      of: ({ value = null }) => (value === null ? null : numeric(value)),
    },
    ...all.filter((cell) => !isFirst(cell)),
    ...others.map((name) => member(name, 'json')),
  ];
}

function metadataCells(rows: readonly Row[]): Cell[] {
  const own = ['metric', 'type', 'help', 'unit'];
  return [...own.map((name) => member(name)), ...otherMembers(rows, own).map((name) => member(name, 'json'))];
}

function seriesCells(rows: readonly Row[]): Cell[] {
  return labelsOf(rows as readonly Labels[]).map((label) => ({
    column: columnOfLabel(label),
    of: (row) => row[label] ?? null,
  }));
}

function* listOf(rows: readonly Row[], cellsOf: (rows: readonly Row[]) => Cell[]): Generator<Page> {
  const cells = cellsOf(rows);
  yield { kind: 'columns', columns: cells.map(({ column }) => column) };
  if (rows.length > 0) yield { kind: 'rows', rows: cells.map(({ of }) => rows.map(of)) };
}

function rowsOf(items: readonly unknown[]): Row[] {
  return items.map((item) => Object(item) as Row);
}

function metadataOf(data: unknown): Row[] {
  return Object.entries(Object(data) as Record<string, unknown>).flatMap(([metric, entries]) =>
    (Array.isArray(entries) ? entries : []).map((entry) => ({ metric, ...Object(entry) })),
  );
}

function sorted(rows: readonly Row[], name: string, order: readonly string[]): Row[] {
  const rank = (row: Row) => {
    const at = order.indexOf(String(row[name]));
    return at < 0 ? order.length : at;
  };
  return [...rows].sort((a, b) => rank(a) - rank(b));
}

function member(name: string, type: ColumnType = 'text'): Cell {
  return { column: { name, type }, of: (row) => row[name] ?? null };
}

function timeMember(name: string): Cell {
  return { column: { name, type: 'time' }, of: (row) => timeOf(row[name] ?? null) };
}

/** Labels without a prefix, but for one that has the name of another column. */
function labelCells(rows: readonly Row[], own: readonly string[], first: readonly string[]): Cell[] {
  const taken = new RegExp(`^(?:label_)*(?:${own.join('|')})$`);
  return namesIn(rows, 'labels', first).map((label) => ({
    column: { name: taken.test(label) ? `label_${label}` : label, type: 'text' },
    of: (row) => within(row, 'labels')[label] ?? null,
  }));
}

function namesIn(rows: readonly Row[], key: string, first: readonly string[]): string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(within(row, key))))].sort();
  return [...first.filter((name) => names.includes(name)), ...names.filter((name) => !first.includes(name))];
}

function otherMembers(rows: readonly Row[], known: readonly string[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !known.includes(name));
}

function within(row: Row, key: string): Row {
  return Object(row[key] ?? {}) as Row;
}

/** Microseconds; what is no time stays what it is. */
function timeOf(value: Json): Json {
  if (value === NEVER) return null;
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isFinite(time) ? time * 1000 : value;
}

function numeric(value: Json): Json {
  const number = Number(value);
  return Number.isFinite(number) ? number : value;
}
