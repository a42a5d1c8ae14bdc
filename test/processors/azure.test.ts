import t from 'tap';
import { KQL } from '../../processors/azure/kql.js';
import { placeValues } from '../../processors/core/placed-values.js';
import { Resources } from '../../processors/core/resources.js';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { builtIn } from '../../processors/index.js';
import { oneConnection, performCell, resources } from '../support/brokered.js';
import * as clouds from '../support/clouds.js';
import { type Answer, give, startRestServer } from './rest-server.js';

/** There is no server with Azure's API to be had: this one is scripted from Microsoft's API reference. */

t.teardown(() => resources.close());
let issuers: clouds.Issuers;
t.before(async () => {
  issuers = await clouds.startIssuers(t);
});

const QUERY = '/v1/workspaces/ws-1/query';
const GRAPH = '/providers/Microsoft.ResourceGraph/resources';

async function start(answers: Readonly<Record<string, Answer>>, more: object = {}) {
  const checked = Object.entries(answers).map(([path, answer]): [string, Answer] => [
    path,
    (response, asked) => {
      if (asked.headers.authorization === `Bearer ${clouds.AZURE_TOKEN}`) answer(response, asked);
      else response.writeHead(401).end(JSON.stringify(asked));
    },
  ]);
  const server = await startRestServer(t, Object.fromEntries(checked));
  const settings = {
    url: server.origin,
    tenant_id: clouds.AZURE.tenant_id,
    client_id: clouds.AZURE.client_id,
    client_secret: new Secret(clouds.AZURE.secret),
    token_url: `${issuers.origin}/entra`,
    workspace_id: 'ws-1',
    ...more,
  };
  return { server, settings, connections: oneConnection('azure', settings) };
}
const json = (value: unknown, status = 200) => give('application/json', JSON.stringify(value), status);
const text = (value: string): Value => ({ type: 'text', value });
const shownOf = (answers: readonly object[]) =>
  (answers as readonly { kind: string }[]).filter(({ kind }) => kind !== 'progress');

t.test('KQL: every type of Kusto becomes a column, and a partial answer says so', async (t) => {
  const columns = Object.entries({
    TimeGenerated: 'datetime',
    Name: 'string',
    Count: 'long',
    Rate: 'real',
    Ok: 'bool',
    Props: 'dynamic',
    Took: 'timespan',
  }).map(([name, type]) => ({ name, type }));
  const rows = [
    [
      '2026-01-31T12:00:00.1234567Z',
      'a',
      9007199254740993n,
      'NaN',
      true,
      '{"a": 12345678901234567890}',
      '00:00:01',
    ],
    ['2026-01-31T12:05:00Z', null, 1, 0.5, null, 'no JSON', null],
  ];
  const answer = JSON.stringify({ tables: [{ name: 'PrimaryResult', columns, rows }] }, (_, value) =>
    typeof value === 'bigint' ? `big${value}` : value,
  ).replace(/"big(\d+)"/, '$1');
  const partial = answer.replace(
    /\}$/,
    ',"error":{"code":"PartialError","message":"There were some errors","details":[{"code":"EngineError","message":"x","innererror":{"message":"Query result set has exceeded the internal record count limit 500000."}}]}}',
  );
  const { server, connections } = await start({ [QUERY]: give('application/json', partial) });
  const { answers, error } = await performCell(
    '%%azure --range 6h --timeout 90\nAppRequests | take 2',
    connections,
  );
  t.equal(error, '');
  t.match(JSON.parse(server.last.body), { query: 'AppRequests | take 2', timespan: /^2.*Z\/2.*Z$/ });
  t.match(server.last.headers.prefer, /^wait=(?:90|8\d)$/);
  t.same(shownOf(answers), [
    {
      kind: 'columns',
      columns: [
        { name: 'TimeGenerated', type: 'time' },
        { name: 'Name', type: 'text' },
        { name: 'Count', type: 'integer' },
        { name: 'Rate', type: 'float' },
        { name: 'Ok', type: 'bool' },
        { name: 'Props', type: 'document' },
        { name: 'Took', type: 'text' },
      ],
    },
    {
      kind: 'rows',
      rows: [
        ['1769860800123456', '1769861100000000'],
        ['a', null],
        ['9007199254740993', 1],
        ['NaN', 0.5],
        [true, null],
        ['{"a": 12345678901234567890}', '"no JSON"'],
        ['00:00:01', null],
      ],
    },
    {
      kind: 'end',
      note: 'Partial: Query result set has exceeded the internal record count limit 500000. Ask for less time, or aggregate more.',
      displays: [],
    },
  ]);
});

