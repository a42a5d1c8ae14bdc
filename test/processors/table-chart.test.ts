import t from 'tap';
import { annotationsOf } from '../../processors/core/chart/annotations.js';
import { type ChartAsked, readChart } from '../../processors/core/chart/chart-options.js';
import { type Chart, VEGA_LITE } from '../../processors/core/chart/frame.js';
import { isOverTime, withMarks } from '../../processors/core/chart/marks.js';
import { TableChart } from '../../processors/core/chart/table-chart.js';
import type { Column } from '../../processors/core/pages.js';
import type { Json } from '../../processors/core/value.js';

interface Spec {
  readonly data: { readonly values: readonly Record<string, Json>[] };
  readonly mark?: { readonly type: string };
  readonly params?: readonly object[];
  readonly layer?: readonly Record<string, Json>[];
  readonly encoding: Record<string, Record<string, Json>>;
}

const TIME: Column = { name: 'at', type: 'time' };
const HOST: Column = { name: 'host', type: 'text' };
const CPU: Column = { name: 'cpu', type: 'number' };
const COST: Column = { name: 'cost', type: 'decimal' };
const asked = (more: Partial<ChartAsked>): ChartAsked => ({
  kind: 'line',
  x: undefined,
  y: [],
  by: undefined,
  ...more,
});

function chartOf(
  more: Partial<ChartAsked>,
  columns: readonly Column[],
  ...pages: readonly (readonly Json[])[][]
): Chart {
  const chart = new TableChart(asked(more), 'the title');
  chart.take({ kind: 'columns', columns });
  for (const rows of pages) chart.take({ kind: 'rows', rows });
  return chart.end();
}

const specOf = ({ displays: [display] }: Chart) => display?.[VEGA_LITE] as unknown as Spec;

t.test('over the first time, every number is a line; pages are one table', async (t) => {
  const chart = chartOf(
    {},
    [HOST, TIME, CPU, COST],
    [
      ['a', 'a'],
      [2_000_000, 1_000_000],
      [2, 1],
      ['0.5', '0.25'],
    ],
    [['b'], [3_000_000], [null], ['0.75']],
  );
  t.same(
    specOf(chart).data.values.map(({ time, value, series }) => [series, time, value]),
    [
      ['cpu', 1_000, 1],
      ['cpu', 2_000, 2],
      ['cost', 1_000, 0.25],
      ['cost', 2_000, 0.5],
      ['cost', 3_000, 0.75],
    ],
  );
  t.match(
    chart.displays[1]?.['text/html'],
    /<td>cost<\/td><td>0.75<\/td><td>0.25<\/td><td>0.75<\/td><td>0.5<\/td>/,
  );
});

t.test('rows that are far from each other stay one line', async (t) => {
  const chart = chartOf(
    {},
    [TIME, CPU],
    [
      [0, 1_000_000, 900_000_000],
      [1, 2, 3],
    ],
  );
  t.equal(specOf(chart).data.values.length, 3, 'no gap between them');
});

t.test('bars by name, in the order of the table, a colour for each group', async (t) => {
  const columns = [HOST, { name: 'zone', type: 'text' } as const, CPU];
  const spec = specOf(
    chartOf({ kind: 'bar', by: 'zone' }, columns, [
      ['b', 'b', 'a'],
      ['x', 'y', 'x'],
      [1, 2, 3],
    ]),
  );
  t.equal(spec.mark?.type, 'bar');
  t.same(spec.data.values, [
    { x: 'b', y: 1, series: 'x' },
    { x: 'b', y: 2, series: 'y' },
    { x: 'a', y: 3, series: 'x' },
  ]);
  t.match(spec.encoding, { x: { type: 'nominal', sort: null }, y: { scale: { zero: true } } });
  t.match(spec.params, [{ bind: 'legend' }], 'a click in the legend isolates');
});

t.test('points over a number', async (t) => {
  const spec = specOf(
    chartOf(
      { kind: 'scatter', x: 'cpu', y: ['cost'] },
      [CPU, COST],
      [
        [1, 2],
        ['3', null],
      ],
    ),
  );
  t.same(spec.data.values, [{ x: 1, y: 3 }]);
  t.equal(spec.encoding.x?.type, 'quantitative');
});

t.test('what can’t be drawn is said, and the table is there in any case', async (t) => {
  const table = [['a'], [1]];
  t.match(chartOf({ x: 'nope' }, [HOST, CPU], table), {
    displays: [],
    note: 'No chart: the table has no column nope. Its columns: host, cpu.',
  });
  t.match(chartOf({ y: ['host'] }, [HOST, CPU], table).note, 'the column host contains no numbers');
  t.match(chartOf({}, [HOST], [['a']]).note, 'no column with numbers');
  t.match(chartOf({}, [TIME, CPU], [[null], [1]]).note, 'No row has a time');
  t.match(new TableChart(asked({}), '').end().note, 'The result is no table');
});

