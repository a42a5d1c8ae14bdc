import { CHART_TYPE, type Chart, drawCharts } from './charts.js';
import { printExact } from './exact-json.js';
import type { Notebook, Output } from './notebook.js';

type Bundle = Readonly<Record<string, unknown>>;

/** What nbconvert writes as a script, in the place of a text that can be read. */
const SCRIPTED = /^application\/(?:javascript|vnd\.jupyter\.widget-view\+json)$/;
/** What nbconvert shows of a bundle before it looks for anything else. */
const SHOWN = /^(?:text\/html|text\/markdown|text\/latex|image\/.*)$/;

/**
 * The notebook for a page that runs no script: charts as pictures, JSON as text, and for widgets their text. The
 * notebook itself stays as it is.
 *
 * @param limit milliseconds that the charts may take
 */
export async function stillOf(notebook: Notebook, limit: number): Promise<Notebook> {
  const charts: Chart[] = [];
  const map = (change: (data: Bundle) => Bundle): Notebook => ({
    ...notebook,
    cells: notebook.cells.map((cell) => ({
      ...cell,
      ...(cell.outputs && { outputs: cell.outputs.map((output) => withData(output, change)) }),
    })),
  });
  map((data) => {
    const chart = chartIn(data);
    if (chart !== undefined) charts.push(chart);
    return data;
  });
  const drawn = (await drawCharts(charts, limit)).values();
  return map((data) => {
    const svg = chartIn(data) && drawn.next().value;
    return svg === undefined ? readable(data) : { 'text/html': pictureOf(svg) };
  });
}

function withData(output: Output, change: (data: Bundle) => Bundle): Output {
  const { data } = output;
  return typeof data === 'object' && data !== null ? { ...output, data: change(data as Bundle) } : output;
}

function chartIn(data: Bundle): Chart | undefined {
  const type = Object.keys(data).find((each) => CHART_TYPE.test(each));
  return type === undefined ? undefined : { type, spec: data[type] };
}

/** As a picture an SVG can neither run nor load anything, no matter who wrote it. */
function pictureOf(svg: string): string {
  return `<img alt="chart" style="max-width:100%" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}">`;
}

function readable(data: Bundle): Bundle {
  const kept = Object.fromEntries(Object.entries(data).filter(([type]) => !SCRIPTED.test(type)));
  const json = kept['application/json'];
  if (json === undefined || Object.keys(kept).some((type) => SHOWN.test(type))) return kept;
  return { ...kept, 'text/plain': printExact(json, 2) };
}
