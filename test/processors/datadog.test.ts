import type { ServerResponse } from 'node:http';
import t from 'tap';
import { Resources } from '../../processors/core/resources.js';
import { Secret } from '../../processors/core/secret.js';
import type { CompletionJob } from '../../processors/core/suggestion.js';
import type { Value } from '../../processors/core/value.js';
import { builtIn } from '../../processors/index.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { type Answer, type Asked, give, startRestServer } from './rest-server.js';

/**
 * What the mock from Datadog's description (test/real/datadog.test.ts) can't show: cursors, limits, refusals. Written
 * from https://docs.datadoghq.com/api/latest/ (logs, spans, metrics, monitors, rate limits).
 */
t.setTimeout(60_000);
const JSON_TYPE = 'application/json';
const KEYS = { api_key: new Secret('api-canary-key'), app_key: new Secret('app-canary-key') };
const text = (value: string): Value => ({ type: 'text', value });

let limited = 0;
const reply = (response: ServerResponse, body: unknown, status = 200, headers: object = {}) =>
  give(JSON_TYPE, JSON.stringify(body), status, headers)(response, {} as Asked);

/** 2,500 logs, newest first; those of the first page have an attribute of another type than the last ones. */
const TOTAL = 2_500;
const logs: Answer = (response, { body, headers }) => {
  if (headers['dd-application-key'] !== 'app-canary-key')
    return reply(response, { errors: ['Forbidden'] }, 403);
  const { filter, page } = JSON.parse(body);
  if (filter.query === 'limited') {
    limited += 1;
    const reset = {
      'x-ratelimit-reset': limited === 1 ? '0' : '1800',
      'x-ratelimit-name': 'logs_public_search_api',
    };
    const often = { 'x-ratelimit-limit': '300', 'x-ratelimit-period': '3600', 'x-ratelimit-remaining': '0' };
    if (limited !== 2)
      return reply(response, { errors: ['Rate limit exceeded'] }, 429, { ...reset, ...often });
  }
  if (filter.query === 'wrong:')
    return reply(response, { errors: ['input_validation_error(Field ...)'] }, 400);
  if (filter.query === 'slow')
    return reply(response, {
      data: [],
      meta: { status: 'timeout', warnings: [{ title: 'Index', detail: 'x is not there' }] },
    });
  const from = Number(page.cursor ?? 0);
  const data = Array.from({ length: Math.min(page.limit, TOTAL - from) }, (_, at) => ({
    id: String(from + at),
    type: 'log',
    attributes: {
      timestamp: new Date(1_700_000_000_000 - (from + at) * 1000).toISOString(),
      status: 'error',
      service: 'web',
      host: 'a',
      tags: ['env:prod'],
      attributes: {
        http: { status_code: from + at < 2_000 ? 500 : 'none' },
        ...(from + at === 1_500 && { late: 1 }),
      },
      message: `line ${from + at}`,
    },
  }));
  const next = from + data.length;
  reply(response, { data, meta: { status: 'done', ...(next < TOTAL && { page: { after: String(next) } }) } });
};

