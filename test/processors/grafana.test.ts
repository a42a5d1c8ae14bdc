// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Grafana writes its variables so
import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { grafanaTime } from '../../processors/grafana/times.js';
import { interpolate, type Language, type Variable } from '../../processors/grafana/variables.js';
import { type Answered, oneConnection, performCell } from '../support/brokered.js';
import { type DataQuery, startGrafana } from '../support/grafana.js';
import { give, startRestServer } from './rest-server.js';

/** Grafana is a script here, see there. test/real/grafana.test.ts has a real Prometheus behind it. */

const TOKEN = 'canary-token-of-grafana';

const frame = (fields: object[], values: unknown[][], more: object = {}) => ({
  schema: { fields, ...more },
  data: { values },
});
const SERIES = frame(
  [
    { name: 'Time', type: 'time' },
    { name: 'Value', type: 'number', labels: { job: 'shop' } },
  ],
  [
    [1_700_000_000_000, 1_700_000_060_000],
    [1, null],
  ],
);

async function start(
  t: Test,
  answer: (asked: DataQuery) => [number, object] = () => [200, { A: { frames: [SERIES] } }],
) {
  const queries: DataQuery[] = [];
  const grafana = await startGrafana(TOKEN, async (asked) => {
    queries.push(asked);
    return answer(asked);
  });
  t.teardown(() => grafana.close());
  const run = (cell: string, values: Readonly<Record<string, Value>> = {}, more: object = {}) =>
    performCell(
      cell,
      oneConnection('grafana', { url: grafana.url, token: new Secret(TOKEN), ...more }),
      values,
    );
  return { grafana, queries, run };
}

const text = (value: string): Value => ({ type: 'text', value });
const noteOf = ({ answers }: Answered) => String(answers.at(-1)?.note ?? '');
const columnsOf = ({ answers }: Answered) =>
  answers
    .filter(({ kind }) => kind === 'columns')
    .map(({ columns }) => (columns as { name: string }[]).map(({ name }) => name));

t.test('a panel is run by its address, with its variables and its time', async (t) => {
  const { grafana, queries, run } = await start(t);
  const answered = await run(
    `%%grafana\n${grafana.url}/d/abc123/checkout?orgId=1&viewPanel=4&var-job={{jobs}}&var-window=5m&from=1700000000000&to=1700003600000`,
    { jobs: { type: 'list', value: [text('a.b'), text('c"d')] } },
  );
  t.equal(answered.error, '');
  t.match(queries[0], {
    from: '1700000000000',
    to: '1700003600000',
    queries: [
      {
        refId: 'A',
        expr: 'count_over_time(up{job=~"(a\\\\.b|c\\"d)"}[5m])',
        range: true,
        datasource: { uid: 'prom-uid', type: 'prometheus' },
        maxDataPoints: 700,
        intervalMs: 5143,
      },
      { refId: 'B', hide: true },
    ],
  });
  t.match(answered.text, 'vegalite');
  t.same(columnsOf(answered), [['time', 'job', 'value']]);
  t.match(
    answered.answers.at(-1)?.summary,
    `${grafana.url}/d/abc123/checkout?var-job=a.b&var-job=c%22d&var-window=5m&from=1700000000000&to=1700003600000&viewPanel=4`,
  );

  await run('%%grafana --range 2h\n/d/abc123?viewPanel=panel-4');
  const last = queries.at(-1) as DataQuery;
  t.equal(Number(last.to) - Number(last.from), 7_200_000, 'the option is stronger than the dashboard');
  t.match(
    last.queries[0],
    { expr: 'count_over_time(up{job=~".*"}[1m])' },
    'All of a variable without saved values',
  );
  await run('%%grafana --at 1h\n/d/abc123?viewPanel=4');
  t.equal(
    Number(queries.at(-1)?.to) - Number(queries.at(-1)?.from),
    1_800_000,
    'the length is the dashboard’s own',
  );
  await run('%%grafana\n/d/abc123?viewPanel=7');
  t.match(
    queries.at(-1)?.queries[0],
    { datasource: { uid: 'prom-uid', type: 'prometheus' } },
    'a source by variable',
  );
  await run('%%grafana\n/d/abc123?viewPanel=8');
  t.match(queries.at(-1)?.queries[0]?.expr, /^count_over_time/, 'the result of another panel');
});

