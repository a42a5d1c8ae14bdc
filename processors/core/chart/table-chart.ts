import type { Column, Page } from '../pages.js';
import { shortened } from '../refusal.js';
import type { Json } from '../value.js';
import type { ChartAsked } from './chart-options.js';
import type { Chart } from './frame.js';
import { type AxisKind, type Mark, markChart } from './mark-chart.js';
import { type Series, timeSeriesChart } from './time-series.js';

/** Rows that are looked at. A chart can't show more, and memory is bounded. */
const MOST_ROWS = 200_000;
const LONGEST_NAME = 60;

const NUMBERS: ReadonlySet<string> = new Set(['number', 'float', 'integer', 'decimal']);
const TIMES: ReadonlySet<string> = new Set(['time', 'datetime', 'date']);

/** Which of a table's columns are drawn. */
interface Drawn {
  readonly x: number;
  readonly axis: AxisKind;
  readonly y: readonly number[];
  readonly by: number | undefined;
}

/** Collects from a result's pages what its chart shows. Of several tables it is the last one. */
export class TableChart {
  readonly #asked: ChartAsked;
  readonly #title: string;
  #columns: readonly Column[] = [];
  #drawn: Drawn | string = 'The result is no table: there is nothing to draw.';
  #marks: Mark[] = [];
  #rows = 0;
  #left = 0;

  /** @param title what was asked */
  constructor(asked: ChartAsked, title: string) {
    this.#asked = asked;
    this.#title = title;
  }

  take(page: Page): void {
    if (page.kind === 'columns') {
      this.#columns = page.columns;
      this.#drawn = drawnOf(this.#asked, page.columns);
      this.#marks = [];
      this.#rows = 0;
      this.#left = 0;
    } else if (page.kind === 'rows' && typeof this.#drawn !== 'string') this.#add(page.rows, this.#drawn);
  }

  /** What can't be drawn is said: the table is there in any case. */
  end(): Chart {
    if (typeof this.#drawn === 'string') return { displays: [], note: this.#drawn };
    const { kind } = this.#asked;
    const { x, axis, y } = this.#drawn;
    const xName = this.#columns[x]?.name ?? '';
    const yName = y.length === 1 ? (this.#columns[y[0] ?? 0]?.name ?? '') : '';
    const chart =
      axis === 'time' && kind === 'line'
        ? this.#lines(yName)
        : markChart(kind, this.#marks, { title: this.#title, axis, x: xName, y: yName });
    const cut =
      this.#left > 0
        ? `The chart is of the first ${MOST_ROWS.toLocaleString('en')} of ${this.#rows.toLocaleString('en')} rows.`
        : '';
    return { ...chart, note: [chart.note, cut].filter((text) => text !== '').join(' ') };
  }

  #add(rows: readonly (readonly Json[])[], { x, axis, y, by }: Drawn): void {
    const count = rows[0]?.length ?? 0;
    this.#rows += count;
    for (let at = 0; at < count; at++) {
      if (this.#rows - count + at >= MOST_ROWS) {
        this.#left += 1;
        continue;
      }
      const along = alongOf(rows[x]?.[at] ?? null, axis, this.#columns[x]);
      if (along === undefined) continue;
      const group = by === undefined ? '' : nameOf(rows[by]?.[at] ?? null);
      for (const column of y) {
        const value = rows[column]?.[at] ?? null;
        if (value === null) continue;
        const name = this.#columns[column]?.name ?? '';
        const series = y.length === 1 ? group : group === '' ? name : `${group}, ${name}`;
        this.#marks.push({ x: along, y: Number(value), series });
      }
    }
  }

  /** Rows of a table may be as far apart as they like: a line has a break only where a value isn't a number. */
  #lines(metric: string): Chart {
    const found = new Map<string, [number, number][]>();
    for (const { x, y, series } of this.#marks) {
      const points = found.get(series) ?? [];
      found.set(series, points);
      points.push([Number(x), y]);
    }
    const series = [...found].map(
      ([name, points]): Series => ({
        metric,
        labels: name === '' ? {} : { series: name },
        points: points.sort(([a], [b]) => a - b),
      }),
    );
    const times = series.flatMap(({ points }) => [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0]);
    const start = times.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const end = times.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    if (series.length === 0)
      return { displays: [], note: 'No row has a time and a number: there is nothing to draw.' };
    return timeSeriesChart(series, this.#title, { start, end, step: Number.POSITIVE_INFINITY });
  }
}

/** @returns the columns, or why there is no chart */
function drawnOf({ x, y, by }: ChartAsked, columns: readonly Column[]): Drawn | string {
  const at = (name: string) => columns.findIndex((column) => column.name === name);
  const unknown = [x, ...y, by].find((name) => name !== undefined && at(name) < 0);
  if (unknown !== undefined) {
    const names = columns.map(({ name }) => name).join(', ');
    return `No chart: the table has no column ${shortened(unknown, LONGEST_NAME)}. Its columns: ${shortened(names, 300)}.`;
  }
  const typeAt = (index: number) => columns[index]?.type ?? 'json';
  const time = columns.findIndex(({ type }) => TIMES.has(type));
  const along = x === undefined ? Math.max(0, time) : at(x);
  const group = by === undefined ? undefined : at(by);
  const numbers = columns.flatMap(({ type }, index) =>
    NUMBERS.has(type) && index !== along && index !== group ? [index] : [],
  );
  const values = y.length > 0 ? y.map(at) : numbers;
  const text = values.find((index) => !NUMBERS.has(typeAt(index)));
  if (text !== undefined)
    return `No chart: the column ${shortened(columns[text]?.name ?? '', LONGEST_NAME)} contains no numbers. Name others with --y.`;
  if (values.length === 0) return 'No chart: the table has no column with numbers beside its axis.';
  const axis = TIMES.has(typeAt(along)) ? 'time' : NUMBERS.has(typeAt(along)) ? 'number' : 'name';
  return { x: along, axis, y: values, by: group };
}

/** @returns undefined where there is no place for it on the axis */
function alongOf(value: Json, axis: AxisKind, column: Column | undefined): number | string | undefined {
  if (axis === 'name') return nameOf(value);
  if (value === null) return undefined;
  const number = axis === 'number' ? Number(value) : timeOf(value, column);
  return Number.isFinite(number) ? number : undefined;
}

/** @returns milliseconds since 1970 */
function timeOf(value: Json, column: Column | undefined): number {
  if (column?.type === 'date') return Date.parse(String(value));
  return Number(value) / 1000;
}

function nameOf(value: Json): string {
  if (value === null) return '(none)';
  return shortened(typeof value === 'string' ? value : JSON.stringify(value), LONGEST_NAME);
}