t.test('a chart is bounded, and says what it leaves out', async (t) => {
  const names = Array.from({ length: 30 }, (_, at) => `host ${at}`);
  const groups = chartOf(
    { kind: 'bar', x: 'cost', by: 'host' },
    [HOST, CPU, COST],
    [names, names.map((_, at) => at), names.map(() => '1')],
  );
  t.match(groups.note, '20 of 30 series, by highest value');
  t.notOk(specOf(groups).data.values.some(({ series }) => series === 'host 0'));
  const many = Array.from({ length: 250_000 }, (_, at) => at);
  const points = chartOf({ kind: 'scatter', x: 'cpu', y: ['cost'] }, [CPU, COST], [many, many.map(String)]);
  t.match(points.note, /one of 25 points.*the first 200,000 of 250,000 rows/);
  t.ok(specOf(points).data.values.length <= 8_000);
  const bars = chartOf({ kind: 'bar' }, [HOST, CPU], [many.slice(0, 300).map(String), many.slice(0, 300)]);
  t.match(bars.note, 'the first 100 of 300 names');
});

t.test('a name of the service’s is text in the table of lines', async (t) => {
  const chart = chartOf(
    { by: 'host' },
    [TIME, HOST, CPU],
    [
      [0, 0],
      ['<img src=x onerror=alert(1)>', 'b'],
      [1, 2],
    ],
  );
  t.notMatch(chart.displays[1]?.['text/html'], '<img');
});

t.test('marks go into layers of their own, and those of the chart keep their encoding', async (t) => {
  const marks = { threshold: 1.5, annotations: [{ time: 500, text: 'v2' }] };
  for (const kind of ['line', 'area'] as const) {
    const [display = {}] = chartOf(
      { kind },
      [TIME, CPU],
      [
        [0, 1_000_000],
        [1, 2],
      ],
    ).displays;
    t.ok(isOverTime(display));
    const spec = withMarks(display, marks)[VEGA_LITE] as unknown as Spec;
    t.equal(spec.encoding, undefined);
    t.match(spec.layer?.[0], { encoding: { x: { type: 'temporal' }, y: { type: 'quantitative' } } }, kind);
    t.match(spec.layer?.at(-3), { mark: { type: 'rule' }, encoding: { y: { datum: 1.5 } } });
    t.match(spec.layer?.at(-2), { data: { values: [{ time: 500, text: 'v2' }] }, mark: { type: 'rule' } });
  }
});

t.test('times of a DataFrame, with the texts beside them', async (t) => {
  const table = (rows: (string | null)[][], total = rows.length) =>
    ({ type: 'table', value: { columns: ['version', 'at', 'who'], rows, total, all_columns: 3 } }) as const;
  t.same(
    annotationsOf(
      'deploys',
      table([
        ['v1', '2026-01-31 12:00:00', null],
        ['v2', '2026-01-31T13:00:00+01:00', 'ana'],
      ]),
    ),
    {
      all: [
        { time: Date.UTC(2026, 0, 31, 12), text: 'v1' },
        { time: Date.UTC(2026, 0, 31, 12), text: 'v2 ana' },
      ],
      note: '',
    },
  );
  const many = Array.from({ length: 60 }, () => ['v', '2026-01-31', null]);
  t.match(annotationsOf('deploys', table(many, 70)), {
    all: { length: 50 },
    note: /first 50 of 70 rows of deploys/,
  });
  t.throws(() => annotationsOf('deploys', table([['v1', 'soon', null]])), {
    message: /no column of deploys/,
  });
  t.throws(() => annotationsOf('deploys', undefined), { message: /deploys is not set/ });
  t.throws(() => annotationsOf('n', { type: 'number', value: '1' }), { message: /n is a number/ });
});

t.test('options that are wrong name themselves', async (t) => {
  t.equal(readChart({}), undefined);
  t.same(readChart({ chart: 'bar', y: 'a, b' }), { kind: 'bar', x: undefined, y: ['a', 'b'], by: undefined });
  t.throws(() => readChart({ chart: 'pie' }), { message: '--chart takes line, area, bar, scatter.' });
  t.throws(() => readChart({ by: 'host' }), { message: /--by belongs to --chart/ });
  t.throws(() => readChart({ chart: 'bar', y: 'a,' }), { message: /--y takes the name of a column/ });
});
