import type { Chart } from '../core/chart/frame.js';
import { type Series, timeSeriesChart } from '../core/chart/time-series.js';
import type { Column } from '../core/pages.js';
import { microseconds, type SplunkRow } from './rows.js';

/**
 * The chart of a result by time, as `timechart` gives it: a column for each series, and `_span`, the seconds between two
 * rows. Texts beside them (`tstats … by _time host`) tell series from each other.
 *
 * @param isByTime the result has such a span, and is no list of events
 */
export function chartOf(
  rows: readonly SplunkRow[],
  columns: readonly Column[],
  isByTime: boolean,
  spl: string,
): Chart | undefined {
  if (!isByTime || rows.length === 0) return undefined;
  const numbers = columns.filter(({ name, type }) => type === 'number' && !name.startsWith('_'));
  const texts = columns.filter(({ name, type }) => type === 'text' && !name.startsWith('_'));
  const found = new Map<
    string,
    { metric: string; labels: Record<string, string>; points: [number, number][] }
  >();
  let [start, end, step] = [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY];
  for (const row of rows) {
    const micros = microseconds(String(row._time ?? ''));
    if (typeof micros !== 'number') continue;
    const time = micros / 1000;
    start = Math.min(start, time);
    end = Math.max(end, time);
    if (Number(row._span) > 0) step = Math.min(step, Number(row._span) * 1000);
    const labels = Object.fromEntries(texts.map(({ name }) => [name, String(row[name] ?? '')]));
    const key = JSON.stringify(Object.values(labels));
    for (const { name } of numbers) {
      const of = `${name}\n${key}`;
      const series = found.get(of) ?? { metric: name, labels, points: [] };
      found.set(of, series);
      const value = row[name];
      if (value !== undefined && value !== null && value !== '') series.points.push([time, Number(value)]);
    }
  }
  const series: Series[] = [...found.values()].filter(({ points }) => points.length > 0);
  const isRepeated = series.some(({ points }) => new Set(points.map(([time]) => time)).size < points.length);
  if (series.length === 0 || isRepeated || start === end) return undefined;
  const usual = (end - start) / Math.max(1, rows.length - 1);
  return timeSeriesChart(series, spl, { start, end, step: Number.isFinite(step) ? step : usual });
}
