import type { Json } from './processor.js';

/** How the values of a column are to be read. */
export type ColumnType = 'number' | 'float' | 'text' | 'bool' | 'time' | 'bytes' | 'json';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * A part of a brokered cell's result, in the order in which the kernel takes them: `columns` once and then `rows`, or
 * `text`; `progress` any time; `end` last.
 */
export type Page =
  | { readonly kind: 'columns'; readonly columns: readonly Column[] }
  /**
   * New values by column. A time is microseconds since 1970, UTC; bytes are base64; a number (`float`: always
   * a floating-point one) is a JSON number, or text for NaN and the infinities, which JSON doesn't have.
   */
  | { readonly kind: 'rows'; readonly rows: readonly (readonly Json[])[] }
  /** More of a Markdown text. */
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'progress'; readonly text: string }
  | End;

/** What there is beside a table: MIME bundles to show first, the variable's value, a sentence below the table. */
export interface End {
  readonly kind: 'end';
  readonly displays?: readonly Readonly<Record<string, Json>>[];
  readonly value?: Json;
  readonly note?: string;
}

/** A kernel variable on its way to the service, typed, so that it is placed by the service's own rules. */
export type Value =
  | { readonly type: 'text' | 'date' | 'time'; readonly value: string }
  /** As Python writes it: may be larger than JavaScript's numbers. */
  | { readonly type: 'number'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'list'; readonly value: readonly Value[] }
  | { readonly type: 'table'; readonly value: Table };

/** The beginning of a DataFrame, or of a list of dicts, as text; a missing value is null. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** Of the whole table. */
  readonly total: number;
  readonly all_columns: number;
}
