import type { Json } from '../core/processor.js';
import { namesOf, titleOf, wrapped } from './chart-text.js';
import { type Line, lineOf, type Point } from './line.js';

export type Labels = Readonly<Record<string, string>>;

/** One line of a chart. */
export interface Series {
  /** What it measures: `http_requests_total`; may be empty. */
  readonly metric: string;
  readonly labels: Labels;
  readonly points: readonly Point[];
}

/** What was asked for, in milliseconds: the times since 1970. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export interface Chart {
  /** MIME bundle; absent when there is nothing to draw. */
  readonly bundle?: Readonly<Record<string, Json>>;
  /** What the chart doesn't show, in a sentence; may be empty. */
  readonly note: string;
}

/** More lines or points make a chart unreadable and a notebook heavy; the table has them all. As many colours there are. */
const MOST_SERIES = 20;
/** As many as so many series have at `--step auto`, and some. */
const MOST_POINTS = 8_000;
/** In pixels: beside the prompt of a notebook on half a screen. */
const WIDTH = 720;
const LEGEND_CHARACTER = 6;
const LEGEND_SYMBOL = 24;
const MOST_COLUMNS = 6;
/** From here on values are written with SI prefixes: 240M. */
const LARGE = 10_000;
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
 * @param query the chart's title
 */
export function timeSeriesChart(series: readonly Series[], query: string, span: Span): Chart {
  const ranks = highestFirst(series);
  if (ranks.length === 0)
    return { note: series.length > 0 ? 'No value is finite: there is nothing to draw.' : '' };
  const shown = series.length > MOST_SERIES ? ranks.slice(0, MOST_SERIES) : [...series.keys()];
  const most = Math.floor(MOST_POINTS / shown.length);
  const lines = shown.map((at) => lineOf(series[at]?.points ?? [], span.step, most));
  const { common, legend, names } = namesOf(series, shown);
  return {
    bundle: {
      'application/vnd.vegalite.v5+json': specOf(lines, names, legend, titlesOf(query, common), span),
      'text/plain': `<chart of ${series.length} series>`,
    },
    note: noteOf(series, shown, lines),
  };
}

/** Indexes of the series that have anything to draw, by their highest value. */
function highestFirst(series: readonly Series[]): number[] {
  const highest = series.map(({ points }) =>
    points.reduce((most, [, value]) => (Number.isFinite(value) && value > most ? value : most), -Infinity),
  );
  const of = (at: number) => highest[at] ?? -Infinity;
  return [...series.keys()].filter((at) => of(at) > -Infinity).sort((a, b) => of(b) - of(a));
}

function titlesOf(query: string, common: string): { text: string[]; subtitle?: string[] } {
  const text = titleOf(query);
  return common === '' || common === text.join(' ') ? { text } : { text, subtitle: wrapped(common) };
}

function noteOf(series: readonly Series[], shown: readonly number[], lines: readonly Line[]): string {
  const parts = [
    ...(series.length > shown.length
      ? [`${shown.length} of ${series.length.toLocaleString('en')} series, by highest value`]
      : []),
    ...(lines.some(({ isThinned }) => isThinned)
      ? ['of points close to each other the lowest and the highest']
      : []),
  ];
  const hasGaps = shown.some((at) => series[at]?.points.some(([, value]) => !Number.isFinite(value)));
  return [
    ...(parts.length > 0 ? [`The chart shows ${parts.join(', and ')}.`] : []),
    ...(hasGaps ? ['In the chart NaN and infinite values are gaps.'] : []),
  ].join(' ');
}

function specOf(
  lines: readonly Line[],
  names: readonly string[],
  legend: string,
  titles: { readonly text: string[]; readonly subtitle?: string[] },
  span: Span,
): Json {
  const values = lines.flatMap(({ points }, at) =>
    points.map(([time, value]) => ({ time, value, series: names[at] ?? '' })),
  );
  const alone = lines.flatMap((line, at) =>
    line.alone.map(([time, value]) => ({ time, value, series: names[at] ?? '' })),
  );
  const isLarge = values.some(({ value }) => Math.abs(value ?? 0) >= LARGE);
  const times = values.map(({ time }) => time);
  const from = times.reduce((least, time) => Math.min(least, time), span.start);
  const until = times.reduce((last, time) => Math.max(last, time), span.end);
  const value = { field: 'value', type: 'quantitative' };
  const kind = { field: 'series', type: 'nominal' };
  const data = { data: { values } };
  // A line has one tooltip, that of its first point: each point gets its own.
  const line = { mark: { type: 'line', point: 'transparent' } };
  const dots = { data: { values: alone }, mark: { type: 'point', filled: true, opacity: 1, size: 18 } };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v5.json',
    title: { ...titles, anchor: 'start', fontWeight: 'normal', subtitleFontSize: 11, limit: WIDTH },
    width: WIDTH,
    height: 260,
    ...(alone.length > 0 ? { layer: [{ ...data, ...line }, dots] } : { ...data, ...line }),
    encoding: {
      x: {
        field: 'time',
        type: 'temporal',
        scale: { type: 'utc', domain: [from, until], nice: false },
        axis: { title: 'UTC', format: TIMES, tickCount: 8, labelOverlap: true },
      },
      y: { ...value, scale: { zero: false }, axis: { title: null, ...(isLarge && { format: '~s' }) } },
      ...(names.length > 1 && {
        color: {
          ...kind,
          sort: null,
          title: legend === '' ? null : legend,
          scale: { domain: [...names], scheme: names.length > 10 ? 'tableau20' : 'tableau10' },
          legend: { orient: 'bottom', columns: columnsFor(names), labelLimit: WIDTH - LEGEND_SYMBOL },
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
        ...(names.length > 1 ? [{ ...kind, title: legend === '' ? 'series' : legend }] : []),
        { ...value, format: ',.6~g', title: 'value' },
      ],
    },
  };
}

function columnsFor(names: readonly string[]): number {
  const longest = Math.max(...names.map((name) => name.length));
  const width = longest * LEGEND_CHARACTER + LEGEND_SYMBOL;
  return Math.min(MOST_COLUMNS, Math.max(1, Math.floor(WIDTH / width)));
}
