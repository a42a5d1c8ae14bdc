import { ExactNumber, exactJson } from './exact-json.js';
import type { Column, ColumnType, Page } from './pages.js';
import type { Json } from './processor.js';

/** {@link ExactNumber}s are read by the kernel: as digits of an `integer`, or in the text of a `document`. */
export type Value = Json | ExactNumber;
export type Row = Map<string, Value>;

/** The kind of a value. `large` and `long` are numbers that JavaScript can't represent: integers and others. */
type Kind = 'whole' | 'number' | 'large' | 'long' | 'bool' | 'text' | 'json' | 'document';

/** Rows and values of one page: some hundred kilobytes. */
export const PAGE_ROWS = 2_000;
export const PAGE_VALUES = 40_000;

/** Columns of a table. Where the keys of objects are names, there would be one column for each name. */
export const MOST_COLUMNS = 500;

/** The column with all members that have no column, as JSON. */
export const OTHERS = '(others)';

/** Objects in objects become columns down to here. */
const DEEPEST = 20;

/** What is known of a table's columns before its records are read. */
export interface Known {
  /** Columns that come behind all others. */
  readonly isLast?: (column: string) => boolean;
  /** Types by name, where the values alone don't say it, as for times. The values have to be written so. */
  readonly types?: Readonly<Record<string, ColumnType>>;
}

/** A list of objects as a table: members of objects in it become columns (`user.login`), lists stay JSON. */
export function tableOfRecords(records: readonly unknown[], known: Known = {}): Generator<Page> {
  return tableOfBatches(() => [records], known);
}

/**
 * The same of a list in parts, which are read twice, so that memory has to contain only one of them.
 * @param batches begins anew each time
 */
export function* tableOfBatches(
  batches: () => Iterable<readonly unknown[]>,
  { isLast = () => false, types = {} }: Known = {},
): Generator<Page> {
  const kinds = kindsOf(batches());
  const found = [...kinds.keys()];
  const names = [...found.filter((name) => !isLast(name)), ...found.filter(isLast)];
  const shown = names.length > MOST_COLUMNS ? names.slice(0, MOST_COLUMNS) : names;
  const others = new Set(names.slice(shown.length));
  const columns: Column[] = shown.map((name) => ({
    name,
    type: (Object.hasOwn(types, name) ? types[name] : undefined) ?? typeOf(kinds.get(name)),
  }));
  if (others.size > 0) columns.push({ name: OTHERS, type: 'document' });
  yield { kind: 'columns', columns };
  const most = Math.max(1, Math.min(PAGE_ROWS, Math.floor(PAGE_VALUES / columns.length)));
  const pageOf = (rows: readonly Row[]): Page => {
    const values = columns
      .slice(0, shown.length)
      .map(({ name, type }) => rows.map((row) => written(row.get(name) ?? null, type)));
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

export function kindsOf(batches: Iterable<readonly unknown[]>): Map<string, Set<Kind>> {
  const kinds = new Map<string, Set<Kind>>();
  for (const records of batches) {
    for (const record of records) {
      for (const [name, value] of flat(record)) {
        const known = kinds.get(name) ?? new Set();
        if (value !== null) known.add(kindOf(value));
        kinds.set(name, known);
      }
    }
  }
  return kinds;
}

export function othersOf(row: Row, others: ReadonlySet<string>): Json {
  const left = [...row].filter(([name]) => others.has(name));
  return left.length === 0 ? null : exactJson(Object.fromEntries(left));
}

export function flat(record: unknown): Row {
  const row: Row = new Map();
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) fill(row, '', record, 1);
  else row.set('value', record as Json);
  return row;
}

function fill(row: Row, prefix: string, record: object, depth: number): void {
  for (const [key, value] of Object.entries(record)) {
    if (isObject(value) && depth < DEEPEST) fill(row, `${prefix}${key}.`, value, depth + 1);
    else row.set(unusedIn(row, prefix + key), value);
  }
}

/** `{"a.b": 1, "a": {"b": 2}}` has two of one name. */
function unusedIn(row: Row, name: string): string {
  let unused = name;
  while (row.has(unused)) unused += '_1';
  return unused;
}

function isObject(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  );
}

function kindOf(value: Value): Kind {
  if (value instanceof ExactNumber) return /^-?\d+$/.test(value.text) ? 'large' : 'long';
  if (typeof value === 'number') return Number.isInteger(value) ? 'whole' : 'number';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'text';
  return holdsExact(value) ? 'document' : 'json';
}

export function typeOf(kinds: ReadonlySet<Kind> = new Set()): ColumnType {
  const has = (...some: readonly Kind[]) => some.some((kind) => kinds.has(kind));
  if (kinds.size === 0) return 'json';
  if (!has('bool', 'text', 'json', 'document')) {
    if (!has('large', 'long')) return 'number';
    return has('number', 'long') ? 'document' : 'integer';
  }
  const [kind] = kinds;
  if (kinds.size === 1 && (kind === 'bool' || kind === 'text')) return kind;
  return has('large', 'long', 'document') ? 'document' : 'json';
}

export function holdsExact(value: unknown): boolean {
  if (value instanceof ExactNumber) return true;
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsExact);
}

export function written(value: Value, type: ColumnType): Json {
  if (type === 'document') return value === null ? null : exactJson(value);
  return value instanceof ExactNumber ? value.text : value;
}
