import type { Json } from '../value.js';
import type { ChartKind } from './chart-options.js';
import { titleOf } from './chart-text.js';
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

/** What lies along an axis. */
export type AxisKind = 'time' | 'number' | 'name';

/** One point of a chart: milliseconds since 1970, a number, or a name along the axis. */
export interface Mark {
  readonly x: number | string;
  readonly y: number;
  readonly series: string;
}

export interface MarkAxes {
  readonly title: string;
  readonly axis: AxisKind;
  /** The column along the axis. */
  readonly x: string;
  /** The column of the values; empty where there are several. */
  readonly y: string;
}

/** More make a chart unreadable, and a notebook heavy. The table has all of them. */
const MOST_NAMES = 100;
const MOST_MARKS = 8_000;

const LEGEND_COLUMNS = 3;
/** The usual width of a character, in pixels. */
const CHARACTER = 6;

const MARKS: Readonly<Record<ChartKind, Json>> = {
  line: { type: 'line', point: true },
  area: { type: 'area', opacity: 0.7 },
  bar: { type: 'bar' },
  scatter: { type: 'point', filled: true },
};

/**
 * Bars, areas, points, and lines over something else than time, as stock JupyterLab draws them.
 * Source: https://vega.github.io/vega-lite/docs/ (version 5)
 */
export function markChart(kind: ChartKind, all: readonly Mark[], axes: MarkAxes): Chart {
  const finite = all.filter(({ y }) => Number.isFinite(y));
  if (finite.length === 0) return { displays: [], note: 'No value is finite: there is nothing to draw.' };
  const notes: string[] = [];
  const inSeries = ofLargest(finite, notes);
  const named = axes.axis === 'name' ? ofFirstNames(inSeries, notes) : inSeries;
  const marks = thinned(named, notes);
  const series = [...new Set(marks.map((mark) => mark.series))];
  return {
    displays: [
      {
        [VEGA_LITE]: specOf(kind, marks, series, axes),
        'text/plain': `<${kind} chart of ${marks.length.toLocaleString('en')} points>`,
      },
    ],
    note: notes.length > 0 ? `The chart shows ${notes.join(', and ')}.` : '',
  };
}

function ofLargest(marks: readonly Mark[], notes: string[]): readonly Mark[] {
  const largest = new Map<string, number>();
  for (const { series, y } of marks) largest.set(series, Math.max(largest.get(series) ?? y, y));
  if (largest.size <= MOST_SERIES) return marks;
  const kept = [...largest].sort(([, a], [, b]) => b - a).slice(0, MOST_SERIES);
  notes.push(`${MOST_SERIES} of ${largest.size.toLocaleString('en')} series, by highest value`);
  const names = new Set(kept.map(([name]) => name));
  return marks.filter(({ series }) => names.has(series));
}

function ofFirstNames(marks: readonly Mark[], notes: string[]): readonly Mark[] {
  const names = [...new Set(marks.map(({ x }) => x))];
  if (names.length <= MOST_NAMES) return marks;
  notes.push(`the first ${MOST_NAMES} of ${names.length.toLocaleString('en')} names along the axis`);
  const kept = new Set(names.slice(0, MOST_NAMES));
  return marks.filter(({ x }) => kept.has(x));
}

function thinned(marks: readonly Mark[], notes: string[]): readonly Mark[] {
  if (marks.length <= MOST_MARKS) return marks;
  const each = Math.ceil(marks.length / MOST_MARKS);
  notes.push(`one of ${each} points`);
  return marks.filter((_, at) => at % each === 0);
}

/** Level where all names have a place beside each other, in degrees. */
function angleFor(marks: readonly Mark[]): number {
  const names = new Set(marks.map(({ x }) => String(x)));
  const characters = Math.max(0, ...[...names].map((name) => name.length));
  return names.size * (characters + 2) * CHARACTER <= WIDTH ? 0 : -45;
}

function specOf(
  kind: ChartKind,
  marks: readonly Mark[],
  series: readonly string[],
  { title, axis, x, y }: MarkAxes,
): Json {
  const along = {
    time: {
      type: 'temporal',
      scale: { type: 'utc' },
      axis: { title: 'UTC', format: TIMES, labelOverlap: true },
    },
    number: { type: 'quantitative', scale: { zero: false }, axis: { title: x } },
    // As the table has them.
    name: { type: 'nominal', sort: null, axis: { title: x, labelLimit: 160, labelAngle: angleFor(marks) } },
  }[axis];
  const several =
    series.length > 1 ? coloured(series, '', LEGEND_COLUMNS, WIDTH / LEGEND_COLUMNS) : undefined;
  return {
    $schema: SCHEMA,
    title: { text: titleOf(title), anchor: 'start', fontWeight: 'normal', limit: WIDTH },
    width: WIDTH,
    height: HEIGHT,
    data: {
      values: marks.map((mark) => ({ x: mark.x, y: mark.y, ...(several && { series: mark.series }) })),
    },
    mark: MARKS[kind],
    ...(several && { params: CHOOSING }),
    encoding: {
      x: { field: 'x', ...along },
      y: {
        field: 'y',
        type: 'quantitative',
        axis: { title: y === '' ? null : y },
        // An area and a bar are read by their size, which begins at zero.
        scale: { zero: kind === 'bar' || kind === 'area' },
      },
      ...several,
      tooltip: [
        axis === 'time'
          ? timeTooltip('x', x)
          : { field: 'x', type: axis === 'number' ? 'quantitative' : 'nominal', title: x },
        ...(several ? [{ field: 'series', type: 'nominal' }] : []),
        { field: 'y', type: 'quantitative', format: ',.6~g', title: y === '' ? 'value' : y },
      ],
    },
  };
}
