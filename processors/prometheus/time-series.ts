import type { Json } from '../processor.js';

export type Labels = Readonly<Record<string, string>>;

/** One line of a chart. */
export interface Series {
  /** What it measures: `http_requests_total`; may be empty. */
  readonly metric: string;
  readonly labels: Labels;
  /** Milliseconds since 1970, and a value; what isn't finite leaves a gap. */
  readonly points: readonly (readonly [time: number, value: number])[];
}

/** More lines or points make a chart unreadable and a notebook heavy; the table has them all. As many colours there are. */
const MOST_SERIES = 20;
const MOST_POINTS = 6_000;
/** In pixels: beside the prompt of a notebook on half a screen. */
const WIDTH = 720;
const LEGEND_CHARACTER = 6;
const LEGEND_SYMBOL = 24;
const MOST_COLUMNS = 6;
/** From here on values are written with SI prefixes: 240M. */
const LARGE = 10_000;
/** As Prometheus writes a series without labels. */
const NO_NAME = '{}';
/** Times are as in the table: UTC, 24 hours. Keys: https://vega.github.io/vega/docs/api/time/#timeUnitSpecifier */
const TIMES = {
  year: '%Y',
  quarter: '%b',
  month: '%b',
  week: '%b %d',
  date: '%b %d',
  day: '%b %d',
  hours: '%H:%M',
  minutes: '%H:%M',
  seconds: '%H:%M:%S',
  milliseconds: '%H:%M:%S.%L',
};

/**
 * A time-series chart as stock JupyterLab draws it.
 * Source: https://vega.github.io/vega-lite/docs/ (version 5)
 *
 * @param query the chart's title where the series have none in common
 * @returns MIME bundle and, where something is left out, a sentence about it
 */
export function timeSeriesChart(
  series: readonly Series[],
  query: string,
): {
  readonly bundle: Readonly<Record<string, Json>>;
  readonly note: string;
} {
  const { common, legend, names } = namesOf(series);
  const title = common || query.replace(/\s+/g, ' ').trim();
  const shown = series.slice(0, MOST_SERIES);
  const shownNames = names.slice(0, MOST_SERIES);
  const total = shown.reduce((sum, { points }) => sum + points.length, 0);
  const every = Math.max(1, Math.ceil(total / MOST_POINTS));
  const values = shown.flatMap(({ points }, at) =>
    points
      .filter((_, index) => index % every === 0)
      .map(([time, value]) => ({
        time,
        value: Number.isFinite(value) ? value : null,
        series: shownNames[at] ?? '',
      })),
  );
  const isLarge = values.some(({ value }) => Math.abs(value ?? 0) >= LARGE);
  // A single point makes no line.
  const isLonely = shown.some(({ points }) => points.length === 1);
  const time = { field: 'time', type: 'temporal', scale: { type: 'utc' } };
  const value = { field: 'value', type: 'quantitative' };
  const kind = { field: 'series', type: 'nominal' };
  const spec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    title: { text: title, anchor: 'start', fontWeight: 'normal', limit: WIDTH },
    width: WIDTH,
    height: 260,
    data: { values },
    // A line has one tooltip, that of its first point: each point gets its own.
    mark: { type: 'line', clip: true, point: isLonely ? { size: 12 } : 'transparent' },
    encoding: {
      x: { ...time, axis: { title: 'UTC', format: TIMES, tickCount: 8, labelOverlap: true } },
      y: { ...value, scale: { zero: false }, axis: { title: null, ...(isLarge && { format: '~s' }) } },
      ...(shown.length > 1 && {
        color: {
          ...kind,
          sort: null,
          title: legend === '' ? null : legend,
          scale: { scheme: shown.length > 10 ? 'tableau20' : 'tableau10' },
          legend: { orient: 'bottom', columns: columnsFor(shownNames), labelLimit: WIDTH - LEGEND_SYMBOL },
        },
      }),
      tooltip: [
        {
          field: 'time',
          type: 'temporal',
          timeUnit: 'utcyearmonthdatehoursminutesseconds',
          format: '%Y-%m-%d %H:%M:%SZ',
          title: 'time',
        },
        ...(shown.length > 1 ? [{ ...kind, title: legend === '' ? 'series' : legend }] : []),
        { ...value, format: ',.6~g', title: 'value' },
      ],
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

/** What all series have in common is the chart's title; what tells them apart, their names in its legend. */
function namesOf(series: readonly Series[]): { common: string; legend: string; names: readonly string[] } {
  const metrics = new Set(series.map(({ metric }) => metric));
  const labels = [...new Set(series.flatMap((each) => Object.keys(each.labels)))].sort();
  const isCommon = (label: string) => new Set(series.map((each) => each.labels[label])).size === 1;
  const differing = labels.filter((label) => !isCommon(label));
  const metric = metrics.size === 1 ? (series[0]?.metric ?? '') : '';
  const common = written(metric, pick(series[0]?.labels ?? {}, labels.filter(isCommon)));
  const [only = ''] = differing;
  const isOne = metrics.size === 1 && differing.length === 1 && series.every(({ labels }) => only in labels);
  const names = series.map((each) =>
    isOne
      ? (each.labels[only] ?? '')
      : written(metrics.size === 1 ? '' : each.metric, pick(each.labels, differing)) || NO_NAME,
  );
  return { common, legend: isOne ? only : '', names };
}

function pick(labels: Labels, names: readonly string[]): Labels {
  return Object.fromEntries(
    names.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]])),
  );
}

/** As Prometheus writes a series: `name{label="value"}`. */
function written(metric: string, labels: Labels): string {
  const inner = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return inner.length > 0 ? `${metric}{${inner.join(', ')}}` : metric;
}

function columnsFor(names: readonly string[]): number {
  const longest = Math.max(...names.map((name) => name.length));
  const width = longest * LEGEND_CHARACTER + LEGEND_SYMBOL;
  return Math.min(MOST_COLUMNS, Math.max(1, Math.floor(WIDTH / width)));
}
