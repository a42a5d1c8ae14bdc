import type { Labels } from '../core/chart/time-series.js';
import type { Column, Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { columnOfLabel, HISTOGRAM_COLUMNS, labelsOf } from './columns.js';

/**
 * A native histogram; a bucket's rule says which of its bounds belong to it.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/#native-histograms
 */
export interface Histogram {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [rule: number, from: string, to: string, count: string])[];
}

export type Sample = readonly [seconds: number, value: string | Histogram];

export interface Sampled {
  readonly metric: Labels;
  readonly samples: readonly Sample[];
}

/** Rows of one page: some hundred kilobytes. */
const PAGE_ROWS = 5_000;

/** A tidy table: one row a sample, a column a label. Its pages are full, however short the series are. */
export function* tableOfSamples(result: readonly Sampled[]): Generator<Page> {
  const labels = labelsOf(result.map(({ metric }) => metric));
  const hasHistograms = result.some(({ samples }) => samples.some(([, value]) => isHistogram(value)));
  const columns: Column[] = [
    { name: 'time', type: 'time' },
    ...labels.map(columnOfLabel),
    { name: 'value', type: 'float' },
    ...(hasHistograms ? HISTOGRAM_COLUMNS : []),
  ];
  yield { kind: 'columns', columns };
  let rows: Json[][] = columns.map(() => []);
  let count = 0;
  for (const { metric, samples } of result) {
    const texts = labels.map((label) => metric[label] ?? null);
    for (const [seconds, value] of samples) {
      const row = [
        microseconds(seconds),
        ...texts,
        isHistogram(value) ? null : number(value),
        ...(hasHistograms ? histogramCells(value) : []),
      ];
      for (let at = 0; at < row.length; at++) rows[at]?.push(row[at] ?? null);
      count += 1;
      if (count === PAGE_ROWS) {
        yield { kind: 'rows', rows };
        rows = columns.map(() => []);
        count = 0;
      }
    }
  }
  if (count > 0) yield { kind: 'rows', rows };
}

export function isHistogram(value: string | Histogram): value is Histogram {
  return typeof value === 'object';
}

export function microseconds(seconds: number): number {
  return Math.round(seconds * 1_000_000);
}

/** JSON has neither NaN nor infinities: they stay the texts that Prometheus writes. */
export function number(value: string): Json {
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : value;
}

function histogramCells(value: string | Histogram): Json[] {
  if (!isHistogram(value)) return [null, null, null];
  const { count, sum, buckets = [] } = value;
  return [number(count), number(sum), buckets.map(([, from, to, each]) => [from, to, each].map(number))];
}
