import { CellError, type Option } from '../processor.js';

export const CHARTS = ['line', 'area', 'bar', 'scatter'] as const;
export type ChartKind = (typeof CHARTS)[number];

/** Options of every cell whose result is a table. */
export const CHART_OPTIONS: Readonly<Record<string, Option>> = {
  chart: { type: 'string', help: 'also draw the table', values: CHARTS },
  x: {
    type: 'string',
    help: 'of a chart: the column along its axis; default the first time, or the first column',
  },
  y: {
    type: 'string',
    help: 'of a chart: the columns with its values, separated by commas; default all numbers',
  },
  by: { type: 'string', help: 'of a chart: the column whose values are a line, or a colour, each' },
  threshold: { type: 'number', help: 'of a chart: a line at this value' },
  annotate: {
    type: 'string',
    help: 'of a chart over time: a DataFrame of the kernel with times and names to mark, e.g. of deploys',
  },
};

/** The chart that a cell asks for. Names of columns are checked once there are columns. */
export interface ChartAsked {
  readonly kind: ChartKind;
  readonly x: string | undefined;
  /** Empty: all numbers. */
  readonly y: readonly string[];
  readonly by: string | undefined;
}

/**
 * @returns undefined for a cell that asks for none
 * @throws {CellError} naming the option
 */
export function readChart(options: Readonly<Record<string, unknown>>): ChartAsked | undefined {
  const { chart, x, y, by } = options;
  if (chart === undefined) {
    const stray = ['x', 'y', 'by'].find((name) => options[name] !== undefined);
    if (stray === undefined) return undefined;
    throw new CellError(`--${stray} belongs to --chart: add --chart line, area, bar or scatter.`);
  }
  const kind = CHARTS.find((each) => each === chart);
  if (kind === undefined) throw new CellError(`--chart takes ${CHARTS.join(', ')}.`);
  return {
    kind,
    x: named('x', x),
    y:
      y === undefined
        ? []
        : String(y)
            .split(',')
            .map((name) => named('y', name.trim()) ?? ''),
    by: named('by', by),
  };
}

function named(option: string, name: unknown): string | undefined {
  if (name === undefined) return undefined;
  if (name !== '') return String(name);
  throw new CellError(`--${option} takes the name of a column.`);
}
