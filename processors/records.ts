import type { Column, ColumnType, Page } from './pages.js';
import type { Json } from './processor.js';

type Row = Map<string, Json>;

/** Rows and values of one page: some hundred kilobytes. */
const PAGE_ROWS = 2_000;
const PAGE_VALUES = 40_000;

/** Columns of a table. Where objects have names of their own as keys there would be one for each of them. */
const MOST_COLUMNS = 500;

/** The column that holds the members that got none of their own, as JSON. */
const OTHERS = '(others)';

/** Objects in objects become columns down to here. */
const DEEPEST = 20;

/**
 * A list of objects as a table: members of objects in it become columns of their own (`user.login`), lists stay JSON.
 * @param isLast columns that come behind all others
 */
export function tableOfRecords(
  records: readonly unknown[],
  isLast: (column: string) => boolean = () => false,
): Generator<Page> {
  return tableOfBatches(() => [records], isLast);
}

/**
 * The same of a list in parts, which are read twice: so that no more than one of them has to be kept.
 * @param batches begins anew each time
 */
export function* tableOfBatches(
  batches: () => Iterable<readonly unknown[]>,
  isLast: (column: string) => boolean = () => false,
): Generator<Page> {
  const kinds = kindsOf(batches());
  const found = [...kinds.keys()];
  const names = [...found.filter((name) => !isLast(name)), ...found.filter(isLast)];
  const shown = names.length > MOST_COLUMNS ? names.slice(0, MOST_COLUMNS) : names;
  const others = new Set(names.slice(shown.length));
  const columns: Column[] = shown.map((name) => ({ name, type: typeOf(kinds.get(name)) }));
  if (others.size > 0) columns.push({ name: OTHERS, type: 'json' });
  yield { kind: 'columns', columns };
  const most = Math.max(1, Math.min(PAGE_ROWS, Math.floor(PAGE_VALUES / columns.length)));
  const pageOf = (rows: readonly Row[]): Page => {
    const values: Json[][] = shown.map((name) => rows.map((row) => row.get(name) ?? null));
    if (others.size > 0) values.push(rows.map((row) => othersOf(row, others)));
    return { kind: 'rows', rows: values };
  };
  let rows: Row[] = [];
  for (const records of batches()) {
    for (const record of records) {
      rows.push(flat(record));
      if (rows.length < most) continue;
      yield pageOf(rows);
      rows = [];
    }
  }
  if (rows.length > 0) yield pageOf(rows);
}

function kindsOf(batches: Iterable<readonly unknown[]>): Map<string, Set<string>> {
  const kinds = new Map<string, Set<string>>();
  for (const records of batches) {
    for (const record of records) {
      for (const [name, value] of flat(record)) {
        const known = kinds.get(name) ?? new Set();
        if (value !== null) known.add(typeof value);
        kinds.set(name, known);
      }
    }
  }
  return kinds;
}

function othersOf(row: Row, others: ReadonlySet<string>): Json {
  const left = [...row].filter(([name]) => others.has(name));
  return left.length === 0 ? null : Object.fromEntries(left);
}

function flat(record: unknown): Row {
  const row: Row = new Map();
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) fill(row, '', record, 1);
  else row.set('value', record as Json);
  return row;
}

function fill(row: Row, prefix: string, record: object, depth: number): void {
  for (const [key, value] of Object.entries(record)) {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isObject && depth < DEEPEST) fill(row, `${prefix}${key}.`, value, depth + 1);
    else row.set(prefix + key, value);
  }
}

function typeOf(kinds: ReadonlySet<string> = new Set()): ColumnType {
  const [kind] = kinds;
  if (kinds.size !== 1) return 'json';
  if (kind === 'number') return 'number';
  if (kind === 'boolean') return 'bool';
  return kind === 'string' ? 'text' : 'json';
}