t.test('KQL: values over time become a chart', async (t) => {
  const rows = Array.from({ length: 20 }, (_, at) => [
    new Date(1_700_000_000_000 + at * 300_000).toISOString(),
    at % 2 === 0 ? 'ok' : 'failed',
    at,
  ]);
  const columns = [
    { name: 'TimeGenerated', type: 'datetime' },
    { name: 'Result', type: 'string' },
    { name: 'count_', type: 'long' },
  ];
  const { connections, server } = await start({
    [QUERY]: json({ tables: [{ name: 'PrimaryResult', columns, rows }] }),
  });
  const { text: all } = await performCell(
    '%%azure\nlogs\nA | summarize count() by bin(TimeGenerated, 5m), Result',
    connections,
  );
  t.match(all, /vegalite.*failed/);
  t.notOk('timespan' in JSON.parse(server.last.body), 'the query says its time itself');
});

t.test('Resource Graph: page by page, and what is cut is told', async (t) => {
  const { connections, server } = await start(
    {
      [GRAPH]: (response, { body }) => {
        const { options, query } = JSON.parse(body);
        const at = Number(options.$skipToken ?? 0);
        if (query === 'cut')
          return response.end(JSON.stringify({ data: [{ a: 1 }], resultTruncated: 'true' }));
        const data = [{ id: `/subscriptions/s/${at}`, tags: { team: 'shop' } }];
        return response.end(
          JSON.stringify({ data, resultTruncated: 'false', ...(at < 2 && { $skipToken: String(at + 1) }) }),
        );
      },
    },
    { subscription_id: 'sub-1' },
  );
  const all = await performCell('%%azure\ngraph\nresources | where name == {{n}}', connections, {
    n: text('a"b'),
  });
  t.equal(all.error, '');
  t.match(shownOf(all.answers), [
    { kind: 'columns', columns: [{ name: 'id' }, { name: 'tags.team' }] },
    { kind: 'rows', rows: [[0, 1, 2].map((at) => `/subscriptions/s/${at}`), ['shop', 'shop', 'shop']] },
    { kind: 'end', note: '' },
  ]);
  t.match(JSON.parse(server.last.body), {
    subscriptions: ['sub-1'],
    query: String.raw`resources | where name == "a\"b"`,
    options: { $skipToken: '2', resultFormat: 'objectArray' },
  });
  const cut = await performCell('%%azure\ngraph\ncut', connections);
  t.match(
    cut.text,
    /Partial: only the first 1 rows\. Azure has no next page for a query without the column id/,
  );
});

