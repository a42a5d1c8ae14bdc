import type { Json } from './processor.js';

/** One line of a chart. */
export interface Series {
  readonly name: string;
  /** Milliseconds since 1970, and a value; what isn't finite leaves a gap. */
  readonly points: readonly (readonly [time: number, value: number])[];
}

/** More lines or points make a chart unreadable and a notebook heavy; the table has them all. */
const MOST_SERIES = 30;
const MOST_POINTS = 6_000;

/**
 * A time-series chart as stock JupyterLab draws it.
 * Source: https://vega.github.io/vega-lite/docs/ (version 5)
 *
 * @returns MIME bundle and, where something is left out, a sentence about it
 */
export function timeSeriesChart(series: readonly Series[]): {
  readonly bundle: Readonly<Record<string, Json>>;
  readonly note: string;
} {
  const shown = series.slice(0, MOST_SERIES);
  const total = shown.reduce((sum, { points }) => sum + points.length, 0);
  const every = Math.max(1, Math.ceil(total / MOST_POINTS));
  const values = shown.flatMap(({ name, points }) =>
    points
      .filter((_, index) => index % every === 0)
      .map(([time, value]) => ({ time, value: Number.isFinite(value) ? value : null, series: name })),
  );
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    width: 720,
    height: 260,
    data: { values },
    mark: { type: 'line', tooltip: true, clip: true },
    encoding: {
      x: { field: 'time', type: 'temporal', title: null },
      y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
      ...(shown.length > 1 && {
        color: {
          field: 'series',
          type: 'nominal',
          title: null,
          legend: { orient: 'bottom', columns: 1, labelLimit: 700 },
        },
      }),
    },
  };
  const parts = [
    ...(series.length > MOST_SERIES ? [`the first ${MOST_SERIES} of ${series.length} series`] : []),
    ...(every > 1 ? [`every ${every}th point`] : []),
  ];
  return {
    bundle: { 'application/vnd.vegalite.v5+json': spec, 'text/plain': `<chart of ${series.length} series>` },
    note: parts.length > 0 ? `The chart shows ${parts.join(' and ')}.` : '',
  };
}
