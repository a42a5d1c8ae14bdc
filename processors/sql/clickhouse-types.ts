import { ExactNumber, exactJson } from '../core/exact-json.js';
import type { Column } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { asDate, asDatetime, asInteger, asText, asTime, columnOf, type Reader } from './types.js';

/** A column, and how a value of JSON becomes one of a page. */
export interface Typed {
  readonly column: Column;
  readonly read: (value: unknown) => Json;
}

const WRAPPED = /^(?:Nullable|LowCardinality)\((.*)\)$/s;
const ARRAY = /^Array\((.*)\)$/s;
/** Types whose values have a structure, or whose JSON is any. */
const STRUCTURED =
  /^(?:Tuple|Map|Nested|JSON|Object|Variant|Dynamic|AggregateFunction|Point|Ring|Polygon|MultiPolygon|LineString|MultiLineString|Geometry)\b/;
const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)\d*(Z?)$/;

/**
 * Source: https://clickhouse.com/docs/sql-reference/data-types
 *
 * @param isIso whether times come as instants, in UTC; those of old servers are of a clock whose zone isn't said
 */
export function typedOf(name: string, type: string, isIso: boolean): Typed {
  const inner = unwrapped(type);
  const [, items] = ARRAY.exec(inner) ?? [];
  if (items !== undefined) {
    const { column, read } = typedOf(name, items, isIso);
    if (column.type === 'document') return document(name);
    const of = column.type === 'list' ? column.items : column.type;
    const each = (value: unknown) => (value === null ? null : read(value));
    return {
      column: { name, type: 'list', ...(of !== undefined && { items: of }) },
      read: (value) => (Array.isArray(value) ? value.map(each) : null),
    };
  }
  if (STRUCTURED.test(inner)) return document(name);
  const reader = readerOf(inner, isIso);
  return { column: columnOf(name, reader, false), read: (value) => reader.read(textOf(value)) };
}

function document(name: string): Typed {
  return { column: { name, type: 'document' }, read: (value) => exactJson(value) };
}

function unwrapped(type: string): string {
  let inner = type;
  for (let match = WRAPPED.exec(inner); match !== null; match = WRAPPED.exec(inner)) inner = match[1] ?? '';
  return inner;
}

function readerOf(type: string, isIso: boolean): Reader {
  if (/^U?Int\d+$|^Interval/.test(type)) return asInteger;
  if (/^(?:B?Float)\d+$/.test(type)) return asClickhouseFloat;
  if (type.startsWith('Decimal')) return asScaled(Number(/(\d+)\)$/.exec(type)?.[1] ?? 0));
  if (type === 'Bool') return asJsonBool;
  if (/^Date(?:32)?$/.test(type)) return asDate;
  if (type.startsWith('DateTime')) return isIso ? asIso : asDatetime;
  return asText;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value instanceof ExactNumber ? value.text : exactJson(value);
}

const asJsonBool: Reader = { type: 'bool', read: (text) => text === 'true' || text === '1' };

/** `nan`, `inf` and `-inf` stay texts, which JSON's numbers don't have. */
const asClickhouseFloat: Reader = {
  type: 'float',
  read(text) {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  },
};

/** JSON drops the zeros at the end of a decimal. */
function asScaled(scale: number): Reader {
  return {
    type: 'decimal',
    read(text) {
      if (scale === 0 || !/^-?\d+(?:\.\d+)?$/.test(text)) return text;
      const [whole = '', fraction = ''] = text.split('.');
      return `${whole}.${fraction.padEnd(scale, '0')}`;
    },
  };
}

const asIso: Reader = {
  type: 'time',
  read(text) {
    const [, date, clock, zone] = ISO.exec(text) ?? [];
    return date === undefined ? text : asTime.read(`${date} ${clock}${zone === 'Z' ? '+00' : ''}`);
  },
};
