import type { Plain } from '../core/value.js';
import { hasOffset } from './arrays.js';
import { utcText } from './mysql-values.js';

/** The widest integers of ClickHouse, by bits. */
const SIGNED = [64, 128, 256] as const;

/**
 * The type that a value has as a literal.
 * Source: https://clickhouse.com/docs/sql-reference/syntax#defining-and-using-query-parameters
 */
export function clickhouseType({ type, value }: Plain): string {
  switch (type) {
    case 'number':
      return numberType(value);
    case 'bool':
      return 'Bool';
    case 'date':
      return 'Date32';
    case 'time':
      return hasOffset(value) ? "DateTime64(6, 'UTC')" : 'DateTime64(6)';
    default:
      return 'String';
  }
}

function numberType(value: string): string {
  if (!/^-?\d+$/.test(value)) return 'Float64';
  const number = BigInt(value);
  if (number >= 2n ** 63n && number < 2n ** 64n) return 'UInt64';
  const bits = SIGNED.find((each) => BigInt.asIntN(each, number) === number);
  return bits === undefined ? 'Float64' : `Int${bits}`;
}

/** A value as the text of a parameter, which is read like a field of tab-separated text. */
export function clickhouseText(parameter: Plain): string {
  const { type, value } = parameter;
  if (type === 'bool') return value ? 'true' : 'false';
  return (type === 'time' ? utcText(value) : value).replace(
    /[\\\t\n\r]/g,
    (character) => `\\${ESCAPES[character] ?? character}`,
  );
}

const ESCAPES: Readonly<Record<string, string>> = { '\t': 't', '\n': 'n', '\r': 'r' };
