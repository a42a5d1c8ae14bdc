import t from 'tap';
import { placeValues } from '../../processors/core/placed-values.js';
import { Resources } from '../../processors/core/resources.js';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { LOGGING_QUERY } from '../../processors/gcp/languages.js';
import { builtIn } from '../../processors/index.js';
import { oneConnection, performCell, resources } from '../support/brokered.js';
import * as clouds from '../support/clouds.js';
import { type Answer, give, startRestServer } from './rest-server.js';

/** There is no server with this API to be had: this one is scripted from Google's API reference. */

t.teardown(() => resources.close());
let issuers: clouds.Issuers;
let key: Secret;
t.before(async () => {
  issuers = await clouds.startIssuers(t);
  key = new Secret(clouds.googleKey(`${issuers.origin}/google`));
});

const ENTRIES = '/v2/entries:list';
const ASSETS = '/v1/projects/shop-prod:searchAllResources';

async function start(answers: Readonly<Record<string, Answer>>, more: object = {}) {
  const checked = Object.entries(answers).map(([path, answer]): [string, Answer] => [
    path,
    (response, asked) => {
      if (asked.headers.authorization === `Bearer ${clouds.GOOGLE_TOKEN}`) answer(response, asked);
      else response.writeHead(401).end(JSON.stringify(asked));
    },
  ]);
  const server = await startRestServer(t, Object.fromEntries(checked));
  const settings = { url: server.origin, credentials: key, ...more };
  return { server, settings, connections: oneConnection('gcp', settings) };
}
const json = (value: unknown, status = 200) => give('application/json', JSON.stringify(value), status);
const text = (value: string): Value => ({ type: 'text', value });
const shownOf = (answers: readonly object[]) =>
  (answers as readonly { kind: string }[]).filter(({ kind }) => kind !== 'progress');

