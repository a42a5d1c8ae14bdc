import { stringify } from 'yaml';
import type { Pieces } from '../core/apart.js';
import { ExactNumber, exactJson } from '../core/exact-json.js';
import { CellError, type Json } from '../core/processor.js';
import { readJson } from '../http/json.js';
import { at, isObject, type KubeObject, listAt, numberAt, textAt } from './objects.js';
import { type Part, restOf } from './rest-of-list.js';
import { withoutSecretData } from './secret-data.js';

/** Works for `apart`: what an API server answers, read and without the values of Secrets. */

/** A copy of so many rows, or of so many whole objects, takes some milliseconds. */
const PIECE_ROWS = 1_000;
const PIECE_OBJECTS = 50;
/** Columns of a table: the widest of Kubernetes' own has 14. */
const MOST_COLUMNS = 200;

/** A column of a table: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
export interface TableColumn {
  readonly name: string;
  readonly type: string;
  /** Only those of 0 are shown, unless a wide table is asked for. */
  readonly priority: number;
}

/** One page of a list. */
export interface TablePart extends Part {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  readonly cells: readonly Json[];
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One page of objects as text, one below the other. */
export interface TextPart extends Part {
  readonly text: string;
  readonly count: number;
}

/** How a page of objects is written. */
export interface Writing {
  readonly format: 'json' | 'yaml';
  /** Of the objects in a list, which don't say it themselves. */
  readonly apiVersion: string;
  readonly kind: string;
}

/** @throws {CellError} when it isn't JSON */
function parsed(pieces: Pieces): unknown {
  const value = readJson(pieces);
  if (isObject(value)) return value;
  throw new CellError("The answer is not from an API server of Kubernetes: is the connection's url right?");
}

export function* readObject(pieces: Pieces): Generator<unknown> {
  yield plain(withoutSecretData(parsed(pieces)));
}

/** A server of an API that was added may answer with the list itself. */
export function* readTable(pieces: Pieces): Generator<TablePart> {
  const value = parsed(pieces);
  const isTable = textAt(value, 'kind') === 'Table';
  const rows = isTable ? listAt(value, 'rows') : isList(value) ? listAt(value, 'items') : [value];
  const columns = isTable
    ? listAt(value, 'columnDefinitions')
        .slice(0, MOST_COLUMNS)
        .map((each) => ({
          name: (textAt(each, 'name') ?? '').toUpperCase(),
          type: textAt(each, 'type') ?? 'string',
          priority: numberAt(each, 'priority'),
        }))
    : ['NAME', 'CREATED'].map((name) => ({ name, type: 'string', priority: 0 }));
  const read = (row: unknown): TableRow => {
    const metadata = at(isTable ? at(row, 'object') : row, 'metadata');
    const name = textAt(metadata, 'name') ?? '';
    const cells = isTable ? listAt(row, 'cells') : [name, textAt(metadata, 'creationTimestamp') ?? ''];
    return {
      cells: cells.slice(0, MOST_COLUMNS).map(cellOf),
      name,
      namespace: textAt(metadata, 'namespace') ?? '',
      labels: textsOf(at(metadata, 'labels')),
    };
  };
  for (const [some, rest] of portions(rows, PIECE_ROWS, restOf(value)))
    yield { columns, rows: some.map(read), ...rest };
}

/** What is copied between threads in one go. One that is empty, where there is nothing. */
function* portions(
  list: readonly unknown[],
  size: number,
  rest: Part,
): Generator<readonly [readonly unknown[], Part]> {
  for (let from = 0; from === 0 || from < list.length; from += size) {
    const isLast = from + size >= list.length;
    yield [list.slice(from, from + size), isLast ? rest : { next: '', remaining: 0 }];
  }
}

/** One page of a list, its objects as they are. */
export function* readItems(pieces: Pieces): Generator<Part & { readonly items: readonly unknown[] }> {
  const value = parsed(pieces);
  const items = listAt(plain(withoutSecretData(value)), 'items');
  for (const [some, rest] of portions(items, PIECE_OBJECTS, restOf(value))) yield { items: some, ...rest };
}

export function* writeObjects(pieces: Pieces, argument: unknown): Generator<TextPart> {
  const { format, apiVersion, kind } = argument as Writing;
  const value = parsed(pieces);
  const items = isList(value)
    ? listAt(value, 'items').map((item) => ({ apiVersion, kind, ...(isObject(item) ? item : {}) }))
    : [value];
  const texts = items.map((item) => writtenObject(item, format));
  yield {
    text: texts.join(format === 'json' ? ',\n' : '---\n'),
    count: items.length,
    ...restOf(value),
  };
}

function writtenObject(object: unknown, format: Writing['format']): string {
  const shown = withoutManagedFields(withoutSecretData(object));
  return format === 'json' ? exactJson(shown) : yamlOf(plain(shown));
}

/** YAML as kubectl writes it. */
export function yamlOf(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}

/** As kubectl does: who set which field is of no interest to most readers. */
function withoutManagedFields(object: unknown): unknown {
  const metadata = at(object, 'metadata');
  if (!isObject(object) || !isObject(metadata)) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: rest };
}

function isList(value: unknown): boolean {
  return textAt(value, 'kind')?.endsWith('List') === true && Array.isArray(at(value, 'items'));
}

/** Numbers that JavaScript can't represent, as YAML and a copy between threads take them. */
function plain(value: unknown): unknown {
  if (value instanceof ExactNumber)
    return /^-?\d+$/.test(value.text) ? BigInt(value.text) : Number(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
}

function cellOf(value: unknown): Json {
  if (value instanceof ExactNumber) return value.text;
  if (value === undefined || value === null) return null;
  return typeof value === 'object' ? exactJson(value) : (value as Json);
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  const members: KubeObject = isObject(value) ? value : {};
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, String(member)]));
}
