import type { Labels } from '../core/chart/time-series.js';
import type { Column } from '../core/pages.js';

/** The columns that aren't labels. */
const OWN = 'time|metric|value|histogram_count|histogram_sum|histogram_buckets';
/** A label of such a name gets the prefix `label_`; a label that has this prefix already gets one more. */
const TAKEN = new RegExp(`^(?:label_)*(?:${OWN})$`);

/** Of a sample that is a native histogram. */
export const HISTOGRAM_COLUMNS: readonly Column[] = [
  { name: 'histogram_count', type: 'float' },
  { name: 'histogram_sum', type: 'float' },
  { name: 'histogram_buckets', type: 'json' },
];

/** The labels of all series, the metric's name first. */
export function labelsOf(metrics: readonly Labels[]): string[] {
  const names = [...new Set(metrics.flatMap((metric) => Object.keys(metric)))];
  return names.sort((a, b) => Number(b === '__name__') - Number(a === '__name__') || a.localeCompare(b));
}

/** A column for each label: no two have one name, and a label's is the same in every result. */
export function columnOfLabel(label: string): Column {
  const name = label === '__name__' ? 'metric' : TAKEN.test(label) ? `label_${label}` : label;
  return { name, type: 'text' };
}
