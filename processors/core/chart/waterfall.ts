import { titleOf } from './chart-text.js';
import { type Chart, SCHEMA, VEGA_LITE, WIDTH } from './frame.js';

/** A piece of work in a waterfall. */
export interface Bar {
  /** What has a colour: the service. */
  readonly group: string;
  readonly label: string;
  /** Milliseconds since the beginning of all. */
  readonly start: number;
  readonly end: number;
  /** How many others it is within. */
  readonly depth: number;
  readonly isError: boolean;
}

/** More bars make a chart unreadable and a notebook heavy; the table has them all. */
const MOST_BARS = 150;
const MOST_GROUPS = 20;
const LONGEST_LABEL = 80;
/** In pixels. */
const ROW = 18;
/** From this part of the width on a label is left of the end of its bar: else it would leave the chart. */
const RIGHT = 0.6;

/**
 * Bars below each other in the order in which they come, as stock JupyterLab draws them.
 * Source: https://vega.github.io/vega-lite/docs/bar.html#ranged-bars (version 5)
 */
export function waterfallChart(bars: readonly Bar[], title: string): Chart {
  const shown = longest(bars);
  const end = bars.reduce((last, bar) => Math.max(last, bar.end), 0);
  const groups = [...new Set(shown.map(({ group }) => group))];
  const named = new Set(groups.slice(0, MOST_GROUPS));
  const values = shown.map((bar, row) => ({
    row,
    service: named.has(bar.group) ? bar.group : '(others)',
    // A bar of no length is still seen.
    start: bar.start,
    end: Math.max(bar.end, bar.start + end / WIDTH),
    duration: bar.end - bar.start,
    name: short(bar.label),
    label: `${bar.isError ? '✗ ' : ''}${short(bar.label)}  ${written(bar.end - bar.start)}`,
    status: bar.isError ? 'error' : '',
    isRight: bar.start > end * RIGHT,
  }));
  const domain = groups.length > MOST_GROUPS ? [...named, '(others)'] : groups;
  const y = { field: 'row', type: 'ordinal', axis: null };
  const text = (isRight: boolean) => ({
    transform: [{ filter: `datum.isRight === ${isRight}` }],
    mark: {
      type: 'text',
      align: isRight ? 'right' : 'left',
      baseline: 'middle',
      dx: isRight ? -4 : 4,
      limit: WIDTH / 2,
    },
    encoding: { x: { field: isRight ? 'end' : 'start', type: 'quantitative' }, y, text: { field: 'label' } },
  });
  const number = { type: 'quantitative', format: ',.6~g' };
  return {
    displays: [
      {
        [VEGA_LITE]: {
          $schema: SCHEMA,
          title: { text: titleOf(title), anchor: 'start', fontWeight: 'normal', limit: WIDTH },
          width: WIDTH,
          height: Math.max(1, shown.length) * ROW,
          data: { values },
          layer: [
            {
              mark: { type: 'bar', opacity: 0.55, cornerRadius: 2 },
              encoding: {
                x: {
                  field: 'start',
                  type: 'quantitative',
                  axis: { title: 'ms' },
                  scale: { domain: [0, end || 1], nice: false },
                },
                x2: { field: 'end' },
                y,
                color: {
                  field: 'service',
                  type: 'nominal',
                  scale: { domain, scheme: domain.length > 10 ? 'tableau20' : 'tableau10' },
                  legend: { orient: 'bottom', columns: 4, title: null },
                },
                tooltip: [
                  { field: 'service', type: 'nominal' },
                  { field: 'name', type: 'nominal' },
                  { field: 'start', title: 'after ms', ...number },
                  { field: 'duration', title: 'ms', ...number },
                  { field: 'status', type: 'nominal' },
                ],
              },
            },
            text(false),
            text(true),
          ],
        },
        'text/plain': `<waterfall of ${bars.length} spans>`,
      },
    ],
    note:
      shown.length < bars.length
        ? `The chart shows the longest ${shown.length} of ${bars.length.toLocaleString('en')} spans.`
        : '',
  };
}

/** The longest ones, in their order. */
function longest(bars: readonly Bar[]): readonly Bar[] {
  if (bars.length <= MOST_BARS) return bars;
  const byLength = [...bars].sort((a, b) => b.end - b.start - (a.end - a.start));
  const kept = new Set(byLength.slice(0, MOST_BARS));
  return bars.filter((bar) => kept.has(bar));
}

function short(label: string): string {
  return label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL)}…` : label;
}

/** @param ms milliseconds */
function written(ms: number): string {
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(2)} s`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${(ms * 1_000).toFixed(0)} µs`;
}
