import type { Pieces } from '../core/apart.js';
import { ExactNumber, exactJson } from '../core/exact-json.js';
import type { Column, Page } from '../core/pages.js';
import { columnsOf, rowsOf } from '../core/streamed-records.js';
import { type Aggregations, aggregationPages } from './aggregations.js';
import { readAnswer, remarksOf, type Total, totalOf } from './answer.js';

export interface HitsArgument {
  /** Of HTTP. */
  readonly status: number;
  /** The field with a hit's time. */
  readonly time: string;
  /** So many are wanted at most. */
  readonly most: number;
  /** Absent for the first page, which decides them. */
  readonly columns?: readonly Column[];
  /** Whether a next page would be fetched. */
  readonly goesOn: boolean;
  /** Of a chart. */
  readonly title: string;
}

/** Comes before the rows of each page. */
export interface Found {
  readonly kind: 'found';
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly total: Total | undefined;
  readonly remarks: readonly string[];
  /** JSON of the sort values of the last hit, behind which the next page begins. */
  readonly after: string | undefined;
  /** A point in time may be another one after each page. */
  readonly pit: string | undefined;
  /** Set where the answer has aggregations: their tables come instead of the hits' where there are no hits. */
  readonly aggregations: Aggregations | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** A work for `apart`: one page of hits, and what is aggregated. @throws {CellError} what the service said */
export function* readHits(pieces: Pieces, argument: unknown): Generator<Found | Page> {
  const { status, time, most, columns, goesOn, title } = argument as HitsArgument;
  const answer = readAnswer(pieces, status);
  const hits = Object(answer.hits) as Fields;
  const list = (Array.isArray(hits.hits) ? hits.hits : []).slice(0, most).map((hit): Fields => Object(hit));
  const isOneIndex = new Set(list.map(({ _index }) => _index)).size <= 1 && !goesOn;
  const records = list.map((hit) => recordOf(hit, time, isOneIndex));
  const hasTime = records.some((record) => 'time' in record);
  const known = {
    types: { ...(hasTime && { time: 'time' as const }), ...(!isOneIndex && { _index: 'text' as const }) },
    isLast: (column: string) => column === 'message',
  };
  const used = columns ?? columnsOf(records, known, goesOn && list.length === most);
  const sort = list.at(-1)?.sort;
  const aggregations = aggregationPages(answer.aggregations, title);
  yield {
    kind: 'found',
    columns: used,
    rows: list.length,
    total: totalOf(hits),
    remarks: remarksOf(answer),
    after: Array.isArray(sort) ? exactJson(sort) : undefined,
    pit: typeof answer.pit_id === 'string' ? answer.pit_id : undefined,
    aggregations,
  };
  yield* rowsOf(records, used);
}

/** Time first, then the document's own fields. What is asked for by `fields` or `script_fields` comes behind them. */
function recordOf({ _index, _id, _source, fields }: Fields, time: string, isOneIndex: boolean): Fields {
  const source = Object(_source) as Fields;
  const at = valueAt(source, time);
  const record: Record<string, unknown> = {};
  if (at !== undefined) record.time = microsecondsOf(at);
  if (!isOneIndex) record._index = textOf(_index);
  for (const [name, value] of Object.entries(source)) {
    if (name === time && at !== undefined) continue;
    record[name in record ? `${name}_` : name] = value;
  }
  for (const [name, value] of Object.entries(Object(fields) as Fields)) {
    if (!(name in source))
      record[name in record ? `${name}_` : name] =
        Array.isArray(value) && value.length === 1 ? value[0] : value;
  }
  return { ...record, _id: textOf(_id) };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** A field of a document, whose name may be written with dots, or be a path: `event.created`. */
function valueAt(source: Fields, name: string): unknown {
  if (Object.hasOwn(source, name)) return source[name];
  let value: unknown = source;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Fields)[part];
  }
  return value;
}

/** A date is a text, or milliseconds: https://opensearch.org/docs/latest/field-types/supported-field-types/date/ */
export function microsecondsOf(time: unknown): string | null {
  if (time instanceof ExactNumber) return time.text;
  if (typeof time === 'number') return String(Math.round(time * 1000));
  if (typeof time !== 'string') return null;
  const milliseconds = Date.parse(time);
  if (!Number.isFinite(milliseconds)) return time;
  // Digits behind the milliseconds, which a Date doesn't have.
  const [, fraction = ''] = /\.\d{3}(\d{1,3})/.exec(time) ?? [];
  return String(milliseconds * 1000 + Number(fraction.padEnd(3, '0')));
}
