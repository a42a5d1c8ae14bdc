import { ExactNumber, exactJson } from './http/exact-json.js';
import type { Column, ColumnType, Page } from './pages.js';
import type { Json } from './processor.js';

/** {@link ExactNumber}s are read by the kernel: as digits of an `integer`, or in the text of a `document`. */
type Value = Json | ExactNumber;
type Row = Readonly<Record<string, Value>>;

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
    yield {
      kind: 'rows',
      rows: columns.map(({ name, type }) => part.map((row) => written(memberOf(row, name), type))),
    };
  }
}

function memberOf(row: Row, name: string): Value {
  return (Object.hasOwn(row, name) ? row[name] : null) ?? null;
}

function written(value: Value, type: ColumnType): Json {
  if (type === 'document') return value === null ? null : exactJson(value);
  return value instanceof ExactNumber ? value.text : value;
}

function flat(record: unknown): Row {
  if (!isObject(record)) return { value: record as Json };
  return Object.fromEntries(
    Object.entries(record).flatMap(([key, value]): [string, Value][] => {
      if (!isObject(value)) return [[key, value as Value]];
      return Object.entries(flat(value)).map(([inner, item]) => [`${key}.${inner}`, item]);
    }),
  );
}

function isObject(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  );
}

function typeOf(values: readonly Value[]): ColumnType {
  const present = values.filter((value) => value !== null);
  const kinds = new Set(present.map((value) => (value instanceof ExactNumber ? 'number' : typeof value)));
  const [kind] = kinds;
  if (kinds.size === 1 && kind === 'number') return typeOfNumbers(present);
  if (kinds.size === 1 && kind === 'boolean') return 'bool';
  if (kinds.size === 1 && kind === 'string') return 'text';
  return present.some(holdsExact) ? 'document' : 'json';
}

function typeOfNumbers(values: readonly Value[]): ColumnType {
  if (!values.some((value) => value instanceof ExactNumber)) return 'number';
  const isWhole = (value: Value) =>
    value instanceof ExactNumber ? /^-?\d+$/.test(value.text) : Number.isInteger(value);
  return values.every(isWhole) ? 'integer' : 'document';
}

function holdsExact(value: unknown): boolean {
  if (value instanceof ExactNumber) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsExact);
}
