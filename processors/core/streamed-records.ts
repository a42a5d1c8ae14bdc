import { ExactNumber } from './exact-json.js';
import type { Column, Page } from './pages.js';
import {
  flat,
  holdsExact,
  type Known,
  kindsOf,
  MOST_COLUMNS,
  OTHERS,
  othersOf,
  PAGE_ROWS,
  PAGE_VALUES,
  type Row,
  typeOf,
  type Value,
  written,
} from './records.js';

/** Said below a table that has a value in the column of others. */
export const ABOUT_OTHERS = `Fields that the first page doesn't have, or has with another type, are in the column ${OTHERS}.`;

/**
 * The columns of a table whose records come page by page, so that no more than one page is in memory: the first page
 * decides. Later records have what doesn't fit in one more column, as JSON.
 *
 * @param first the records of the first page
 * @param goesOn whether more pages may come
 */
export function columnsOf(
  first: readonly unknown[],
  { isLast = () => false, types = {} }: Known,
  goesOn: boolean,
): Column[] {
  const kinds = kindsOf([first]);
  // A table without rows has the columns that are known.
  const found = first.length === 0 ? Object.keys(types) : [...kinds.keys()];
  const names = [...found.filter((name) => !isLast(name)), ...found.filter(isLast)];
  // What comes last is what a log is about: a record with many fields must not lose it.
  const shown =
    names.length > MOST_COLUMNS
      ? [...names.filter((name) => !isLast(name)).slice(0, MOST_COLUMNS - 1), ...names.filter(isLast)]
      : names;
  const columns: Column[] = shown.map((name) => ({
    name,
    type: (Object.hasOwn(types, name) ? types[name] : undefined) ?? typeOf(kinds.get(name)),
  }));
  if (goesOn || shown.length < names.length) columns.push({ name: OTHERS, type: 'document' });
  return columns;
}

/** Pages of rows for columns of {@link columnsOf}. */
export function* rowsOf(records: readonly unknown[], columns: readonly Column[]): Generator<Page> {
  const hasOthers = columns.at(-1)?.name === OTHERS;
  const named = hasOthers ? columns.slice(0, -1) : columns;
  const most = Math.max(1, Math.min(PAGE_ROWS, Math.floor(PAGE_VALUES / columns.length)));
  for (let from = 0; from < records.length; from += most) {
    const rows = records.slice(from, from + most).map(flat);
    const others = rows.map((row) => unfit(row, named));
    const values = named.map(({ name, type }) =>
      rows.map((row, at) => (others[at]?.has(name) ? null : written(row.get(name) ?? null, type))),
    );
    if (hasOthers) values.push(rows.map((row, at) => othersOf(row, others[at] ?? new Set())));
    yield { kind: 'rows', rows: values };
  }
}

/** The names of a row's values that have no column, or don't fit theirs. */
function unfit(row: Row, columns: readonly Column[]): ReadonlySet<string> {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const names = [...row].filter(([name, value]) => {
    const type = types.get(name);
    return type === undefined || (value !== null && !fits(value, type));
  });
  return new Set(names.map(([name]) => name));
}

function fits(value: Value, type: Column['type']): boolean {
  switch (type) {
    case 'number':
    case 'float':
      return typeof value === 'number';
    case 'integer':
      return value instanceof ExactNumber ? /^-?\d+$/.test(value.text) : Number.isInteger(value);
    case 'text':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'json':
      return !holdsExact(value);
    default:
      // A time is written by who knows that it is one.
      return true;
  }
}
