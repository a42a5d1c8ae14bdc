import type { Json } from '../processor.js';
import {
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

/** The character set of what is no text: https://dev.mysql.com/doc/refman/8.4/en/charset-binary-set.html */
const BINARY = 63;

/** By the protocol's column types: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const byType: Readonly<Record<number, Reader>> = {
  0: asDecimal,
  1: asInteger,
  2: asInteger,
  3: asInteger,
  4: asFloat,
  5: asFloat,
  // TIMESTAMP is a point in time, which the session (in UTC) shows as such.
  7: asTime,
  8: asInteger,
  9: asInteger,
  10: asDate,
  12: asDatetime,
  13: asInteger,
  245: asDocument,
  246: asDecimal,
};
const BIT = 16;
const asBits: Reader = { ...asInteger, read: (text) => text };
const asBytes: Reader = { type: 'bytes', read: (text) => text };

/** How a column's values are read, which the driver gives as numbers, texts or buffers. */
export function readerOf({ type, characterSet }: { readonly type: number; readonly characterSet: number }): {
  readonly reader: Reader;
  read(value: unknown): Json;
} {
  if (type === BIT) {
    return {
      reader: asBits,
      read: (value) => asInteger.read(BigInt(`0x${bytesOf(value).toString('hex') || 0}`).toString()),
    };
  }
  const known = byType[type];
  const isBinary = known === undefined && characterSet === BINARY && (type >= 249 || type === 15);
  if (isBinary) return { reader: asBytes, read: (value) => bytesOf(value).toString('base64') };
  const reader = known ?? asText;
  return {
    reader,
    read: (value) => (typeof value === 'number' ? reader.read(String(value)) : reader.read(textOf(value))),
  };
}

function bytesOf(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
}

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
