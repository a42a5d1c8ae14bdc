import { CellError } from './cell-error.js';

/** Any value that JSON can hold (and so a Python literal can). */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A kernel variable on its way to the service, typed, so that it is placed by the service's own rules. */
export type Value =
  | Plain
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'list'; readonly value: readonly Value[] }
  | { readonly type: 'object'; readonly value: Readonly<Record<string, Value>> }
  | { readonly type: 'table'; readonly value: Table }
  /** As base64. */
  | { readonly type: 'bytes'; readonly value: string };

/** A value that every service reads in the same way. */
export type Plain =
  | { readonly type: 'text' | 'date' | 'time'; readonly value: string }
  /** As Python writes it: may be larger than JavaScript's numbers. */
  | { readonly type: 'number'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean };

/** The beginning of a DataFrame, as text; a missing value is null. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** Of the whole table. */
  readonly total: number;
  readonly all_columns: number;
}

const names = { null: 'None', list: 'a list', object: 'a dict', table: 'a table', bytes: 'bytes' } as const;

/** @returns what a value that is not plain is in Python's words; undefined for a plain one */
export function compoundName({ type }: Value): string | undefined {
  return type in names ? names[type as keyof typeof names] : undefined;
}

export function isPlain(value: Value): value is Plain {
  return !(value.type in names);
}

/**
 * A value as JSON text: numbers keep all their digits.
 * @throws {CellError} for a table, of which only the beginning is known
 */
export function jsonOf(value: Value): string {
  switch (value.type) {
    case 'number':
      return value.value;
    case 'list':
      return `[${value.value.map(jsonOf).join(', ')}]`;
    case 'object': {
      const members = Object.entries(value.value);
      return `{${members.map(([key, each]) => `${JSON.stringify(key)}: ${jsonOf(each)}`).join(', ')}}`;
    }
    case 'table':
      throw new CellError(
        'A DataFrame can’t be sent as JSON. Convert it first: rows = df.to_dict("records").',
      );
    case 'bytes':
      throw new CellError("Bytes can't be sent as JSON. Convert them first, with .decode() or to base64.");
    default:
      return JSON.stringify(value.value);
  }
}