t.test('a dashboard is a list of its panels', async (t) => {
  const { grafana, run } = await start(t);
  const answered = await run('%%grafana\n/d/abc123/checkout');
  t.match(answered.text, `${grafana.url}/d/abc123/checkout?viewPanel=6`);
  t.same(columnsOf(answered), [['id', 'title', 'type', 'queries', 'link']]);
});

t.test('a table, what is left out, and what failed', async (t) => {
  const table = frame(
    [
      { name: 'when', type: 'time' },
      { name: 'what', type: 'string' },
      { name: 'what', type: 'boolean' },
      { name: 'odd', type: 'other' },
    ],
    [[1_700_000_000_000], ['x'], [true], [{ a: 1 }]],
    { meta: { notices: [{ severity: 'warning', text: 'cut at 1 row' }] } },
  );
  const { run, queries } = await start(t, () => [
    207,
    { A: { frames: [table] }, C: { error: 'no such table' } },
  ]);
  const answered = await run('%%grafana\n/d/abc123?viewPanel=6&var-job=x&var-job=it%27s');
  t.same(columnsOf(answered), [['when', 'what', 'what_', 'odd']]);
  t.match(
    noteOf(answered),
    /transformations of the panel are not applied.*Partial.*C: no such table.*cut at 1 row/,
  );
  t.equal(queries[0]?.queries[0]?.rawSql, "select * from orders where shop in ('x','it''s') and name = '1m'");
  const failed = await start(t, () => [400, { A: { error: 'bad query', status: 400 } }]);
  t.equal((await failed.run('%%grafana\n/d/abc123?viewPanel=4')).error, 'Grafana: query A: bad query');
  const nothing = await start(t, () => [200, { A: { frames: [] } }]);
  t.match(noteOf(await nothing.run('%%grafana\n/d/abc123?viewPanel=4')), /no result/);
  const odd = frame(
    [
      { name: 'Time', type: 'time' },
      { name: 'Value', type: 'number' },
    ],
    [
      [1, 2, 3],
      [null, null, 1],
    ],
  );
  const entities = { ...odd, data: { ...odd.data, entities: [null, { NaN: [0], Inf: [1] }] } };
  const numbers = await start(t, () => [200, { A: { frames: [entities] } }]);
  t.match((await numbers.run('%%grafana\n/d/abc123?viewPanel=4')).text, '"NaN","Infinity",1');
  for (const results of [
    7,
    { A: 7 },
    { A: { frames: 7 } },
    { A: { frames: [7, { schema: { fields: 7 }, data: 7 }] } },
  ])
    t.match(
      (await (await start(t, () => [200, results as object])).run('%%grafana\n/d/abc123?viewPanel=4')).error,
      /^$|not from Grafana/,
    );
});

t.test('a data source is asked in its own language', async (t) => {
  const { grafana, queries, run } = await start(t);
  const answered = await run('%%grafana --source Metrics --range 6h\nup{job="{{job}}"}', {
    job: text('a"b'),
  });
  t.equal(answered.error, '');
  t.match(queries[0]?.queries, [
    { refId: 'A', expr: 'up{job="a\\"b"}', range: true, datasource: { uid: 'prom-uid' } },
  ]);
  t.match(String(answered.answers.at(-1)?.summary), `${grafana.url}/explore?schemaVersion=1&panes=`);
  await run('%%grafana --source logs-uid\n{app="x"} |~ "{{x}}"', { x: text('a.b') });
  t.match(queries.at(-1)?.queries[0], { expr: '{app="x"} |~ "a\\\\.b"', queryType: 'range' });
  await run('%%grafana --source Metrics\n{"expr": "up{job=\\"{{x}}\\"}", "instant": true}', {
    x: text('a"b'),
  });
  t.match(queries.at(-1)?.queries[0], { expr: 'up{job="a\\"b"}', instant: true });
  t.match(
    (await run('%%grafana --source Nope\nup')).error,
    /no data source Nope\. It has: Metrics, Shop, Logs/,
  );
});

