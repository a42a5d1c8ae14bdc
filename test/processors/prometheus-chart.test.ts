import t from 'tap';
import type { Chart } from '../../processors/core/chart/frame.js';
import { type Series, timeSeriesChart } from '../../processors/core/chart/time-series.js';
import type { Json } from '../../processors/core/processor.js';

interface Value {
  readonly time: number;
  readonly value: number | null;
  readonly series: string;
}
interface Layer {
  readonly data?: { readonly values: readonly Value[] };
  readonly mark: { readonly type: string };
}
type Spec = {
  readonly data: { readonly values: readonly Value[] };
  /** The line, the points that have its tooltips, and points between two gaps. */
  readonly layer: readonly [line: Layer, points: Layer, dots?: Layer];
  readonly title: { readonly text: readonly string[]; readonly subtitle?: readonly string[] };
  readonly encoding: {
    readonly x: { readonly scale: { readonly domain: readonly number[] } };
    readonly color?: { readonly scale: { readonly domain: readonly string[] } };
  };
};

const STEP = 1_000;
const span = (points: number) => ({ start: 0, end: points * STEP, step: STEP });

function specOf({ displays: [bundle] }: Chart): Spec {
  return bundle?.['application/vnd.vegalite.v5+json'] as Json as unknown as Spec;
}

function layers(spec: Spec): { line: readonly Value[]; dots: readonly Value[] } {
  const [, , dots] = spec.layer;
  return { line: spec.data.values, dots: dots?.data?.values ?? [] };
}

function series(values: readonly (number | undefined)[], labels: Record<string, string> = {}): Series {
  const points = values.flatMap((value, at) => (value === undefined ? [] : [[at * STEP, value] as const]));
  return { metric: 'up', labels, points };
}

t.test('P4: a gap in a range is a gap in the chart, and the axis is the range that was asked for', (t) => {
  const spec = specOf(timeSeriesChart([series([1, 1, undefined, undefined, 2, 2])], 'up', span(20)));
  t.same(
    layers(spec).line.map(({ time, value }) => [time, value]),
    [
      [0, 1],
      [1_000, 1],
      [2_500, null],
      [4_000, 2],
      [5_000, 2],
    ],
  );
  t.same(spec.encoding.x.scale.domain, [0, 20_000], 'it ended long before the axis does');
  t.equal(spec.layer.length, 2, 'there is no point of its own');
  t.end();
});

t.test('P4: a line along the edge of its chart is as thick as any other', (t) => {
  const spec = JSON.stringify(specOf(timeSeriesChart([series([1, 1, 1]), series([0, 0, 0])], 'up', span(2))));
  t.notMatch(spec, '"clip":true', 'as that of an up that always is 1');
  t.end();
});

t.test('P4: a point between two gaps can be seen; so can the first, the last and the only one', (t) => {
  const { line, dots } = layers(
    specOf(timeSeriesChart([series([7, undefined, 8, undefined, 1, 1, undefined, 9])], 'up', span(7))),
  );
  t.same(
    dots.map(({ value }) => value),
    [7, 8, 9],
  );
  t.equal(line.filter(({ value }) => value === null).length, 3);
  t.equal(layers(specOf(timeSeriesChart([series([7])], 'up', span(7)))).dots.length, 1);
  t.end();
});

t.test('P4: NaN and infinities are gaps, and it says so', (t) => {
  const chart = timeSeriesChart([series([1, 2, Number.NaN, Number.POSITIVE_INFINITY, 3, 4])], 'x', span(5));
  t.same(
    layers(specOf(chart)).line.map(({ value }) => value),
    [1, 2, null, 3, 4],
  );
  t.equal(chart.note, 'In the chart NaN and infinite values are gaps.');
  t.strictSame(timeSeriesChart([series([Number.NaN])], 'x', span(5)), {
    displays: [],
    note: 'No value is finite: there is nothing to draw.',
  });
  t.end();
});

t.test('P6: the highest of many series are drawn, and it says so', (t) => {
  const many = Array.from({ length: 200 }, (_, at) =>
    series([0, at === 7 ? 1_000 : 200 - at, Number.NaN], { pod: `p${String(at).padStart(3, '0')}` }),
  );
  const chart = timeSeriesChart(many, 'up', span(3));
  const { encoding } = specOf(chart);
  t.same(encoding.color?.scale.domain.slice(0, 3), ['p007', 'p000', 'p001']);
  t.equal(encoding.color?.scale.domain.length, 20);
  t.equal(
    chart.note,
    'The chart shows 20 of 200 series, by highest value. In the chart NaN and infinite values are gaps.',
  );
  const few = specOf(timeSeriesChart(many.slice(0, 8), 'up', span(3)));
  t.same(few.encoding.color?.scale.domain[0], 'p000', 'all of them stand in the order of their names');
  t.end();
});

t.test('P6: thinning keeps the lowest and the highest, and gaps', (t) => {
  const values = Array.from({ length: 11_000 }, (_, at) => (at >= 5_000 && at < 5_200 ? undefined : at % 10));
  values[3_333] = 900;
  values[7_777] = -900;
  const many = Array.from({ length: 20 }, (_, at) => series(values, { pod: `p${at}` }));
  const chart = timeSeriesChart(many, 'up', span(11_000));
  const { line } = layers(specOf(chart));
  t.ok(line.length < 9_000, `${line.length} points`);
  const first = line.filter(({ series }) => series === 'p0');
  t.equal(first.filter(({ value }) => value === 900).length, 1);
  t.equal(first.filter(({ value }) => value === -900).length, 1);
  const gap = first.findIndex(({ value }) => value === null);
  t.same([first[gap - 1]?.time, first[gap + 1]?.time], [4_999_000, 5_200_000], 'with its true edges');
  t.equal(first.filter(({ value }) => value === null).length, 1);
  t.match(chart.note, 'of points close to each other the lowest and the highest');
  t.end();
});

t.test('P8: the query is the title, what the series have in common stands below', (t) => {
  const two = [series([1, 2], { job: 'api', pod: 'a' }), series([1, 2], { job: 'api', pod: 'b' })];
  const spec = specOf(timeSeriesChart(two, '# how fast\n  rate(\n    up[5m])', span(3)));
  t.same(spec.title.text, ['rate( up[5m])']);
  t.same(spec.title.subtitle, ['up{job="api"}']);
  t.same(spec.encoding.color?.scale.domain, ['a', 'b']);
  const long = specOf(timeSeriesChart([series([1, 2])], `sum(${'some_metric + '.repeat(100)} 1)`, span(3)));
  t.equal(long.title.text.length, 3);
  t.match(long.title.text.at(-1), /…$/);
  t.ok(long.title.text.every((line) => line.length <= 110));
  t.equal(
    specOf(timeSeriesChart([series([1, 2])], 'up', span(3))).title.subtitle,
    undefined,
    'no repetition',
  );
  t.end();
});
