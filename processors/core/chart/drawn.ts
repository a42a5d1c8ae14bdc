import type { Page } from '../pages.js';
import { type Cell, CellError } from '../processor.js';
import type { Value } from '../value.js';
import { annotationsOf } from './annotations.js';
import { type ChartAsked, readChart } from './chart-options.js';
import { type Bundle, VEGA_LITE } from './frame.js';
import { isOverTime, withMarks } from './marks.js';
import { TableChart } from './table-chart.js';

/** What a cell wants to be drawn, and marked in what is drawn. */
export interface Drawing {
  readonly chart: ChartAsked | undefined;
  readonly threshold: number | undefined;
  /** The kernel's variable with times to mark. */
  readonly annotate: string | undefined;
  readonly title: string;
}

/**
 * @returns undefined for a cell that asks for nothing of it
 * @throws {CellError} naming the option
 */
export function readDrawing({ options, body }: Cell): Drawing | undefined {
  const chart = readChart(options);
  const { threshold, annotate } = options;
  if (annotate !== undefined && !/^[A-Za-z_]\w*$/.test(String(annotate)))
    throw new CellError('--annotate takes the name of a variable, e.g. --annotate deploys.');
  if (chart === undefined && threshold === undefined && annotate === undefined) return undefined;
  return {
    chart,
    threshold: typeof threshold === 'number' ? threshold : undefined,
    annotate: annotate === undefined ? undefined : String(annotate),
    title: body.trim(),
  };
}

/**
 * A result with its chart. The service's own chart, if it has one, makes room for the one that is asked for.
 *
 * @param values of the kernel's variables
 */
export async function* drawn(
  pages: AsyncIterable<Page>,
  { chart, threshold, annotate, title }: Drawing,
  values: ReadonlyMap<string, Value>,
): AsyncGenerator<Page> {
  const made = chart && new TableChart(chart, title);
  const times = annotate === undefined ? undefined : annotationsOf(annotate, values.get(annotate));
  for await (const page of pages) {
    made?.take(page);
    if (page.kind !== 'end') {
      yield page;
      continue;
    }
    const own = (page.displays ?? []).filter((each) => made === undefined || !isChart(each));
    const { displays, note } = made?.end() ?? { displays: [], note: '' };
    const notes = [page.note ?? '', note, times?.note ?? ''];
    const all = [...displays, ...own];
    const charts = all.filter(isChart);
    if (charts.length === 0 && made === undefined) notes.push('There is no chart to mark: add --chart.');
    if (charts.length > 0 && times !== undefined && !charts.some(isOverTime))
      notes.push('The chart is not over time: --annotate marks nothing.');
    const marked = (each: Bundle) =>
      withMarks(each, { threshold, annotations: isOverTime(each) ? (times?.all ?? []) : [] });
    yield {
      ...page,
      displays: all.map((each) => (isChart(each) ? marked(each) : each)),
      note: notes.filter((text) => text !== '').join(' '),
    };
  }
}

function isChart(bundle: Bundle): boolean {
  return VEGA_LITE in bundle;
}