t.test('SQL may write, so that it takes a connection that may', async (t) => {
  const { queries, run } = await start(t);
  t.match(
    (await run('%%grafana --source Shop\ndelete from orders')).error,
    /can't tell whether.*read_only: false/,
  );
  t.same(queries, []);
  const more = { read_only: false };
  await run(
    "%%grafana --source Shop\nselect '{{x}}', {{n}}",
    { x: text('a b'), n: { type: 'number', value: '7' } },
    more,
  );
  t.match(queries[0]?.queries[0], { rawSql: "select 'a b', 7", format: 'table' });
  for (const [query, value] of [
    ["select '{{x}}'", "it's"],
    ["select '{{x}}'", '\\'],
    ['select {{x}}', '1 or 1'],
    ['select {{x}}', 'password'],
    ["select ' {{x}}'", 'a'],
  ] as const)
    t.match(
      (await run(`%%grafana --source Shop\n${query}`, { x: text(value) }, more)).error,
      /could be more than a value/,
      value,
    );
  t.equal(queries.length, 1);
});

t.test('S11: a kernel’s value in an address stays a value in the panel’s query', async (t) => {
  const { queries, run } = await start(t);
  const ask = (address: string, value: string) => run(`%%grafana\n/d/abc123?${address}`, { x: text(value) });
  t.match((await ask('viewPanel=6&var-window={{x}}', "x' or '1")).error, /could be more than a value/);
  t.match((await ask('viewPanel=6&var-job={{x}}', 'x) or (1')).error, /could be more than a value/);
  t.match(
    (await ask('viewPanel=4&var-window={{x}}', '1m]) or vector(1')).error,
    /could be more than a value/,
  );
  t.same(queries, []);
  t.equal((await ask('viewPanel=4&var-window={{x}}&var-job={{x}}', '7m')).error, '');
  t.match(queries[0]?.queries[0], { expr: 'count_over_time(up{job=~"7m"}[7m])' });
  await ask('viewPanel=4&var-job={{x}}', '$__all');
  t.match(queries.at(-1)?.queries[0], { expr: 'count_over_time(up{job=~"\\\\$__all"}[1m])' }, 'not All');
  await ask('viewPanel=4&var-job={{x}}&from=now-1h', 'a&viewPanel=6#');
  t.match(
    queries.at(-1)?.queries[0],
    { expr: 'count_over_time(up{job=~"a&viewPanel=6#"}[1m])' },
    'no parameter of its own',
  );
  t.match((await ask('viewPanel={{x}}', '../..')).error, /names a panel in a way/);
  t.match(
    (await run('%%grafana\n/d/{{x}}?viewPanel=4', { x: text('abc123') })).error,
    /not the address of a dashboard/,
  );
});

t.test('an address of another Grafana is not asked', async (t) => {
  const { grafana, run } = await start(t);
  for (const address of [
    'https://grafana.example.com/d/abc123/x?viewPanel=4',
    '//evil.example/d/x',
    '/dashboards',
    'up',
    '/d/../api/x',
  ])
    t.match(
      (await run(`%%grafana\n${address}`)).error,
      /not one of the connection's Grafana|not the address of a dashboard/,
      address,
    );
  t.same(grafana.asked, []);
  t.match((await run('%%grafana\n/d/nope?viewPanel=4')).error, 'Grafana answered 404: Dashboard not found');
  t.match((await run('%%grafana\n/d/abc123?viewPanel=99')).error, /no panel 99/);
  t.match((await run('%%grafana\n/d/abc123?viewPanel=5')).error, /has no query/);
});

t.test('lists, and an annotation over a connection that may write', async (t) => {
  const { grafana, run } = await start(t);
  t.match((await run('%%grafana --list dashboards\ncheck')).text, `${grafana.url}/d/abc123/checkout`);
  t.match(grafana.asked.at(-1)?.url, 'query=check');
  t.match((await run('%%grafana --list sources')).text, 'logs-uid');
  const rules = await run('%%grafana --list rules');
  t.match(rules.text, /"firing","inactive".*alerting\/grafana\/r1\/view/);
  t.match((await run('%%grafana --list annotations')).error, '');
  const cell =
    '%%grafana --annotation --tags deploy,x --on /d/abc123?viewPanel=4 --at 2026-01-31T12:00:00Z --range 1m\nrelease {{v}}';
  const asked = grafana.asked.length;
  t.match((await run(cell, { v: text('1.2') })).error, /only reads.*read_only: false/);
  t.equal(grafana.asked.length, asked);
  t.equal((await run(cell, { v: text('1.2') }, { read_only: false, org_id: 3 })).error, '');
  t.same(JSON.parse(grafana.asked.at(-1)?.body ?? ''), {
    text: 'release 1.2',
    tags: ['deploy', 'x'],
    time: 1_769_860_740_000,
    timeEnd: 1_769_860_800_000,
    dashboardUID: 'abc123',
    panelId: 4,
  });
  t.equal(grafana.asked.at(-1)?.headers['x-grafana-org-id'], '3');
});

