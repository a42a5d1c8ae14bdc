import type { Labels, Series } from './time-series.js';

/** As Prometheus writes a series without labels. */
const NO_NAME = '{}';
/** Characters of a title that stand beside each other above a chart, and lines of it. */
const LINE = 95;
const MOST_LINES = 3;

export interface Names {
  /** What all series have in common, as Prometheus writes a series; may be empty. */
  readonly common: string;
  /** The one label that tells them apart, where it is one. */
  readonly legend: string;
  /** What tells each of those that are shown from the others. */
  readonly names: readonly string[];
}

/** @param shown indexes of series: of tens of thousands few are drawn */
export function namesOf(series: readonly Series[], shown: readonly number[]): Names {
  const metrics = new Set(series.map(({ metric }) => metric));
  const found = new Set<string>();
  for (const each of series) for (const label in each.labels) found.add(label);
  const labels = [...found].sort();
  const first = series[0]?.labels ?? {};
  const common = labels.filter((label) => series.every((each) => each.labels[label] === first[label]));
  const differing = labels.filter((label) => !common.includes(label));
  const metric = metrics.size === 1 ? (series[0]?.metric ?? '') : '';
  const [only = ''] = differing;
  const isOne = metrics.size === 1 && differing.length === 1 && series.every(({ labels }) => only in labels);
  const names = shown.map((at) => {
    const { metric: own = '', labels: all = {} } = series[at] ?? {};
    if (isOne) return all[only] ?? '';
    return written(metrics.size === 1 ? '' : own, pick(all, differing)) || NO_NAME;
  });
  return { common: written(metric, pick(first, common)), legend: isOne ? only : '', names };
}

/** A query as a title: without comments, and cut where it would be longer than its chart is wide. */
export function titleOf(query: string): string[] {
  const lines = query.split('\n').filter((line) => !line.trimStart().startsWith('#'));
  return wrapped(lines.join(' ').trim().split(/\s+/).join(' '));
}

export function wrapped(text: string): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > LINE && lines.length + 1 < MOST_LINES) {
    const blank = rest.lastIndexOf(' ', LINE);
    const end = blank > LINE / 2 ? blank : LINE;
    lines.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  if (rest === '') return lines;
  return [...lines, rest.length > LINE ? `${rest.slice(0, LINE)} …` : rest];
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
