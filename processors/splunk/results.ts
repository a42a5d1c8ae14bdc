import { type Pieces, sizeOf } from '../core/apart.js';
import { CellError } from '../core/cell-error.js';
import type { Chart } from '../core/chart/frame.js';
import { ExactNumber } from '../core/exact-json.js';
import type { Column, Page } from '../core/pages.js';
import type { Json } from '../core/value.js';
import { readJson } from '../http/json.js';
import { chartOf } from './chart.js';
import { type Message, messagesIn } from './messages.js';
import { microseconds, type SplunkRow } from './rows.js';

/** What one page of results says of itself. */
export interface PageRead {
  readonly rows: number;
  readonly messages: readonly Message[];
}

/** The pages of a result that are read together: they say which columns there are. */
export interface HeadAsked {
  /** Bytes of each. */
  readonly sizes: readonly number[];
  /** The result has no more. */
  readonly isWhole: boolean;
  readonly spl: string;
}

/** The first result of {@link tableOfHead}. */
export interface HeadRead {
  readonly columns: readonly Column[];
  readonly chart: Chart | undefined;
}

/** Rows and values of one page for the kernel: some hundred kilobytes. */
const PAGE_ROWS = 2_000;
const PAGE_VALUES = 40_000;

/** Columns of a table; a search over many kinds of events finds hundreds of fields. */
const MOST_COLUMNS = 500;

/** What has no column of its own, as JSON. */
const OTHERS = '(others)';

/** How Splunk's own page orders an event. */
const FIRST = ['_time', '_raw', 'host', 'source', 'sourcetype', 'index'];

/** A work for `apart`: how many rows a page has. @throws {CellError} when it is no page of results */
export function* readPage(pieces: Pieces): Generator<PageRead> {
  const { rows, messages } = pageIn(pieces);
  yield { rows: rows.length, messages };
}

/** A work for `apart`: the table of the first pages. */
export function* tableOfHead(pieces: Pieces, argument: unknown): Generator<HeadRead | Page> {
  const { sizes, isWhole, spl } = argument as HeadAsked;
  const bytes = Buffer.concat(pieces, sizeOf(pieces));
  let start = 0;
  const pages = sizes.map((size) => {
    const page = pageIn([bytes.subarray(start, start + size)]);
    start += size;
    return page;
  });
  const rows = pages.flatMap((page) => page.rows);
  const fields = new Set(pages.flatMap((page) => page.fields));
  const names = ordered([...fields].filter((name) => isShown(name, spl)));
  const shown = names.slice(0, MOST_COLUMNS);
  const columns: Column[] = shown.map((name) => ({ name, type: typeOf(rows, name) }));
  if (!isWhole || names.length > shown.length) columns.push({ name: OTHERS, type: 'document' });
  yield { columns, chart: chartOf(rows, columns, fields.has('_span') && !fields.has('_raw'), spl) };
  yield* rowPages(rows, columns, spl);
}

/** A work for `apart`: the rows of a later page, in the columns that there are. */
export function* rowsOfPage(pieces: Pieces, argument: unknown): Generator<PageRead | Page> {
  const { columns, spl } = argument as { columns: readonly Column[]; spl: string };
  const { rows, messages } = pageIn(pieces);
  yield { rows: rows.length, messages };
  yield* rowPages(rows, columns, spl);
}

function pageIn(pieces: Pieces): { fields: string[]; rows: SplunkRow[]; messages: Message[] } {
  const json = readJson(pieces);
  const { results, fields, messages } = Object(json) as Record<string, unknown>;
  if (!Array.isArray(results))
    throw new CellError("The results are not from Splunk's API: is the connection's url right?");
  const rows = results.map((row) => Object(row) as SplunkRow);
  const named = (Array.isArray(fields) ? fields : []).map((field) => String(Object(field).name ?? field));
  // A field that is only in some rows is in the list of all of them; an older version has no such list.
  const found = named.length > 0 ? named : rows.flatMap((row) => Object.keys(row));
  return { fields: [...new Set(found)], rows, messages: messagesIn(messages) };
}

/** Splunk's own fields (`_bkt`, `_cd`, `_si` …) are shown where the search names them. */
function isShown(name: string, spl: string): boolean {
  return !name.startsWith('_') || name === '_time' || name === '_raw' || spl.includes(name);
}

function ordered(names: readonly string[]): string[] {
  if (!names.includes('_raw')) return [...names];
  return [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name))];
}

function* rowPages(rows: readonly SplunkRow[], columns: readonly Column[], spl: string): Generator<Page> {
  const most = Math.max(1, Math.min(PAGE_ROWS, Math.floor(PAGE_VALUES / Math.max(1, columns.length))));
  const own = new Map(columns.map(({ name, type }) => [name, type]));
  own.delete(OTHERS);
  const hasOthers = own.size < columns.length;
  for (let at = 0; at < rows.length; at += most) {
    const some = rows.slice(at, at + most);
    const values = columns
      .filter(({ name }) => own.has(name))
      .map(({ name, type }) => some.map((row) => valueAs(row[name], type) ?? null));
    if (hasOthers) values.push(some.map((row) => othersOf(row, own, spl)));
    yield { kind: 'rows', rows: values };
  }
}

/** What a row has beside the columns, and values that aren't what their column is. */
function othersOf(row: SplunkRow, own: ReadonlyMap<string, Column['type']>, spl: string): Json {
  const left = Object.entries(row).filter(([name, value]) => {
    const type = own.get(name);
    return type === undefined
      ? isShown(name, spl) && value !== null
      : valueAs(value, type) === undefined && !isMissing(value);
  });
  return left.length === 0 ? null : JSON.stringify(Object.fromEntries(left));
}

const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,30})?(?:e[+-]?\d{1,2})?$/i;

/** Texts become numbers where each of a column's is one as it would be written: `007` stays a text. */
function typeOf(rows: readonly SplunkRow[], name: string): Column['type'] {
  if (name === '_time') return 'time';
  if (name === '_raw') return 'text';
  let type: Column['type'] = 'text';
  for (const row of rows) {
    const value = row[name];
    if (isMissing(value)) continue;
    if (typeof value === 'object' && !(value instanceof ExactNumber)) return 'json';
    if (valueAs(value, 'number') === undefined) type = 'json';
    else if (type === 'text') type = 'number';
    if (type === 'json') return rows.some((each) => isList(each[name])) ? 'json' : 'text';
  }
  return type;
}

function isList(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof ExactNumber);
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** @returns undefined for a value that isn't of the column's type */
function valueAs(value: unknown, type: Column['type']): Json | undefined {
  if (value === undefined || value === null) return null;
  const plain = value instanceof ExactNumber ? value.text : value;
  if (type === 'json') return plain as Json;
  if (typeof plain === 'object') return type === 'text' ? JSON.stringify(plain) : undefined;
  const text = String(plain);
  if (type === 'time') return microseconds(text);
  if (type !== 'number') return text;
  if (text === '') return null;
  return NUMBER.test(text) ? Number(text) : undefined;
}