t.test('a missing right is named', async (t) => {
  const refusal = JSON.stringify({
    message: `You'll need additional permissions to perform this action. Permissions needed: datasources:query ${TOKEN}`,
  });
  const server = await startRestServer(t, {
    '/api/dashboards/uid/abc123': give('application/json', refusal, 403),
    '/api/datasources': give('application/json', refusal, 403),
    '/api/frontend/settings': give(
      'application/json',
      '{"datasources":{"M":{"uid":"m","name":"M","type":"prometheus"}}}',
    ),
    '/api/ds/query': give('application/json', '{"results":{"A":{"frames":[]}}}'),
  });
  const connections = oneConnection('grafana', { url: server.origin, token: new Secret(TOKEN) });
  const { error } = await performCell('%%grafana\n/d/abc123?viewPanel=4', connections);
  t.match(error, /403.*Give the service account the right datasources:query/);
  t.notMatch(error, TOKEN);
  t.equal(
    (await performCell('%%grafana --source M\nup', connections)).error,
    '',
    'a viewer may not list sources, and still asks one',
  );
});

t.test('times are read as Grafana writes them', (t) => {
  const now = Date.parse('2026-01-31T12:34:56.789Z');
  for (const [written, isEnd, iso] of [
    ['now', false, '2026-01-31T12:34:56.789Z'],
    ['now-6h', false, '2026-01-31T06:34:56.789Z'],
    ['now-1d/d', false, '2026-01-30T00:00:00.000Z'],
    ['now-1d/d', true, '2026-01-30T23:59:59.999Z'],
    ['now/w', false, '2026-01-26T00:00:00.000Z'],
    ['now/M', true, '2026-01-31T23:59:59.999Z'],
    ['now/y', false, '2026-01-01T00:00:00.000Z'],
    ['1700000000000', false, '2023-11-14T22:13:20.000Z'],
    ['2026-01-31T12:00:00Z', false, '2026-01-31T12:00:00.000Z'],
  ] as const)
    t.equal(new Date(grafanaTime(written, isEnd, now)).toISOString(), iso, `${written} ${isEnd}`);
  for (const wrong of ['yesterday', 'now-6x', 'now-', ''])
    t.throws(() => grafanaTime(wrong, false, now), /is not a time/);
  t.end();
});

t.test('variables are written in the formats that Grafana has', (t) => {
  const variables = new Map<string, Variable>([
    ['a', { values: ['x.y', "z'"], isMulti: true, isFromKernel: false, isWritten: false }],
    ['b', { values: ['1'], isMulti: false, isFromKernel: false, isWritten: false }],
  ]);
  const as = (query: string, language: Language = 'strict') => interpolate(query, variables, language);
  t.equal(as('$a [[b]] ${b:raw} $c ${c} $__interval'), "{x.y,z'} 1 1 $c ${c} $__interval");
  t.equal(as('${a:csv} ${a:pipe} ${a:json}'), 'x.y,z\' x.y|z\' ["x.y","z\'"]');
  t.equal(as('${a:sqlstring} ${a:regex}'), "'x.y','z''' (x\\.y|z')");
  t.equal(as('${a:lucene}'), '("x.y" OR "z\'")');
  t.equal(as('in ($a)', 'sql'), "in ('x.y','z''')");
  t.equal(as('up{x=~"$a",y=~`${a}`}', 'promql'), 'up{x=~"(x\\\\.y|z\')",y=~`(x\\.y|z\')`}');
  t.throws(() => as('${a:nope}'), /format nope, which is not known/);
  t.end();
});
