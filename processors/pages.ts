import type { Json } from './processor.js';

/** How the values of a column are to be read. */
export type ColumnType = 'number' | 'float' | 'text' | 'bool' | 'time' | 'bytes' | 'json';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * A part of a brokered cell's result, in the order in which the kernel takes them: `columns` once and then `rows`, or
 * `text`, or `content`; `progress` any time; `end` last.
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
  | Content
  | { readonly kind: 'progress'; readonly text: string }
  | End;

/** Something with a media type, which the kernel reads and shows as its own HTTP answers: JSON, a picture, a file. */
export interface Content {
  readonly kind: 'content';
  /** Empty when it isn't known. */
  readonly mediaType: string;
  readonly charset: string;
  readonly data: Uint8Array;
  /** Path of the member of a JSON content that is shown and kept; default: all of it. */
  readonly at?: readonly string[];
  /** Set for a content that is only a part: the lists of all parts make one. */
  readonly part?: boolean;
}

/** What there is beside a table: MIME bundles to show first, the variable's value, a sentence below the table, a line of its own. */
export interface End {
  readonly kind: 'end';
  readonly displays?: readonly Readonly<Record<string, Json>>[];
  readonly value?: Json;
  readonly note?: string;
  /** A line to print: `HTTP 200 OK, 1.2 kB, 0.05 s`. */
  readonly summary?: string;
}

/** A kernel variable on its way to the service, typed, so that it is placed by the service's own rules. */
export type Value =
  | { readonly type: 'text' | 'date' | 'time'; readonly value: string }
  /** As Python writes it: may be larger than JavaScript's numbers. */
  | { readonly type: 'number'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'list'; readonly value: readonly Value[] }
  | { readonly type: 'object'; readonly value: Readonly<Record<string, Value>> };
