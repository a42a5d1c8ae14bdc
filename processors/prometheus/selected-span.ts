import { readDuration } from '../core/duration.js';

const SELECTED = /\[\s*([\da-z]+)\s*(?::[^\]]*)?\]\s*(?:offset\s+(-?)([\da-z]+)\s*)?$/;

/**
 * The time that an instant query of a range selector asks for: `up[5m]`, `up[5m:30s] offset 1h`.
 *
 * @param at seconds since 1970
 * @returns milliseconds; undefined where the query's end doesn't say
 */
export function selectedSpan(
  promql: string,
  at: number,
): { readonly start: number; readonly end: number } | undefined {
  const [, range = '', sign = '', offset = '0s'] = SELECTED.exec(promql.slice(-200)) ?? [];
  const length = readDuration(range);
  const ago = readDuration(offset);
  if (length === undefined || ago === undefined) return undefined;
  const end = at - (sign === '-' ? -ago : ago);
  return { start: (end - length) * 1000, end: end * 1000 };
}
