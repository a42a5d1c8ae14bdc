import t, { type Test } from 'tap';
import { oneConnection, performCell } from '../support/brokered.js';
import { give, startRestServer } from './rest-server.js';

t.setTimeout(60_000);

interface Told {
  readonly columns: readonly string[];
  /** By row. */
  readonly rows: readonly (readonly unknown[])[];
  readonly pages: number;
  readonly note: string;
  readonly displays: readonly Record<string, unknown>[];
  readonly error: string;
}

/** What a cell gets of a Prometheus that answers so: in the documented format of its API. */
async function told(
  t: Test,
  cell: string,
  data: unknown,
  more: object = {},
  names: readonly string[] = [],
): Promise<Told> {
  const json = 'application/json';
  const answer = give(json, JSON.stringify({ status: 'success', data, ...more }));
  const server = await startRestServer(t, {
    '/api/v1/query': answer,
    '/api/v1/query_range': answer,
    '/api/v1/targets': answer,
    '/api/v1/alerts': answer,
    '/api/v1/series': answer,
    '/api/v1/metadata': answer,
    '/api/v1/label/__name__/values': give(json, JSON.stringify({ status: 'success', data: names })),
  });
  const { answers, error } = await performCell(cell, oneConnection('prometheus', { url: server.origin }));
  const columns = answers.find(({ kind }) => kind === 'columns')?.columns as { name: string }[] | undefined;
  const pages = answers.filter(({ kind }) => kind === 'rows').map(({ rows }) => rows as unknown[][]);
  const rows = pages.flatMap((page) => (page[0] ?? []).map((_, at) => page.map((column) => column[at])));
  const end = answers.at(-1) ?? {};
  return {
    columns: (columns ?? []).map(({ name }) => name),
    rows,
    pages: pages.length,
    note: String(end.note ?? ''),
    displays: (end.displays ?? []) as Record<string, unknown>[],
    error,
  };
}

const vector = (...result: object[]) => ({ resultType: 'vector', result });
const matrix = (...result: object[]) => ({ resultType: 'matrix', result });
const HISTOGRAM = {
  count: '10',
  sum: '4.5',
  buckets: [
    [1, '-0.5', '-0.25', '3'],
    [3, '-0.001', '0.001', '2'],
    [0, '0.25', '+Inf', '5'],
  ],
};
const BUCKETS = [
  [-0.5, -0.25, 3],
  [-0.001, 0.001, 2],
  [0.25, '+Inf', 5],
];

t.test('P1: native histograms have count, sum and buckets, floats beside them their value', async (t) => {
  const mixed = await told(
    t,
    '%%prometheus\nx',
    vector(
      { metric: { a: '1' }, histogram: [10, HISTOGRAM] },
      { metric: { a: '2' }, value: [10, '7'] },
      { metric: { a: '3' }, histogram: [10, { count: 'NaN', sum: 'NaN' }] },
    ),
  );
  t.equal(mixed.error, '');
  t.strictSame(mixed.columns, [
    'time',
    'a',
    'value',
    'histogram_count',
    'histogram_sum',
    'histogram_buckets',
  ]);
  t.strictSame(mixed.rows, [
    [10_000_000, '1', null, 10, 4.5, BUCKETS],
    [10_000_000, '2', 7, null, null, null],
    [10_000_000, '3', null, 'NaN', 'NaN', []],
  ]);
  t.match(mixed.note, /^Native histograms have a count, a sum and buckets .* histogram_quantile/);

  const range = await told(
    t,
    '%%prometheus --range 1m\nx',
    matrix(
      { metric: {}, values: [[10, '1']], histograms: [[5, HISTOGRAM]] },
      { metric: { a: '1' }, histograms: [[5, HISTOGRAM]] },
    ),
  );
  t.strictSame(
    range.rows.map(([time, a, value, count]) => [time, a, value, count]),
    [
      [5_000_000, null, null, 10],
      [10_000_000, null, 1, null],
      [5_000_000, '1', null, 10],
    ],
    'in order of time',
  );
  t.equal(range.displays.length, 2, 'a chart, and its lines in numbers');
  t.match(range.note, /The chart leaves them out/);
  const only = await told(
    t,
    '%%prometheus --range 1m\nx',
    matrix({ metric: {}, histograms: [[5, HISTOGRAM]] }),
  );
  t.strictSame([only.error, only.displays.length, only.rows.length], ['', 0, 1]);
});

t.test('P2: what is missing stands below, of warnings and of infos', async (t) => {
  const more = {
    warnings: ['remote_read: "http://far" is down', ...Array.from({ length: 9 }, (_, at) => `w${at}`)],
    infos: ['metric might not be a counter: "x" (1:6)'],
  };
  const some = await told(t, '%%prometheus\nup', vector({ metric: {}, value: [1, '1'] }), more);
  t.match(
    some.note,
    /^Prometheus warns: remote_read: "http:\/\/far" is down; w0; .*; and 5 more\. Prometheus remarks: metric might not/,
  );
  t.match(
    (await told(t, '%%prometheus --range 1m\nup', matrix(), more)).note,
    /No series matches\. Prometheus warns/,
  );
  t.match((await told(t, '%%prometheus --list series\nup', [{ a: '1' }], more)).note, /^Prometheus warns/);
  const failed = await told(t, '%%prometheus\nup', null, { ...more, status: 'error', error: 'no' });
  t.match(failed.error, /^Prometheus: no\nPrometheus warns: remote_read/);
  t.equal(
    (await told(t, '%%prometheus\nup', vector({ metric: {}, value: [1, '1'] }), { warnings: [] })).note,
    '',
  );
});