const server = await startRestServer(t, {
  '/api/v2/logs/events/search': logs,
  '/api/v1/query': (response, { url }) => {
    const query = new URL(url, 'http://x').searchParams.get('query');
    if (query?.includes('nonsense'))
      return reply(response, { status: 'error', error: 'Rule 1: unknown function' });
    const unit = [{ plural: 'bytes', name: 'byte' }, { name: 'second' }];
    const points = [
      [1_700_000_000_000, 1.5],
      [1_700_000_020_000, null],
      [1_700_000_040_000, 2],
    ];
    const series = ['a', 'b'].map((host) => ({
      expression: query,
      scope: `host:${host}`,
      tag_set: [`host:${host}`, 'time:x'],
      pointlist: points,
      unit,
    }));
    reply(response, { status: 'ok', series });
  },
  '/api/v1/monitor/search': (response, { url }) => {
    const page = Number(new URL(url, 'http://x').searchParams.get('page'));
    const monitors = Array.from({ length: page < 2 ? 100 : 50 }, (_, at) => ({
      id: page * 100 + at + 1,
      name: `m${at}`,
      status: 'Alert',
      type: 'query alert',
      tags: [],
      last_triggered_ts: 1_700_000_000,
    }));
    reply(response, { monitors, metadata: { total_count: 250, page_count: 3, page, per_page: 100 } });
  },
  '/api/v2/logs/analytics/aggregate': (response, { body }) => {
    const { compute, group_by = [] } = JSON.parse(body);
    const isSeries = compute[0].type === 'timeseries';
    const value = isSeries
      ? [
          { time: '2023-11-14T22:00:00Z', value: 3 },
          { time: '2023-11-14T22:05:00Z', value: 4 },
        ]
      : 7;
    const buckets = ['web', 'db'].slice(0, group_by[0]?.limit ?? 1).map((service) => ({
      by: group_by.length > 0 ? { service } : {},
      computes: Object.fromEntries(compute.map((_: unknown, at: number) => [`c${at}`, value])),
    }));
    reply(response, { data: { buckets }, meta: { status: 'done' } });
  },
  '/api/v1/metrics': give(JSON_TYPE, '{"metrics": ["system.cpu.user", "system.mem.free"]}'),
  '/api/v1/validate': (response, { headers }) =>
    headers['dd-api-key'] === 'api-canary-key'
      ? reply(response, { valid: true })
      : reply(response, { errors: ['Forbidden', 'wrong'] }, 403),
  '/api/v2/events/search': give(JSON_TYPE, '{"errors": ["Forbidden"]}', 403),
  '/api/v2/spans/events/search': give(JSON_TYPE, '{"data": [], "meta": {}}'),
});
const settings = { url: server.origin, ...KEYS };
const connections = oneConnection('datadog', settings);
const ask = (cell: string, values: Record<string, Value> = {}) => performCell(cell, connections, values);
const pages = (answers: readonly Record<string, unknown>[], kind: string) =>
  answers.filter((each) => each.kind === kind);
const rowsOf = (answers: readonly Record<string, unknown>[]) =>
  pages(answers, 'rows').flatMap(({ rows }) => (rows as unknown[][])[0] ?? []).length;

t.test('logs come by cursor, newest first, and a cut is told', async (t) => {
  const { answers, error } = await ask('%%datadog --limit 2300\nlogs service:{{name}}', {
    name: text('web'),
  });
  t.equal(error, '');
  t.equal(rowsOf(answers), 2_300);
  t.match(pages(answers, 'columns')[0], {
    columns: [
      { name: 'time', type: 'time' },
      { name: 'status' },
      { name: 'service' },
      { name: 'host' },
      { name: '@http.status_code', type: 'number' },
      { name: 'tags' },
      { name: 'message', type: 'text' },
      { name: '(others)' },
    ],
  });
  const last = pages(answers, 'rows').at(-1)?.rows as unknown[][];
  t.equal(last[4]?.at(-1), null, 'a value of another type is not in a column of numbers');
  t.equal(last[7]?.at(-1), '{"@http.status_code":"none"}', 'but with the others');
  t.match(
    answers.at(-1)?.note,
    /^Only the newest 2,300: there are more, get them with --limit\. Fields that the first page/,
  );
  const asked = server.asked.map(({ body }) => JSON.parse(body || '{}')).filter(({ page }) => page);
  t.same(
    asked.map(({ page }) => [page.limit, page.cursor]),
    [
      [1000, undefined],
      [1000, '1000'],
      [300, '2000'],
    ],
  );
  t.match(asked[0], { filter: { query: 'service:web' }, sort: '-timestamp' });
  const all = await ask('%%datadog --limit 10000\nlogs *');
  t.equal(rowsOf(all.answers), TOTAL);
  t.notMatch(all.answers.at(-1)?.note, /Only/);
});