t.test('entries: page by page, also over empty ones, newest first', async (t) => {
  const entries = [
    {
      timestamp: '2026-01-31T12:00:00.123456789Z',
      severity: 'ERROR',
      logName: 'projects/shop-prod/logs/run.googleapis.com%2Fstderr',
      resource: { type: 'cloud_run_revision', labels: { service_name: 'web' } },
      labels: { team: 'shop' },
      textPayload: 'it failed <b>',
    },
    { timestamp: '2026-01-31T11:59:59Z', jsonPayload: { message: 'slow', took: 12345678901234567890n } },
    { receiveTimestamp: '2026-01-31T11:59:58.5Z', protoPayload: { methodName: 'Delete' } },
    { timestamp: 'odd', httpRequest: { requestMethod: 'GET', requestUrl: '/x', status: 500 } },
  ];
  const written = JSON.stringify({ entries, nextPageToken: 'p1' }, (_, value) =>
    typeof value === 'bigint' ? `big${value}` : value,
  ).replace(/"big(\d+)"/, '$1');
  const { connections, server } = await start({
    [ENTRIES]: (response, { body }) => {
      const { pageToken } = JSON.parse(body);
      if (pageToken === undefined) response.end(written);
      else
        response.end(
          JSON.stringify(pageToken === 'p1' ? { nextPageToken: 'p2' } : { entries: entries.slice(0, 1) }),
        );
    },
  });
  const { answers, error } = await performCell(
    '%%gcp --range 6h --limit 50\nseverity>={{s}} -- mine',
    connections,
    { s: text('ERROR') },
  );
  t.equal(error, '');
  t.equal(server.asked.length, 3);
  const asked = JSON.parse(server.last.body);
  t.match(asked, {
    resourceNames: ['projects/shop-prod'],
    orderBy: 'timestamp desc',
    pageSize: 46,
    pageToken: 'p2',
  });
  t.match(asked.filter, /^\(severity>="ERROR" -- mine\n\) AND timestamp>="2\S+Z" AND timestamp<"2\S+Z"$/);
  t.same(shownOf(answers).slice(1), [
    {
      kind: 'rows',
      rows: [
        ['1769860800123456', '1769860799000000', '1769860798500000', null],
        ['ERROR', 'DEFAULT', 'DEFAULT', 'DEFAULT'],
        ['run.googleapis.com/stderr', '', '', ''],
        ['cloud_run_revision', null, null, null],
        ['{"service_name":"web","team":"shop"}', null, null, null],
        [null, '{"message":"slow","took":12345678901234567890}', '{"methodName":"Delete"}', null],
        ['it failed <b>', 'slow', 'Delete', 'GET /x 500'],
      ],
    },
    {
      kind: 'rows',
      rows: [
        ['1769860800123456'],
        ['ERROR'],
        ['run.googleapis.com/stderr'],
        ['cloud_run_revision'],
        ['{"service_name":"web","team":"shop"}'],
        [null],
        ['it failed <b>'],
      ],
    },
    { kind: 'end', note: '', displays: [] },
  ]);
  const some = await performCell('%%gcp --limit 4\nlogs', connections);
  t.match(some.text, /Only the newest 4 entries of this time: allow more with --limit/);
  t.notMatch(JSON.parse(server.last.body).filter, /^\(/, 'no filter of its own');
});

t.test('assets: a table of what there is', async (t) => {
  const { connections, server } = await start(
    {
      [ASSETS]: (response, { url }) => {
        const token = new URL(url, 'http://x').searchParams.get('pageToken');
        const results = [
          {
            name: `//compute/${token ?? 'first'}`,
            assetType: 'compute.googleapis.com/Instance',
            labels: { team: 'shop' },
          },
        ];
        response.end(JSON.stringify({ results, ...(token === null && { nextPageToken: 'a b' }) }));
      },
    },
    { project: 'shop-prod' },
  );
  const { answers, error } = await performCell('%%gcp\nassets\nlabels.team:{{team}}', connections, {
    team: text('a"b'),
  });
  t.equal(error, '');
  t.match(server.last.url, 'query=labels.team%3A%22a%5C%22b%22&pageSize=500&pageToken=a%20b');
  t.match(shownOf(answers), [
    { kind: 'columns', columns: [{ name: 'name' }, { name: 'assetType' }, { name: 'labels.team' }] },
    { kind: 'rows', rows: [['//compute/first', '//compute/a b']] },
    { kind: 'end', note: '' },
  ]);
  const none = await start({ [ASSETS]: json({}) });
  t.equal((await performCell('%%gcp\nassets', none.connections)).error, '');
});

t.test('what Google refuses is told with what to do, without what it quotes', async (t) => {
  let answer: Answer = () => {};
  const { connections, server } = await start({ [ENTRIES]: (...all) => answer(...all) });
  const ask = async (seconds = 5) =>
    (await performCell(`%%gcp --timeout ${seconds}\nlogs`, connections)).error;
  const said = (code: number, status: string, message: string, details: object[] = []) =>
    json({ error: { code, status, message, details } }, code);
  answer = said(400, 'INVALID_ARGUMENT', 'Unparseable filter: syntax error at line 1, column 3');
  t.equal(
    await ask(),
    'Cloud Logging (INVALID_ARGUMENT): Unparseable filter: syntax error at line 1, column 3',
  );
  answer = said(403, 'PERMISSION_DENIED', clouds.GOOGLE_TOKEN);
  t.match(await ask(), /the right logging\.logEntries\.list \(role Logs Viewer\) is missing\. Grant it/);
  answer = said(403, 'PERMISSION_DENIED', 'x', [{ reason: 'SERVICE_DISABLED' }]);
  t.match(await ask(), /is switched off in this project\. Enable its API/);
  answer = said(401, 'UNAUTHENTICATED', clouds.GOOGLE_TOKEN);
  t.match(await ask(), /does not accept the connection's credential/);
  answer = said(429, 'RESOURCE_EXHAUSTED', 'quota');
  const before = server.asked.length;
  t.match(await ask(4), /answers no more requests for now \(429\)/);
  t.equal(server.asked.length, before + 1, 'four seconds are too short to wait for a quota');
  let times = 0;
  answer = (response, asked) => {
    times += 1;
    if (times === 1) response.writeHead(429, { 'retry-after': '0' }).end('{}');
    else json({})(response, asked);
  };
  t.equal(await ask(), '');
  for (const wrong of ['<h1>hello</h1>', '[]', '{"entries": 1}', '{"other": true}', 'null']) {
    answer = give('application/json', wrong);
    t.match(await ask(), /is not from Cloud Logging: is the connection's url right\?/, wrong);
  }
  answer = said(400, 'X', `bad ${clouds.GOOGLE_TOKEN}`);
  t.notMatch(await ask(), clouds.GOOGLE_TOKEN, 'S10');
  const cells: Readonly<Record<string, RegExp>> = {
    '%%gcp\n': /needs a filter/,
    '%%gcp --limit 0\nlogs': /--limit takes/,
    '%%gcp --range 1h\nassets': /takes no --range/,
    '%%gcp --range x\nlogs': /--range takes a duration/,
    '%%gcp\na={{secret:B}}': /can't be used in a question to Google Cloud/,
  };
  for (const [cell, sentence] of Object.entries(cells))
    t.match((await performCell(cell, connections)).error, sentence, cell);
});

t.test('connections test reads an entry', async (t) => {
  const kind = builtIn.find(({ name }) => name === 'gcp')?.connection;
  const own = new Resources(new Map());
  t.teardown(() => own.close());
  const test = async (settings: unknown) =>
    kind?.test({
      settings: kind.settings.parse(settings),
      signal: AbortSignal.timeout(10_000),
      resources: own,
      hide() {},
    });
  const { settings, server } = await start({ [ENTRIES]: json({ entries: [{}] }) });
  t.equal(await test(settings), 'Google Cloud, reads the logs of shop-prod');
  t.match(JSON.parse(server.last.body), { pageSize: 1 });
  t.equal(await test({ ...settings, project: 'other' }), 'Google Cloud, reads the logs of other');
  await t.rejects(test({ ...settings, credentials: new Secret('{}') }), {
    message: /Set project in the connection/,
  });
  t.throws(() => kind?.settings.parse({ ...settings, project: '../x' }), /project's id/);
  t.throws(() => kind?.settings.parse({ url: server.origin }), /missing/);
});

t.test('S10: a service that gives a credential back as a name is not offered', async (t) => {
  const gcp = builtIn.find(({ name }) => name === 'gcp');
  const logNames = [clouds.GOOGLE_TOKEN, 'projects/shop-prod/logs/stderr'];
  const { settings } = await start({ '/v2/projects/shop-prod/logs': json({ logNames }) });
  const checked = gcp?.connection?.settings.parse(settings);
  const own = new Resources(new Map());
  t.teardown(() => own.close());
  const remembered = async <T>(
    _: string,
    load: (...asking: [unknown, AbortSignal, Resources]) => Promise<T>,
  ) => load(checked, AbortSignal.timeout(10_000), own);
  const body = 'logName="';
  const offered = await gcp?.complete?.(body, body.length, { remembered });
  t.same(offered?.items, [{ text: 'projects/shop-prod/logs/stderr', kind: 'log' }]);
});

t.test('S11: a value of a filter never ends the text that it is in', (t) => {
  const values = new Map<string, Value>([
    ['v', text('a"b\'c\\d\ne--f')],
    ['n', { type: 'number', value: '42' }],
    ['l', { type: 'list', value: [text('ERROR'), text('a"')] }],
    ['e', { type: 'list', value: [] }],
  ]);
  const filter = (query: string) => placeValues(query, values, LOGGING_QUERY);
  t.equal(filter('a="{{v}}" AND b={{v}}'), String.raw`a="a\"b'c\\d\ne--f" AND b="a\"b'c\\d\ne--f"`);
  t.equal(filter('a>{{n}} AND severity={{l}}'), String.raw`a>42 AND severity=("ERROR" OR "a\"")`);
  t.equal(filter('a="--{{n}}" -- {{v}} "'), 'a="--42" -- {{v}} "');
  t.throws(() => filter('a={{e}}'), { message: /is an empty list/ });
  t.end();
});