t.test('P3: no two columns have one name, and a label has the same in every result', async (t) => {
  const metric = {
    __name__: 'm',
    value: 'a',
    label_value: 'b',
    label_label_value: 'c',
    value_1: 'd',
    time: 'e',
    metric: 'f',
    histogram_sum: 'g',
    label: 'h',
  };
  const { columns, rows } = await told(t, '%%prometheus\nx', vector({ metric, value: [1, '1'] }));
  t.equal(new Set(columns).size, columns.length);
  const [row = []] = rows;
  t.strictSame(Object.fromEntries(columns.map((name, at) => [name, row[at]])), {
    time: 1_000_000,
    metric: 'm',
    value: 1,
    label_value: 'a',
    label_label_value: 'b',
    label_label_label_value: 'c',
    value_1: 'd',
    label_time: 'e',
    label_metric: 'f',
    label_histogram_sum: 'g',
    label: 'h',
  });
  const alone = await told(t, '%%prometheus\nx', vector({ metric: { metric: 'f' }, value: [1, '1'] }));
  t.strictSame(alone.columns, ['time', 'label_metric', 'value'], 'also where the series have no name');
  const list = await told(t, '%%prometheus --list series\nx', [metric]);
  t.ok(list.columns.includes('label_label_value'));
});

t.test('P5: pages are filled, however many series there are', async (t) => {
  const result = Array.from({ length: 30_000 }, (_, at) => ({
    metric: { __name__: 'm', pod: `p${at}` },
    values: [
      [1, '1'],
      [2, '2'],
    ],
  }));
  const { pages, rows, error } = await told(t, '%%prometheus --range 1m\nm', matrix(...result));
  t.equal(error, '');
  t.equal(rows.length, 60_000);
  t.equal(pages, 12);
});

t.test('P7: targets that are down stand first, and what one looks for before everything else', async (t) => {
  const target = (health: string, labels: object, more: object = {}) => ({
    discoveredLabels: { __address__: 'x', job: 'j' },
    labels,
    scrapePool: 'j',
    scrapeUrl: 'http://x/metrics',
    globalUrl: 'http://x/metrics',
    lastError: '',
    lastScrape: '2026-01-31T12:00:00.123456789Z',
    lastScrapeDuration: 0.01,
    health,
    scrapeInterval: '15s',
    ...more,
  });
  const { columns, rows } = await told(t, '%%prometheus --list targets', {
    activeTargets: [
      target('up', { job: 'j', instance: 'a', health: 'mine', zone: 'z' }),
      target(
        'down',
        { instance: 'b', job: 'j' },
        { lastError: 'refused', lastScrape: '0001-01-01T00:00:00Z' },
      ),
    ],
    droppedTargets: [],
  });
  t.strictSame(columns, [
    'health',
    'job',
    'instance',
    'label_health',
    'zone',
    'lastError',
    'lastScrape',
    'lastScrapeDuration',
    'scrapeUrl',
    'scrapePool',
    'globalUrl',
    'scrapeInterval',
    'discoveredLabels',
  ]);
  t.strictSame(rows[0]?.slice(0, 7), ['down', 'j', 'b', null, null, 'refused', null]);
  t.equal(rows[1]?.[6], Date.parse('2026-01-31T12:00:00.123Z') * 1000);
  t.strictSame((await told(t, '%%prometheus --list targets', { activeTargets: [] })).error, '');
});

t.test('P7: of alerts state, name, severity and summary', async (t) => {
  const alert = (state: string, more: object) => ({
    labels: { alertname: 'Slow', severity: 'page', job: 'j' },
    annotations: { summary: 'slow', description: 'very', job: 'other' },
    state,
    activeAt: '2026-01-31T12:00:00Z',
    value: '1e+00',
    ...more,
  });
  const { columns, rows } = await told(t, '%%prometheus --list alerts', {
    alerts: [alert('pending', {}), alert('firing', { annotations: {} })],
  });
  t.strictSame(columns, [
    'state',
    'alertname',
    'severity',
    'summary',
    'activeAt',
    'value',
    'job',
    'description',
    'annotation_job',
  ]);
  t.strictSame(rows[0]?.slice(0, 6), [
    'firing',
    'Slow',
    'page',
    null,
    Date.parse('2026-01-31T12:00:00Z') * 1000,
    1,
  ]);
});

t.test('P9: an unknown metric gets names like it', async (t) => {
  const known = ['up', 'http_requests_total', 'node_load1', 'go_goroutines'];
  const ask = async (query: string) => (await told(t, `%%prometheus\n${query}`, vector(), {}, known)).note;
  t.equal(await ask('upp'), 'No series matches. There is no metric upp. Did you mean up?');
  t.equal(
    await ask('sum by (job) (rate(http_request_total{code=~"5.."}[5m])) / on(pod) group_left up'),
    'No series matches. There is no metric http_request_total. Did you mean http_requests_total?',
  );
  t.match(await ask('{__name__="node_load"}'), /no metric node_load\. Did you mean node_load1\?$/);
  t.equal(await ask('up{job="nope"} == bool 1e3 # upp'), 'No series matches.', 'the metric is there');
  t.equal(await ask('quite_another_thing'), 'No series matches. There is no metric quite_another_thing.');
  const series = async (selector: string) =>
    (await told(t, `%%prometheus --list series\n${selector}`, [], {}, known)).note;
  t.equal(await series('upp'), 'No series matches. There is no metric upp. Did you mean up?');
  t.equal((await told(t, '%%prometheus\nupp', vector())).note, 'No series matches.', 'without any names');
});
