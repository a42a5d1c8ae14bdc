import type { Plain } from '../core/value.js';

/** `any(`, `all(` or `some(` right before the list, and `)` right behind it. */
const BEFORE = /\b(?:any|all|some)\s*\(\s*$/i;
const BEHIND = /^\s*\)/;

/** Whether the text between two stretches of SQL is all that `any()` compares with: an array, or a subquery. */
export function isArrayPlace(before: string, behind: string): boolean {
  // That text is short, so a long stretch isn't searched.
  return BEFORE.test(before.slice(-40)) && BEHIND.test(behind);
}

/** An item of an array; in it, a missing one has no type either. */
export type Item = Plain | { readonly type: 'null'; readonly value: null };

/**
 * A list as PostgreSQL reads an array: one value, so that it may have any number of items.
 * Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT
 */
export function arrayText(items: readonly Item[]): string {
  const written = items.map(({ value }) =>
    value === null ? 'NULL' : `"${String(value).replace(/["\\]/g, '\\$&')}"`,
  );
  return `{${written.join(',')}}`;
}

/** The cast of an array whose items are typed as literals are; none where the database has to infer it, as of a text. */
export function arrayCast(items: readonly Item[]): string {
  const casts = new Set(items.flatMap((item) => (item.type === 'null' ? [] : [castOf(item)])));
  const widest = WIDENING.find((type) => casts.has(type));
  const first = widest ?? [...casts][0] ?? '';
  const isOne = [...casts].every(
    (type) => type === first || (widest !== undefined && WIDENING.includes(type)),
  );
  return isOne && first !== '' ? `${first}[]` : '';
}

/** Numbers of an array get the first of these that one of them needs. */
const WIDENING = ['::numeric', '::int8', '::int4'];

/** The type that a value has as a literal; a text has none. */
export function castOf(value: Plain): string {
  switch (value.type) {
    case 'number':
      return `::${numberType(value.value)}`;
    case 'bool':
      return '::bool';
    case 'date':
      return '::date';
    case 'time':
      return hasOffset(value.value) ? '::timestamptz' : '::timestamp';
    default:
      return '';
  }
}

/** Whether a time names its offset from UTC. */
export function hasOffset(time: string): boolean {
  return /(?:Z|[+-]\d\d:\d\d(?::\d\d)?)$/.test(time);
}

/** The types of literals: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS-NUMERIC */
function numberType(number: string): string {
  if (!/^-?\d+$/.test(number)) return 'numeric';
  const size = BigInt(number);
  if (BigInt.asIntN(32, size) === size) return 'int4';
  return BigInt.asIntN(64, size) === size ? 'int8' : 'numeric';
}
