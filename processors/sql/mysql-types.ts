import type { Json } from '../core/processor.js';
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
  5: asFloat,
  8: asInteger,
  9: asInteger,
  10: asDate,
  12: asDatetime,
  13: asInteger,
  245: asDocument,
  246: asDecimal,
};
const FLOAT = 4;
const TIMESTAMP = 7;
const TIME = 11;
const BIT = 16;
const VECTOR = 242;
const GEOMETRY = 255;

/** Digits of a FLOAT that every client shows, and the number of decimals of one that has no fixed number of them. */
const FLOAT_DIGITS = 6;
const NOT_FIXED = 31;

const asBytes: Reader = { type: 'bytes', read: (text) => text };

interface ColumnReader {
  readonly reader: Reader;
  readonly isList: boolean;
  read(value: unknown): Json;
}

/**
 * How a column's values are read, which the driver gives as numbers, texts or buffers: the same for both of the
 * protocol's ways to write a row.
 *
 * @param instants whether the session is in UTC
 */
export function readerOf(
  field: { readonly columnType: number; readonly characterSet: number; readonly decimals?: number },
  instants: boolean,
): ColumnReader {
  const { columnType: type, characterSet, decimals = NOT_FIXED } = field;
  switch (type) {
    case FLOAT:
      return scalar(asFloat, (value) => asFloat.read(floatText(Number(value), decimals)));
    case TIMESTAMP:
      // A point in time, which a session in UTC shows as such; in any other it is what a clock there shows.
      return plain(instants ? asTime : asDatetime);
    case TIME:
      // One way to write a row has the zeros of a fraction, the other has not.
      return scalar(asText, (value) =>
        textOf(value)
          .replace(/(\.\d*?)0+$/, '$1')
          .replace(/\.$/, ''),
      );
    case BIT:
      return scalar(asInteger, (value) =>
        asInteger.read(BigInt(`0x${bytesOf(value).toString('hex') || 0}`).toString()),
      );
    case GEOMETRY:
      // Its own form is the number of a reference system and then WKB: https://dev.mysql.com/doc/refman/8.4/en/gis-data-formats.html
      return scalar(asBytes, (value) => bytesOf(value).subarray(4).toString('base64'));
    case VECTOR:
      return { reader: asFloat, isList: true, read: (value) => floatsOf(bytesOf(value)) };
    default: {
      const known = byType[type];
      if (known === undefined && characterSet === BINARY && (type >= 249 || type === 15))
        return scalar(asBytes, (value) => bytesOf(value).toString('base64'));
      return plain(known ?? asText);
    }
  }
}

function scalar(reader: Reader, read: ColumnReader['read']): ColumnReader {
  return { reader, isList: false, read };
}

function plain(reader: Reader): ColumnReader {
  return scalar(reader, (value) => reader.read(textOf(value)));
}

/** As the database writes it where it writes text: six digits, or the decimals that its column was made with. */
function floatText(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (decimals < NOT_FIXED) return value.toFixed(decimals);
  const [mantissa = '', exponent = ''] = value.toExponential(FLOAT_DIGITS).split('e');
  const isHalf = mantissa.endsWith('5') && Number(`${mantissa}e${exponent}`) === value;
  // A half goes to the even digit, where JavaScript takes the larger.
  if (isHalf && /[02468]5$/.test(mantissa)) return `${mantissa.slice(0, -1)}e${exponent}`;
  return value.toPrecision(FLOAT_DIGITS);
}

/** Little-endian, of four bytes: https://dev.mysql.com/doc/refman/9.0/en/vector.html */
function floatsOf(bytes: Buffer): Json {
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, at) => {
    const float = bytes.readFloatLE(at * 4);
    return Number.isFinite(float) ? float : String(float);
  });
}

function bytesOf(value: unknown): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(String(value));
}

function textOf(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
