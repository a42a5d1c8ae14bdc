import type { Column, ColumnType, Page } from './pages.js';
import type { Json } from './processor.js';

type Row = Readonly<Record<string, Json>>;

/** Rows of one page: some hundred kilobytes. */
const PAGE_ROWS = 2_000;

/**
 * A list of objects as a table: members of objects in it become columns of their own (`user.login`), lists stay JSON.
 * @param isLast columns that come behind all others
 */
export function* tableOfRecords(
  records: readonly unknown[],
  isLast: (column: string) => boolean = () => false,
): Generator<Page> {
  const rows = records.map((record) => flat(record));
  const found = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const names = [...found.filter((name) => !isLast(name)), ...found.filter(isLast)];
  const columns: Column[] = names.map((name) => ({
    name,
    type: typeOf(rows.map((row) => memberOf(row, name))),
  }));
  yield { kind: 'columns', columns };
  for (let at = 0; at < rows.length; at += PAGE_ROWS) {
    const part = rows.slice(at, at + PAGE_ROWS);
    yield { kind: 'rows', rows: columns.map(({ name }) => part.map((row) => memberOf(row, name))) };
  }
}

function memberOf(row: Row, name: string): Json {
  return (Object.hasOwn(row, name) ? row[name] : null) ?? null;
}

function flat(record: unknown): Row {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return { value: record as Json };
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]): [string, Json][] => {
      const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
      if (!isObject) return [[key, value as Json]];
      return Object.entries(flat(value)).map(([inner, item]) => [`${key}.${inner}`, item]);
    }),
  );
}

function typeOf(values: readonly Json[]): ColumnType {
  const kinds = new Set(values.flatMap((value) => (value === null ? [] : [typeof value])));
  const [kind] = kinds;
  if (kinds.size !== 1) return 'json';
  if (kind === 'number') return 'number';
  if (kind === 'boolean') return 'bool';
  return kind === 'string' ? 'text' : 'json';
}
