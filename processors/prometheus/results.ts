import { NO_CHART } from '../core/chart/frame.js';
import { usualStep } from '../core/chart/line.js';
import { type Labels, type Series, type Span, timeSeriesChart } from '../core/chart/time-series.js';
import type { Column, Page } from '../core/pages.js';
import { lists } from './lists.js';
import {
  type Histogram,
  isHistogram,
  microseconds,
  number,
  type Sample,
  type Sampled,
  tableOfSamples,
} from './samples.js';

/** A series of a range, or of an instant. */
interface Item {
  readonly metric: Labels;
  readonly value?: Sample;
  readonly histogram?: readonly [number, Histogram];
  readonly values?: readonly Sample[];
  readonly histograms?: readonly (readonly [number, Histogram])[];
}

/** A query, and the time that it asked for. */
export interface Asked {
  readonly promql: string;
  /** Of an instant query that selects a range the step is not known. */
  readonly span?: { readonly start: number; readonly end: number; readonly step?: number } | undefined;
}

/** @returns true for an answer to a query, or to a selector of a list, that no series matches */
export function isEmpty(data: unknown, promql: string): boolean {
  if (Array.isArray(data)) return data.length === 0 && promql !== '';
  const { resultType, result } = Object(data) as { resultType?: unknown; result?: unknown };
  return (resultType === 'matrix' || resultType === 'vector') && Array.isArray(result) && result.length === 0;
}

/**
 * Any of Prometheus' results as a table.
 * @param notes sentences to show below
 */
export function* tableOf(data: unknown, asked: Asked, notes: readonly string[]): Generator<Page> {
  const { resultType, result } = Object(data) as { resultType?: unknown; result?: unknown };
  if (resultType === 'scalar' || resultType === 'string') {
    yield* single(result as readonly [number, string], resultType);
    yield { kind: 'end', note: joined(notes) };
  } else if (resultType === 'matrix' || resultType === 'vector')
    yield* series((result as readonly Item[]).map(sampled), asked, resultType === 'matrix', notes);
  else {
    yield* lists(data);
    yield { kind: 'end', note: joined(notes) };
  }
}

function* series(
  result: readonly Sampled[],
  asked: Asked,
  isRange: boolean,
  notes: readonly string[],
): Generator<Page> {
  yield* tableOfSamples(result);
  const lines = result.map(lineOfFloats);
  const chart = isRange
    ? timeSeriesChart(
        lines.filter(({ points }) => points.length > 0),
        asked.promql,
        spanOf(asked, lines),
      )
    : NO_CHART;
  const all = [...notes, chart.note, aboutHistograms(result, chart.displays.length > 0)];
  yield { kind: 'end', note: joined(all), displays: chart.displays };
}

function joined(notes: readonly string[]): string {
  return notes.filter((note) => note !== '').join(' ');
}

function sampled({ metric, value, histogram, values = [], histograms = [] }: Item): Sampled {
  const samples: Sample[] = [
    ...values,
    ...histograms,
    ...(value ? [value] : []),
    ...(histogram ? [histogram] : []),
  ];
  // A series may change from floats to histograms, and back.
  if (values.length > 0 && histograms.length > 0) samples.sort(([a], [b]) => a - b);
  return { metric, samples };
}

function lineOfFloats({ metric: { __name__: metric = '', ...labels }, samples }: Sampled): Series {
  const points = samples.flatMap(([seconds, value]) =>
    isHistogram(value) ? [] : [[seconds * 1000, Number(value)] as const],
  );
  return { metric, labels, points };
}

function spanOf({ span }: Asked, lines: readonly Series[]): Span {
  const step = span?.step ?? usualStep(lines.map(({ points }) => points));
  const times = lines
    .flatMap(({ points }) => [points[0]?.[0], points.at(-1)?.[0]])
    .filter((time) => time !== undefined);
  return {
    start: span?.start ?? times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    end: span?.end ?? times.reduce((a, b) => Math.max(a, b), 0),
    step,
  };
}

function aboutHistograms(result: readonly Sampled[], hasChart: boolean): string {
  if (!result.some(({ samples }) => samples.some(([, value]) => isHistogram(value)))) return '';
  return (
    'Native histograms have a count, a sum and buckets ([from, to, count]) instead of a value. ' +
    'Use histogram_quantile(0.9, …) to get values.' +
    (hasChart ? ' The chart leaves them out.' : '')
  );
}

function* single(sample: readonly [number, string], type: 'scalar' | 'string'): Generator<Page> {
  const value: Column = { name: 'value', type: type === 'scalar' ? 'float' : 'text' };
  yield { kind: 'columns', columns: [{ name: 'time', type: 'time' }, value] };
  const [seconds, text] = sample;
  yield { kind: 'rows', rows: [[microseconds(seconds)], [type === 'scalar' ? number(text) : text]] };
}
