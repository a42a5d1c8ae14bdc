import t from 'tap';
import { drawCharts } from '../../gateway/oneshot/charts.js';
import { parseExact } from '../../gateway/oneshot/exact-json.js';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { stillOf } from '../../gateway/oneshot/still.js';
import { timeSeriesChart } from '../../processors/core/chart/time-series.js';

t.setTimeout(120_000);

const LIMIT = 60_000;
const LITE = 'application/vnd.vegalite.v5+json';
const series = { metric: 'up', labels: { job: 'api' }, points: [[0, 1] as const, [15_000, 0.5] as const] };
const span = { start: 0, end: 60_000, step: 15_000 };
const chart = timeSeriesChart([series], 'up', span).displays[0]?.[LITE] ?? null;
const bars = (data: object, more: object = {}) => ({
  type: LITE,
  spec: { data, mark: 'bar', encoding: { x: { field: 'a', type: 'nominal' } }, ...more },
});

t.test('charts become pictures, and one that cannot be drawn leaves the others', async (t) => {
  const drawn = await drawCharts(
    [
      { type: LITE, spec: chart },
      { type: LITE, spec: { mark: 'no such mark' } },
      { type: LITE, spec: 'none' },
      // What a notebook from elsewhere may hold.
      bars({ values: [{ a: parseExact('NaN') }] }),
      bars({ url: 'file:///etc/passwd', format: { type: 'csv' } }),
      bars({ values: [{ a: 'last' }] }),
      { type: 'application/vnd.vega.v6+json', spec: { width: 10, height: 10, marks: [{ type: 'rect' }] } },
    ],
    LIMIT,
  );
  t.match(drawn[0], /^<svg .*>UTC</s);
  t.match(drawn[0], />up\{job=/);
  t.equal(drawn[1], undefined);
  t.equal(drawn[2], undefined);
  t.equal(drawn[3], undefined);
  t.notMatch(drawn[4], 'root:');
  t.match(drawn[5], />last</);
  t.match(drawn[6], /^<svg /);
});

t.test('one that never ends, or wants all memory, ends in time', async (t) => {
  const endless = bars({ sequence: { start: 0, stop: 1e9, as: 'a' } });
  const drawn = await drawCharts([bars({ values: [{ a: 'first' }] }), endless], 10_000);
  t.match(drawn[0], />first</);
  t.equal(drawn[1], undefined);
});

t.test('a report gets pictures, and texts in the place of scripts', async (t) => {
  const outputs = [
    { [LITE]: chart, 'text/plain': '<chart of 1 series>' },
    { [LITE]: { mark: 1 }, 'text/plain': '<no chart>' },
    { 'application/vnd.vegalite.v6.json': chart, 'text/plain': '<VegaLite 6 object>' },
    { 'application/vnd.jupyter.widget-view+json': { model_id: 'x' }, 'text/plain': 'IntSlider()' },
    { 'application/javascript': 'alert(1)', 'text/plain': '<Javascript>' },
    { 'application/json': { a: 1.5 }, 'text/plain': '<JSON object>' },
    { 'application/json': { a: 1.5 }, 'text/html': '<b>x</b>' },
  ].map((data) => ({ output_type: 'display_data', metadata: {}, data }));
  const cells = [
    { cell_type: 'code', id: 'a', metadata: {}, source: '', outputs, execution_count: 1 },
    { cell_type: 'markdown', id: 'b', metadata: {}, source: 'text' },
  ];
  const file = JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells });
  const notebook = parseNotebook(file);
  const still = await stillOf(notebook, LIMIT);
  t.match(
    still.cells[0]?.outputs?.map(({ data }) => data),
    [
      {
        'text/html': /^<img alt="chart" style="max-width:100%" src="data:image\/svg\+xml;base64,[\w+/=]+">$/,
      },
      { 'text/plain': '<no chart>' },
      { 'text/html': /^<img alt="chart"/ },
      { 'text/plain': 'IntSlider()' },
      { 'text/plain': '<Javascript>' },
      { 'text/plain': '{\n  "a": 1.5\n}' },
      { 'text/html': '<b>x</b>' },
    ],
  );
  t.notMatch(JSON.stringify(still), /alert|widget-view/);
  t.same(notebook, parseNotebook(file), 'the notebook itself stays as it is');
});