t.test('a limit is waited for, or told with its name; other mistakes are Datadog’s own words', async (t) => {
  limited = 0;
  t.equal((await ask('%%datadog\nlogs limited')).error, '', 'the first one lasts no time');
  t.match(
    (await ask('%%datadog --timeout 5\nlogs limited')).error,
    /^Datadog's rate limit “logs_public_search_api” is used up \(429\): 300 requests in 3600 s .* in 1800 s, .*--timeout/,
  );
  t.match(
    (await ask('%%datadog\nlogs wrong:')).error,
    /Datadog answered HTTP 400 Bad Request: input_validation_error/,
  );
  t.match((await ask('%%datadog\nmetrics nonsense()')).error, /^Datadog: Rule 1: unknown function/);
  t.match(
    (await ask('%%datadog\nlogs slow')).answers.at(-1)?.note,
    /No logs match.* Partial: .* Datadog warns: Index: x is not there\./,
  );
  const other = oneConnection('datadog', { ...settings, app_key: new Secret('another-key') });
  const refused = await performCell('%%datadog\nlogs *', other);
  t.match(refused.error, /answered 403: the connection's app_key .* permission logs_read_data/);
  t.match((await ask('%%datadog\nevents x')).error, /events_read/);
});

t.test('metrics are a chart, with gaps where a value is missing', async (t) => {
  const { answers, error } = await ask(
    '%%datadog --range 1h --at 2023-11-14T22:30:00Z\nmetrics avg:m{env IN ({{envs}})} by {host}',
    {
      envs: { type: 'list', value: [text('prod'), text('eu-1')] },
    },
  );
  t.equal(error, '');
  const { searchParams } = new URL(server.last.url, server.origin);
  t.same(
    [...searchParams],
    [
      ['from', '1699997400'],
      ['to', '1700001000'],
      ['query', 'avg:m{env IN (prod,eu-1)} by {host}'],
    ],
    'seconds in',
  );
  t.match(pages(answers, 'columns')[0], {
    columns: [{ name: 'time' }, { name: 'host' }, { name: 'time_' }, { name: 'value' }],
  });
  t.match(pages(answers, 'rows')[0], {
    rows: [[1.7e15, 1.70000002e15, 1.70000004e15], ['a', 'a', 'a'], {}, [1.5, null, 2, 1.5, null, 2]],
  });
  t.match(answers.at(-1), {
    note: /Values in bytes per second/,
    displays: [{ 'application/vnd.vegalite.v5+json': {} }],
  });
});

t.test('monitors page by page, with links to the site', async (t) => {
  const withSite = oneConnection('datadog', { ...settings, site: 'datadoghq.eu' });
  const { answers } = await performCell('%%datadog --limit 220\nmonitors status:alert', withSite);
  t.equal(rowsOf(answers), 220);
  t.match(answers.at(-1)?.note, /Only the first 220 of 250/);
  t.match(pages(answers, 'rows')[2]?.rows, [['Alert'], ['m0'], {}, [1.7e15]]);
  t.match(pages(answers, 'notice')[0]?.text, 'https://app.datadoghq.eu/monitors/manage?q=status%3Aalert');
  t.match(JSON.stringify(pages(answers, 'rows')[0]), 'https://app.datadoghq.eu/monitors/1"');
});

t.test('aggregates are a table, and over time a chart', async (t) => {
  const { answers, error } = await ask(
    '%%datadog --facets service --compute count,avg:@duration --limit 2\naggregate status:error',
  );
  t.equal(error, '');
  t.match(pages(answers, 'rows')[0]?.rows, [
    ['web', 'db'],
    [7, 7],
    [7, 7],
  ]);
  t.match(answers.at(-1)?.note, /Only the first 2 groups/);
  t.match(JSON.parse(server.last.body), {
    compute: [
      { aggregation: 'count', type: 'total' },
      { aggregation: 'avg', metric: '@duration' },
    ],
    group_by: [
      { facet: 'service', limit: 2, sort: { type: 'measure', aggregation: 'count', order: 'desc' } },
    ],
  });
  const series = await ask(
    '%%datadog --facets service --interval 5m --range 1h --at 2023-11-14T22:30:00Z\naggregate',
  );
  t.match(pages(series.answers, 'rows')[0]?.rows, [
    ['1699999200000000', '1699999500000000', '1699999200000000', '1699999500000000'],
    ['web', 'web', 'db', 'db'],
    [3, 4, 3, 4],
  ]);
  t.match(JSON.parse(server.last.body).compute, [{ type: 'timeseries', interval: '300s' }]);
  t.ok(series.answers.at(-1)?.displays, 'a chart');
});

t.test('S11: a value stays a value', async (t) => {
  const queryOf = async (query: string, value: Value) => {
    const before = server.asked.length;
    const { error } = await ask(`%%datadog\nlogs ${query}`, { v: value });
    return error === '' ? JSON.parse(server.asked[before]?.body ?? '').filter.query : error;
  };
  t.equal(await queryOf('service:{{v}}', text('a" OR *')), 'service:"a\\" OR *"');
  t.equal(await queryOf('{{v}}', text('OR')), '"OR"');
  t.equal(await queryOf('"x {{v}}"', text('\\" OR *')), '"x \\\\\\" OR *"');
  t.equal(await queryOf('web-{{v}}', text('a) OR (*')), 'web-a\\)\\ OR\\ \\(\\*');
  t.equal(await queryOf('@n:>{{v}}', { type: 'number', value: '-5' }), '@n:>-5');
  t.equal(await queryOf('{{v}}', { type: 'number', value: '-5' }), '"-5"', 'not a negation');
  t.equal(
    await queryOf('service:{{v}}', { type: 'list', value: [text('a'), text('b c')] }),
    'service:(a OR "b c")',
  );
  t.match(await queryOf('service:{{v}}', { type: 'list', value: [] }), /empty list/);
  t.match(
    (await ask('%%datadog\nmetrics avg:m{host:{{v}}}', { v: text('a} by {x') })).error,
    /can't be used in a metric query/,
  );
});

t.test('mistakes of the cell are told before anything is asked', async (t) => {
  const before = server.asked.length;
  t.match(
    (await ask('%%datadog\nservice:web')).error,
    /begins with logs, spans, metrics, monitors, events or aggregate/,
  );
  t.match((await ask('%%datadog --facets x\nlogs y')).error, /logs takes no --facets/);
  t.match((await ask('%%datadog --compute nope\naggregate')).error, /no aggregation “nope”/);
  t.match((await ask('%%datadog --compute avg\naggregate')).error, /avg:@duration/);
  t.match((await ask('%%datadog --limit 0\nlogs')).error, /--limit takes/);
  t.match((await ask('%%datadog\nmetrics')).error, /needs a query/);
  t.equal(server.asked.length, before);
});

t.test('the test of a connection reads with both keys, and names the missing permissions', async (t) => {
  const resources = new Resources(new Map());
  t.teardown(() => resources.close());
  const kind = builtIn.find(({ name }) => name === 'datadog')?.connection;
  const test = async (more: object) =>
    kind?.test({
      settings: kind.settings.parse({ ...settings, ...more }),
      signal: AbortSignal.timeout(10_000),
      resources,
      hide: () => {},
    });
  t.match(await test({}), /can read logs, metrics, monitors, spans; not events \(events_read is missing\)/);
  await t.rejects(test({ api_key: new Secret('unknown') }), {
    message: /answered 403: the connection's api_key is not one of/,
  });
  const nothing = await startRestServer(t, {
    '/api/v1/validate': give(JSON_TYPE, '{"valid": true}'),
    ...Object.fromEntries(
      [
        '/api/v2/logs/events/search',
        '/api/v1/query',
        '/api/v1/monitor/search',
        '/api/v2/events/search',
        '/api/v2/spans/events/search',
      ].map((path) => [path, give(JSON_TYPE, '{"errors": ["app-canary-key"]}', 403)]),
    ),
  });
  const error = await test({ url: nothing.origin }).catch(String);
  t.match(
    error,
    /accepts the connection's api_key, but its app_key can read nothing \(403\).*logs_read_data/,
  );
  t.notMatch(error, 'canary', 'S10');
});

t.test('completion: subjects, metrics, facets', async (t) => {
  const datadog = builtIn.find(({ name }) => name === 'datadog');
  const resources = new Resources(new Map());
  t.teardown(() => resources.close());
  const job: CompletionJob = {
    remembered: (_, load) => load(settings, AbortSignal.timeout(10_000), resources),
  };
  const offered = async (body: string) => {
    const { items = [] } = (await datadog?.complete?.(body, body.length, job)) ?? {};
    return items.map(({ text: item }) => item);
  };
  t.same(await offered('m'), ['metrics', 'monitors']);
  t.same(await offered('metrics avg:system.c'), ['system.cpu.user']);
  t.match(await offered('logs ser'), ['service:']);
  t.same(await offered('logs service:w'), ['web']);
});
