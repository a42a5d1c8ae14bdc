import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const MATH = /^now((?:[+-]\d{1,9}[smhdwMy]){0,4})(?:\/([mhdwMy]))?$/;

/**
 * A time of a dashboard or its address: `now-6h`, `now-1d/d`, milliseconds since 1970, or an ISO time.
 * A time that is rounded is so in UTC, as the gateway doesn't know the browser's zone.
 *
 * Source: https://grafana.com/docs/grafana/latest/dashboards/use-dashboards/#time-units-and-relative-ranges
 *
 * @param isEnd a rounded end is that of its day, a start is its beginning
 * @returns milliseconds since 1970
 * @throws {CellError} for what is no time
 */
export function grafanaTime(text: string, isEnd: boolean, now: number): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const math = MATH.exec(text);
  if (math !== null) return rounded(moved(now, math[1] ?? ''), math[2], isEnd);
  const time = Date.parse(text);
  if (Number.isFinite(time)) return time;
  throw new CellError(`“${quoted(text)}” is not a time of Grafana, such as now-6h. Use --range and --at.`);
}

function moved(now: number, steps: string): number {
  let time = now;
  for (const [, sign, number, unit = ''] of steps.matchAll(/([+-])(\d+)([smhdwMy])/g)) {
    const count = Number(number) * (sign === '-' ? -1 : 1);
    if (unit === 'M' || unit === 'y') {
      const date = new Date(time);
      date.setUTCMonth(date.getUTCMonth() + count * (unit === 'y' ? 12 : 1));
      time = date.getTime();
    } else time += count * (UNITS[unit] ?? 0);
  }
  if (Number.isFinite(time)) return time;
  throw new CellError('The time is out of all calendars. Use --range and --at.');
}

function rounded(time: number, unit: string | undefined, isEnd: boolean): number {
  if (unit === undefined) return time;
  const date = new Date(time);
  if (unit === 'm') date.setUTCSeconds(0, 0);
  else if (unit === 'h') date.setUTCMinutes(0, 0, 0);
  else date.setUTCHours(0, 0, 0, 0);
  if (unit === 'w') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  if (unit === 'M' || unit === 'y') date.setUTCDate(1);
  if (unit === 'y') date.setUTCMonth(0);
  if (!isEnd) return date.getTime();
  if (unit === 'M' || unit === 'y') date.setUTCMonth(date.getUTCMonth() + (unit === 'y' ? 12 : 1));
  else return date.getTime() + (UNITS[unit] ?? 0) - 1;
  return date.getTime() - 1;
}
