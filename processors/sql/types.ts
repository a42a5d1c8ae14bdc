import type { Column, ScalarType } from '../core/pages.js';
import type { Json } from '../core/processor.js';

/** How the text of a database's value becomes a page's. */
export interface Reader {
  readonly type: ScalarType;
  readonly read: (text: string) => Json;
}

export const asText: Reader = { type: 'text', read: (text) => text };
export const asDecimal: Reader = { type: 'decimal', read: (text) => text };
export const asDate: Reader = { type: 'date', read: (text) => text };
export const asDocument: Reader = { type: 'document', read: (text) => text };
export const asTime: Reader = { type: 'time', read: readTime };
export const asDatetime: Reader = { type: 'datetime', read: readTime };
export const asBool: Reader = { type: 'bool', read: (text) => text === 't' };

export const asInteger: Reader = {
  type: 'integer',
  read(text) {
    const number = Number(text);
    return Number.isSafeInteger(number) ? number : text;
  },
};

export const asFloat: Reader = {
  type: 'float',
  read(text) {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  },
};

/** @param name of the column */
export function columnOf(name: string, { type }: Reader, isList: boolean): Column {
  return isList ? { name, type: 'list', items: type } : { name, type };
}

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?)?$/;

/**
 * Microseconds since 1970 of `2026-01-31 12:00:00.5+01`; without an offset as if UTC.
 * @returns digits beyond 2^53; the text itself for what is no time of the calendar
 */
function readTime(text: string): Json {
  const match = TIME.exec(text);
  if (match === null) return text;
  const [
    ,
    year,
    month,
    day,
    hour = 0,
    minute = 0,
    second = 0,
    fraction = '',
    sign,
    hours = 0,
    minutes = 0,
    seconds = 0,
  ] = match;
  if (month === '00' || day === '00' || year === '0000') return text;
  const offset = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  const days = daysSince1970(Number(year), Number(month), Number(day));
  const whole =
    ((days * 24 + Number(hour)) * 60 + Number(minute)) * 60 +
    Number(second) -
    (sign === '-' ? -offset : offset);
  const micros = fraction === '' ? 0 : Number(fraction.padEnd(6, '0'));
  const result = whole * 1_000_000 + micros;
  return Number.isSafeInteger(result) ? result : String(BigInt(whole) * 1_000_000n + BigInt(micros));
}

/** Gregorian, years from March on: https://howardhinnant.github.io/date_algorithms.html#days_from_civil */
function daysSince1970(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    719_468
  );
}