t.test('metrics of a resource', async (t) => {
  const path =
    '/subscriptions/s/resourceGroups/a%20b/providers/Microsoft.Compute/virtualMachines/web/providers/Microsoft.Insights/metrics';
  const { connections, server } = await start({
    [path]: json({
      value: [
        {
          name: { value: 'Percentage CPU' },
          timeseries: [
            {
              metadatavalues: [{ name: { value: 'host' }, value: 'h1' }],
              data: [
                { timeStamp: '2026-01-31T12:00:00Z', maximum: 7.5 },
                { timeStamp: '2026-01-31T12:01:00Z' },
              ],
            },
          ],
        },
      ],
    }),
  });
  const { answers, error } = await performCell(
    '%%azure --range 1h\nmetrics {{vm}}\nPercentage CPU: Maximum',
    connections,
    { vm: text('/subscriptions/s/resourceGroups/a b/providers/Microsoft.Compute/virtualMachines/web') },
  );
  t.equal(error, '');
  t.match(server.last.url, /metricnames=Percentage%20CPU&aggregation=Maximum&interval=PT1M&timespan=/);
  t.match(shownOf(answers).slice(1, 2), [
    { kind: 'rows', rows: [[1769860800000000], ['Percentage CPU (Maximum)'], ['host=h1'], [7.5]] },
  ]);
  for (const id of ['/subscriptions/../x', '/subscriptions/s/%2e%2e/y', '/other', '/subscriptions/s?x=1']) {
    const refused = await performCell('%%azure\nmetrics {{vm}}\nCPU', connections, { vm: text(id) });
    t.match(refused.error, /leaves the connection's url|needs the id of a resource/, id);
    t.notMatch(server.last.url, 'y/providers');
  }
});

t.test('what Azure refuses is told with what to do, without what it quotes', async (t) => {
  let answer: Answer = () => {};
  const { connections } = await start({ [QUERY]: (...all) => answer(...all) });
  const ask = async () => (await performCell('%%azure --timeout 5\nA | take 1', connections)).error;
  answer = json(
    {
      error: {
        code: 'BadArgumentError',
        message: 'The request had some invalid properties',
        innererror: {
          code: 'SyntaxError',
          message: 'A recognition error occurred in the query.',
          innererror: { code: 'SYN0002', message: "Query could not be parsed at 'x' on line [1,5]" },
        },
      },
    },
    400,
  );
  t.equal(await ask(), "Azure Monitor: Query could not be parsed at 'x' on line [1,5]");
  answer = json({ error: { code: 'InsufficientAccessError', message: clouds.AZURE_TOKEN } }, 403);
  t.match(
    await ask(),
    /a right is missing\. Give the application the role Log Analytics Reader on the workspace\.$/,
  );
  answer = json({ error: { message: clouds.AZURE_TOKEN } }, 401);
  t.match(await ask(), /does not accept the connection's credential/);
  answer = give('text/html', '<h1>hello</h1>');
  t.match(await ask(), /The answer is not from Azure Monitor: is the connection's url right\?/);
  answer = json({ error: { code: 'X', message: `bad ${clouds.AZURE_TOKEN} ${clouds.AZURE.secret}` } }, 400);
  t.notMatch(await ask(), clouds.AZURE_TOKEN, 'S10');
  let times = 0;
  answer = (response, asked) => {
    times += 1;
    if (times === 1) response.writeHead(429, { 'retry-after': '0' }).end();
    else json({ tables: [{ name: 'P', columns: [], rows: [] }] })(response, asked);
  };
  t.equal(await ask(), '');
  const none = await start({}, { workspace_id: undefined });
  const { workspace_id: _, ...settings } = none.settings as Record<string, unknown>;
  t.match(
    (await performCell('%%azure\nA', oneConnection('azure', settings))).error,
    /needs workspace_id in the connection/,
  );
  t.match((await performCell('%%azure\n', connections)).error, /needs a query/);
  t.match(
    (await performCell('%%azure\nmetrics /subscriptions/s\nCPU: Mean', connections)).error,
    /which is one of Average/,
  );
  t.match((await performCell('%%azure --range 1h\ngraph\nresources', connections)).error, /takes no --range/);
});

t.test('connections test reads the workspace, or the resources', async (t) => {
  const kind = builtIn.find(({ name }) => name === 'azure')?.connection;
  const own = new Resources(new Map());
  t.teardown(() => own.close());
  const test = (settings: unknown) =>
    kind?.test({
      settings: kind.settings.parse(settings),
      signal: AbortSignal.timeout(10_000),
      resources: own,
      hide() {},
    });
  const { settings } = await start({
    [QUERY]: json({ tables: [{ name: 'P', columns: [], rows: [] }] }),
    [GRAPH]: json({ data: [{ count_: 5 }] }),
  });
  t.equal(await test(settings), 'Azure Monitor, reads the workspace ws-1');
  const { workspace_id: _, ...without } = settings as Record<string, unknown>;
  t.equal(await test(without), 'Azure Resource Graph, reads resources');
  await t.rejects(async () => test({ ...settings, client_secret: new Secret('no') }), {
    message: /issued no token/,
  });
  t.throws(() => kind?.settings.parse({ ...settings, workspace_id: '../x' }), /workspace's id/);
});

t.test('S11: a value of KQL never ends the text that it is in', (t) => {
  const values = new Map<string, Value>([
    ['v', text('a"b\'c\\d\ne//f')],
    ['w', text('it\'s "so"')],
    ['n', { type: 'number', value: '-42' }],
    ['l', { type: 'list', value: [text('a"'), { type: 'number', value: '1' }] }],
    ['t', { type: 'time', value: '2026-01-31T12:00:00Z' }],
    ['none', { type: 'null', value: null }],
  ]);
  const kql = (query: string) => placeValues(query, values, KQL);
  t.equal(kql('where a == {{v}}'), String.raw`where a == "a\"b'c\\d\ne//f"`);
  t.equal(kql("where a == '{{v}}'"), String.raw`where a == 'a"b\'c\\d\ne//f'`);
  t.equal(kql(`where a == @'{{w}}' or a == @"{{w}}"`), `where a == @'it''s "so"' or a == @"it's ""so"""`);
  t.equal(
    kql('where a in ({{l}}) and b > {{n}} and c > {{t}}'),
    String.raw`where a in ("a\"", 1) and b > (-42) and c > datetime("2026-01-31T12:00:00Z")`,
  );
  t.equal(kql('A // {{w}} "\n| where a == "x//{{n}}"'), 'A // {{w}} "\n| where a == "x//-42"');
  t.throws(() => kql('print ```{{v}}```'), { name: 'CellError' });
  t.throws(() => kql("a == @'{{v}}'"), { message: /line break/ });
  t.throws(() => kql('a == {{none}}'), { message: /is None/ });
  t.end();
});
