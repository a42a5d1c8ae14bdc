import type { Json } from './value.js';

/**
 * How the values of a column are to be read; `null` is a missing one in each.
 *
 * - `number`: a JSON number, or text for NaN and the infinities, which JSON doesn't have: whole ones stay whole;
 *   `float`: the same, and always a floating-point one
 * - `integer`: a JSON number, or its digits as text beyond 2^53, where JavaScript's numbers end: exact
 * - `decimal`: text. Shown as Decimal; a variable gets floats where each of them is exact, else Decimals
 * - `time`: microseconds since 1970, UTC; `datetime`: the same of a clock without a zone. Digits as text beyond 2^53;
 *   any other text is a value that Python has no time for (`infinity`, `0000-00-00`), and stays a text
 * - `date`: `2026-01-31`, or such a text
 * - `bytes`: base64
 * - `json`: any JSON; `document`: JSON as text, whose numbers the kernel reads as they are written
 * - `list`: lists of values of the column's `items`, however deep
 */
export type ColumnType = ScalarType | 'list';
export type ScalarType =
  | 'number'
  | 'float'
  | 'integer'
  | 'decimal'
  | 'text'
  | 'bool'
  | 'time'
  | 'datetime'
  | 'date'
  | 'bytes'
  | 'json'
  | 'document';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Of a `list`. */
  readonly items?: ScalarType;
}

/**
 * A part of a brokered cell's result, in the order in which the kernel takes them: `columns` and then `rows`, or `text`,
 * or `content`; `progress` any time; `end` last. `columns` that come again begin a new table below the one before; the
 * last one is the cell's value.
 */
export type Page =
  /**
   * `instead`: of the table before, which is not shown. `follows`: the table has no end of its own, and its last rows are
   * shown while they come.
   */
  | {
      readonly kind: 'columns';
      readonly columns: readonly Column[];
      readonly instead?: true;
      readonly follows?: true;
    }
  /** New values by column: of each the same number. */
  | { readonly kind: 'rows'; readonly rows: readonly (readonly Json[])[] }
  /** A sentence below the table that has come so far. */
  | { readonly kind: 'note'; readonly text: string }
  /** The table so far is complete: it is shown even if a later part fails. */
  | { readonly kind: 'whole' }
  /** The service's messages, shown below the result. The sender bounds them. */
  | { readonly kind: 'notice'; readonly text: string }
  /** More of a Markdown text. */
  | { readonly kind: 'text'; readonly text: string }
  | Content
  /** `retry`: the request is sent again. */
  | { readonly kind: 'progress'; readonly text: string; readonly retry?: true }
  | End;

/** Data with a media type, which the kernel shows as it shows its own HTTP answers: JSON, a picture, a file. */
export interface Content {
  readonly kind: 'content';
  /** Empty when it isn't known. */
  readonly mediaType: string;
  readonly charset: string;
  /** Whole, or in the pieces in which it came. */
  readonly data: Uint8Array | readonly Uint8Array[];
  /** The next page brings more of this content: the broker cuts a large one. */
  readonly more?: true;
  /** Path of the member of a JSON content that is shown and kept; default: all of it. */
  readonly at?: readonly string[];
  /** The kernel gets no more bytes than this; the broker cuts, once credentials have been taken out. */
  readonly longest?: number;
  /** Set for a content that is only a part: the lists of all parts make one. */
  readonly part?: boolean;
}

/** What comes beside a table: MIME bundles to show first, the variable's value, a note below it, a line to print. */
export interface End {
  readonly kind: 'end';
  readonly displays?: readonly Readonly<Record<string, Json>>[];
  readonly value?: Json;
  readonly note?: string;
  /** A line to print: `HTTP 200 OK, 1.2 kB, 0.05 s`. */
  readonly summary?: string;
}
