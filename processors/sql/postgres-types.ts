import type { Json } from '../core/processor.js';
import {
  asBool,
  asDate,
  asDatetime,
  asDecimal,
  asDocument,
  asFloat,
  asInteger,
  asText,
  asTime,
  type Reader,
} from './types.js';

const asBytes: Reader = { type: 'bytes', read: (text) => bytesOf(text).toString('base64') };

/** Object ids of types and of arrays of them: PostgreSQL's src/include/catalog/pg_type.dat. */
const byOid: Readonly<Record<number, readonly [Reader, isArray?: true]>> = {
  16: [asBool],
  17: [asBytes],
  20: [asInteger],
  21: [asInteger],
  23: [asInteger],
  26: [asInteger],
  114: [asDocument],
  700: [asFloat],
  701: [asFloat],
  1082: [asDate],
  1114: [asDatetime],
  1184: [asTime],
  1700: [asDecimal],
  3802: [asDocument],
  199: [asDocument, true],
  1000: [asBool, true],
  1001: [asBytes, true],
  1002: [asText, true],
  1003: [asText, true],
  1005: [asInteger, true],
  1007: [asInteger, true],
  1009: [asText, true],
  1014: [asText, true],
  1015: [asText, true],
  1016: [asInteger, true],
  1021: [asFloat, true],
  1022: [asFloat, true],
  1028: [asInteger, true],
  1115: [asDatetime, true],
  1182: [asDate, true],
  1183: [asText, true],
  1185: [asTime, true],
  1187: [asText, true],
  1231: [asDecimal, true],
  1270: [asText, true],
  2951: [asText, true],
  3807: [asDocument, true],
};

/** How a column's values are read; a type that isn't known stays the text that PostgreSQL writes. */
export function readerOf(oid: number): {
  readonly reader: Reader;
  readonly isArray: boolean;
  read(text: string): Json;
} {
  const [reader, isArray = false] = byOid[oid] ?? [asText];
  return { reader, isArray, read: isArray ? (text) => readArray(text, reader.read) : reader.read };
}

/** In either form: a cell may have set bytea_output. Source: https://www.postgresql.org/docs/current/datatype-binary.html */
function bytesOf(text: string): Buffer {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex');
  const characters = text.replace(/\\(?:(\d{3})|\\)/g, (_, octal?: string) =>
    octal === undefined ? '\\' : String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(characters, 'latin1');
}

/** MAXDIM of PostgreSQL's src/include/utils/array.h: one that says more is not from there. */
const MOST_DIMENSIONS = 6;

/**
 * `{1,NULL,{"a\"b"}}`, perhaps behind bounds (`[0:1]=`).
 * Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 *
 * Own code, since a database is not trusted: the library for it, postgres-array 3.0.4, looks for the next backslash
 * behind every quoted item (so twice the items take four times as long), and fills the memory for a quote that does not end.
 *
 * @returns the text itself when it is no array that PostgreSQL can have
 */
export function readArray(text: string, read: (item: string) => Json): Json {
  let at = text.indexOf('{');
  let isNone = at < 0;
  const item = (depth: number): Json => {
    if (text[at] === '{') return list(depth + 1);
    if (text[at] === '"') return read(quoted());
    const from = at;
    while (at < text.length && text[at] !== ',' && text[at] !== '}') at += 1;
    const bare = text.slice(from, at);
    return bare === 'NULL' ? null : read(bare);
  };
  const list = (depth: number): Json[] => {
    const items: Json[] = [];
    isNone ||= depth > MOST_DIMENSIONS;
    at += 1;
    while (!isNone && at < text.length && text[at] !== '}') {
      items.push(item(depth));
      if (text[at] === ',') at += 1;
    }
    at += 1;
    return items;
  };
  const quoted = (): string => {
    let content = '';
    for (at += 1; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === '\\') at += 1;
      content += text[at] ?? '';
    }
    at += 1;
    return content;
  };
  const items = isNone ? [] : list(1);
  return isNone ? text : items;
}
