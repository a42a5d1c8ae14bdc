import mysql from 'mysql2';
import { hasOffset } from './arrays.js';
import type { Parameter } from './parameters.js';
import { asTime } from './types.js';

/** How a value is bound: MySQL's protocol gives types to numbers. */
export function typed(parameter: Parameter) {
  if (parameter.type === 'bool') return mysql.TypedParameter.TINY(parameter.value ? 1 : 0);
  if (parameter.type === 'time') return utcText(parameter.value);
  if (parameter.type !== 'number') return parameter.value;
  const { value } = parameter;
  if (!/^-?\d+$/.test(value)) {
    return /[eE]/.test(value)
      ? mysql.TypedParameter.DOUBLE(Number(value))
      : mysql.TypedParameter.NEWDECIMAL(value);
  }
  const isLong = BigInt.asIntN(64, BigInt(value)) === BigInt(value);
  return isLong ? mysql.TypedParameter.LONGLONG(value) : mysql.TypedParameter.NEWDECIMAL(value);
}

/**
 * An instant as a clock in UTC shows it, since MariaDB has no way to write an offset, and MySQL only a late one; a time
 * without an offset as it is.
 */
export function utcText(time: string): string {
  const text = time.replace('T', ' ').replace(/(\.\d{6})\d+/, '$1');
  if (!hasOffset(text)) return text;
  const read = asTime.read(text.replace(/Z$/, '+00'));
  if (typeof read !== 'number' && !/^-?\d+$/.test(String(read))) return text;
  const micros = BigInt(String(read));
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = (micros - fraction) / 1_000_000n;
  const clock = new Date(Number(seconds) * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return `${clock}.${String(fraction).padStart(6, '0')}`;
}
