import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { compoundName, isPlain, type Plain, type Value } from '../core/value.js';
import { arrayCast, arrayText, castOf, type Item, isArrayPlace } from './arrays.js';
import { clickhouseType } from './clickhouse-values.js';
import type { Dialect, Region } from './scanner.js';

/** One bind parameter. */
export type Parameter = Plain & {
  /** Number of the reference that it replaces. All parameters of one list have the same place. */
  readonly place: number;
  /** Whether it is an array of PostgreSQL's. */
  readonly isArray?: boolean;
};

/** A statement as the database gets it: values only beside it, never in it (invariant S11). */
export interface Rendered {
  readonly text: string;
  readonly parameters: readonly Parameter[];
  /** Reference to a list in it. */
  readonly list: string | undefined;
  /** @returns where a character of `text` comes from, as an offset of the cell */
  origin(offset: number): number;
}

/** How each database's own parameters are written, and an example for messages. */
const OWN: Readonly<Record<Dialect, readonly [RegExp, string]>> = {
  postgres: [/(?<![\w$\u0080-\uffff])\$\d/, '$1'],
  mysql: [/\?/, '?'],
  clickhouse: [/\{\s{0,9}\w+\s{0,9}:/, '{name:Type}'],
};

/** The protocols count them in 16 bits. */
const MOST_PARAMETERS = 65_535;

const places: Readonly<Partial<Record<Region['kind'], string>>> = {
  string: 'in quotes',
  identifier: 'in a quoted name',
  comment: 'in a comment',
  executable: 'in a comment',
};

/**
 * Makes each `{{variable}}` a bind parameter: `$1` for PostgreSQL, `?` for MySQL, `{p1:Type}` for ClickHouse; a list becomes several, or one array
 * in PostgreSQL's `any({{list}})`. A parameter has the type that the same value would have as a literal. A text
 * has none, so that the database infers it from its place.
 *
 * @param regions of one statement
 * @param withReferences false: braces are text (`--raw`)
 * @throws {CellError} for a reference where no parameter is possible, or a value that can't be one
 */
export function render(
  sql: string,
  regions: readonly Region[],
  dialect: Dialect,
  values: ReadonlyMap<string, Value>,
  withReferences = true,
): Rendered {
  const parameters: Parameter[] = [];
  const pieces: { readonly at: number; readonly from: number; readonly length: number }[] = [];
  let text = '';
  let list: string | undefined;
  let place = 0;
  const add = (from: number, to: number, piece: string) => {
    pieces.push({ at: text.length, from, length: to - from });
    text += piece;
  };
  const bind = (value: Value, reference: string): string => {
    // The word itself: a parameter that holds it has no type, and PostgreSQL refuses {{x}} IS NULL for that.
    if (value.type === 'null') return 'NULL';
    const parameter = { ...checked(value, reference), place };
    parameters.push(parameter);
    if (parameters.length > MOST_PARAMETERS) throw tooMany(dialect);
    // In parentheses, since not every place of the grammar takes a cast without.
    if (dialect === 'clickhouse') return `{p${parameters.length}:${clickhouseType(parameter)}}`;
    return dialect === 'mysql' ? mark(parameter) : `($${parameters.length}${castOf(parameter)})`;
  };
  const bindArray = (items: readonly Item[]): string => {
    parameters.push({ type: 'text', value: arrayText(items), place, isArray: true });
    return `($${parameters.length}${arrayCast(items)})`;
  };
  for (const [number, { kind, from, to }] of regions.entries()) {
    if (kind === 'reference') {
      place += 1;
      const reference = sql.slice(from + 2, to - 2);
      const value = values.get(reference);
      if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
      if (value.type !== 'list') {
        add(from, to, bind(value, reference));
        continue;
      }
      list ??= reference;
      const isArray = isArrayPlace(textOf(sql, regions[number - 1]), textOf(sql, regions[number + 1]));
      if (isArray && dialect === 'postgres') {
        add(from, to, bindArray(value.value.map((item) => arrayItem(item, reference))));
        continue;
      }
      if (isArray) throw new CellError(`This database has no any() for a list: write in ({{${reference}}}).`);
      if (value.value.length === 0)
        throw new CellError(`{{${reference}}} is an empty list. SQL has no such value.`);
      if (value.value.length > MOST_PARAMETERS) throw tooMany(dialect);
      add(from, to, value.value.map((item) => bind(item, reference)).join(', '));
      continue;
    }
    if (!withReferences) {
      add(from, to, sql.slice(from, to));
      continue;
    }
    refuseReferences(sql, from, to, kind);
    let start = from;
    // Within the region alone: beyond it each would look through all that follows.
    const part = sql.slice(from, to);
    for (let at = part.indexOf('\\{{'); at >= 0; at = part.indexOf('\\{{', at + 3)) {
      add(start, from + at, sql.slice(start, from + at));
      start = from + at + 1;
    }
    add(start, to, sql.slice(start, to));
  }
  if (parameters.length > 0) refuseOwn(sql, regions, dialect);
  return {
    text,
    parameters,
    list,
    origin(offset) {
      const piece = pieces.findLast(({ at }) => at <= offset);
      return piece ? piece.from + Math.min(offset - piece.at, piece.length) : 0;
    },
  };
}

function tooMany(dialect: Dialect): CellError {
  const remedy =
    dialect !== 'postgres'
      ? 'Put them into a table, and join it.'
      : 'A list in = any({{list}}) is one value; or put them into a table, and join it.';
  return new CellError(`A statement takes at most ${MOST_PARAMETERS.toLocaleString('en')} values. ${remedy}`);
}

function textOf(sql: string, region: Region | undefined): string {
  return region?.kind === 'code' ? sql.slice(region.from, region.to) : '';
}

function arrayItem(item: Value, reference: string): Item {
  return item.type === 'null' ? item : checked(item, reference);
}

function refuseReferences(sql: string, from: number, to: number, kind: Region['kind']): void {
  const part = sql.slice(from, to);
  for (let found = part.indexOf('{{'); found >= 0; found = part.indexOf('{{', found + 2)) {
    const at = from + found;
    const reference = sql[at - 1] === '\\' ? undefined : referenceAt(sql, at);
    if (reference === undefined) continue;
    const remedy =
      kind === 'string'
        ? 'Leave the quotes out: a value needs none. To make it part of a text, join it with concat().'
        : 'Only a value can come from a variable. Write \\{{ for plain braces, or --raw for the whole cell.';
    throw new CellError(`{{${reference}}} is ${places[kind] ?? 'where no value can be'}. ${remedy}`);
  }
}

/** Parameters that the author wrote would be taken for ours. */
function refuseOwn(sql: string, regions: readonly Region[], dialect: Dialect): void {
  const [own, shown] = OWN[dialect];
  if (regions.some(({ kind, from, to }) => kind === 'code' && own.test(sql.slice(from, to))))
    throw new CellError(`${shown} is not a parameter here. Write {{variable}}.`);
}

function checked(value: Exclude<Value, { type: 'null' }>, reference: string): Plain {
  if (!isPlain(value)) {
    const is = value.type === 'list' ? 'is a nested list' : `contains ${compoundName(value)}`;
    throw new CellError(`{{${reference}}} ${is}. SQL has no such value.`);
  }
  if (typeof value.value === 'string' && value.value.includes('\0'))
    throw new CellError(
      `{{${reference}}} contains a NUL character, which a database does not allow in text.`,
    );
  return value;
}

/** MySQL's protocol gives types to numbers; a time is a text, which it would compare as one. */
function mark({ type }: Parameter): string {
  if (type === 'date') return 'CAST(? AS DATE)';
  return type === 'time' ? 'CAST(? AS DATETIME(6))' : '?';
}
