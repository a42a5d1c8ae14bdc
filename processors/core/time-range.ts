import { readDuration } from './duration.js';
import { CellError, type Option } from './processor.js';

/** Options of every cell that asks for a stretch of time. */
export const RANGE: Option = { type: 'string', help: 'values over the last 15m, 6h, 7d …' };
export const AT: Option = {
  type: 'string',
  help: 'where that time ends: 2026-01-31T12:00:00Z, or 1h for an hour ago; default now',
};

/** In milliseconds since 1970; the end is not part of it. */
export interface TimeRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The time that `--range` and `--at` ask for.
 *
 * @param usual the length where `--range` isn't given, e.g. `1h`
 * @param now milliseconds since 1970
 * @throws {CellError} naming the option
 */
export function timeRangeOf(
  { range, at }: Readonly<Record<string, unknown>>,
  usual: string,
  now = Date.now(),
): TimeRange {
  const end = timeOf('at', at, now);
  return { start: end - 1000 * secondsOf('range', range ?? usual), end };
}

/**
 * @returns seconds, more than none
 * @throws {CellError} naming the option
 */
export function secondsOf(option: string, value: unknown): number {
  const seconds = readDuration(String(value));
  if (seconds !== undefined && seconds > 0) return seconds;
  throw new CellError(`--${option} takes a duration such as 30s, 15m, 6h or 7d.`);
}

/**
 * A time, or how long ago it was.
 *
 * @param value undefined means now
 * @returns milliseconds since 1970
 * @throws {CellError} naming the option
 */
export function timeOf(option: string, value: unknown, now = Date.now()): number {
  if (value === undefined) return now;
  const ago = readDuration(String(value));
  if (ago !== undefined && !/^\d+$/.test(String(value))) return now - 1000 * ago;
  const time = Date.parse(String(value));
  if (Number.isFinite(time)) return time;
  throw new CellError(`--${option} takes a time such as 2026-01-31T12:00:00Z, or 1h for an hour ago.`);
}
