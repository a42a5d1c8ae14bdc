import type { Json } from '../processor.js';
import { namesOf, titleOf, wrapped } from './chart-text.js';
import {
  CHOOSING,
  type Chart,
  coloured,
  HEIGHT,
  MOST_SERIES,
  SCHEMA,
  TIMES,
  timeTooltip,
  VEGA_LITE,
  WIDTH,
} from './frame.js';
import { legendTable } from './legend-table.js';
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

/** As many as so many series have at `--step auto`, and some. More make a chart unreadable and a notebook heavy. */
const MOST_POINTS = 8_000;
const LEGEND_CHARACTER = 6;
const LEGEND_SYMBOL = 24;
const MOST_COLUMNS = 6;
/** From here on values are written with SI prefixes: 240M. */
const LARGE = 10_000;

/**
 * A time-series chart as stock JupyterLab draws it, and the values of its lines in numbers.
 * Source: https://vega.github.io/vega-lite/docs/ (version 5)
 *
 * @param query the chart's title
 * @param unit of the values, where the service knows it
 */
export function timeSeriesChart(series: readonly Series[], query: string, span: Span, unit = ''): Chart {
  const ranks = highestFirst(series);
  if (ranks.length === 0)
    return { displays: [], note: series.length > 0 ? 'No value is finite: there is nothing to draw.' : '' };
  const shown = series.length > MOST_SERIES ? ranks.slice(0, MOST_SERIES) : [...series.keys()];
  const most = Math.floor(MOST_POINTS / shown.length);
  const pointsAt = (at: number) => series[at]?.points ?? [];
  const lines = shown.map((at) => lineOf(pointsAt(at), span.step, most));
  const { common, legend, names } = namesOf(series, shown);
  // One line has no name of its own, as nothing tells it from others.
  const nameAt = (index: number) => (shown.length === 1 ? common || 'value' : (names[index] ?? ''));
  const numbers = shown.map((at, index) => ({ name: nameAt(index), points: pointsAt(at) }));
  return {
    displays: [
      {
        [VEGA_LITE]: specOf(lines, { names, legend, ...titlesOf(query, common), unit }, span),
        'text/plain': `<chart of ${series.length} series>`,
      },
      legendTable(numbers, legend),
    ],
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

function titlesOf(query: string, common: string): Pick<Texts, 'title' | 'subtitle'> {
  const title = titleOf(query);
  return common === '' || common === title.join(' ') ? { title } : { title, subtitle: wrapped(common) };
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

interface Texts {
  readonly title: string[];
  readonly subtitle?: string[];
  readonly names: readonly string[];
  /** The title of the names. */
  readonly legend: string;
  readonly unit: string;
}

function specOf(lines: readonly Line[], texts: Texts, span: Span): Json {
  const { names, legend, title, subtitle, unit } = texts;
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
  const several =
    names.length > 1 ? coloured(names, legend, columnsFor(names), WIDTH - LEGEND_SYMBOL) : undefined;
  const opacity = several && { encoding: { opacity: several.opacity } };
  return {
    $schema: SCHEMA,
    title: {
      text: title,
      ...(subtitle && { subtitle }),
      anchor: 'start',
      fontWeight: 'normal',
      subtitleFontSize: 11,
      limit: WIDTH,
    },
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    layer: [
      { ...(several && { params: CHOOSING }), mark: { type: 'line' }, ...opacity },
      // A line has one tooltip, that of its first point: each point gets its own.
      { mark: { type: 'point', opacity: 0, size: 60 } },
      ...(alone.length > 0
        ? [
            {
              data: { values: alone },
              mark: { type: 'point', filled: true, opacity: 1, size: 18 },
              ...opacity,
            },
          ]
        : []),
    ],
    encoding: {
      x: {
        field: 'time',
        type: 'temporal',
        scale: { type: 'utc', domain: [from, until], nice: false },
        axis: { title: 'UTC', format: TIMES, tickCount: 8, labelOverlap: true },
      },
      y: {
        ...value,
        scale: { zero: false },
        axis: { title: unit === '' ? null : unit, ...(isLarge && { format: '~s' }) },
      },
      ...(several && { color: several.color }),
      tooltip: [
        timeTooltip('time', 'time'),
        ...(several ? [{ field: 'series', type: 'nominal', title: legend === '' ? 'series' : legend }] : []),
        { ...value, format: ',.6~g', title: unit === '' ? 'value' : unit },
      ],
    },
  };
}

function columnsFor(names: readonly string[]): number {
  const longest = Math.max(...names.map((name) => name.length));
  const width = longest * LEGEND_CHARACTER + LEGEND_SYMBOL;
  return Math.min(MOST_COLUMNS, Math.max(1, Math.floor(WIDTH / width)));
}
