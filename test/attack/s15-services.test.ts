import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { give, startRestServer } from '../processors/rest-server.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { googleKey } from '../support/clouds.js';
import { until } from '../support/until.js';

t.setTimeout(120_000);
/** Most of them wait for their time to be over. */
t.jobs = 6;
const TOGETHER = { buffered: true } as const;

const KEY = new Secret('canary-token');

/** A cell of each processor that speaks HTTP, without its time limit, with the path that it asks for. */
const cells: Readonly<
  Record<
    string,
    readonly [magic: string, body: string, path: string, more: object | ((origin: string) => object)]
  >
> = {
  prometheus: ['%%prometheus', 'up', '/api/v1/query', {}],
  loki: ['%%loki', '{app="a"}', '/loki/api/v1/query_range', {}],
  tempo: ['%%tempo', '{ status = error }', '/api/search', {}],
  alertmanager: ['%%alertmanager', 'severity="critical"', '/api/v2/alerts', {}],
  grafana: ['%%grafana', '/d/abc?viewPanel=4', '/api/dashboards/uid/abc', {}],
  rest: ['%%rest it', 'GET /things', '/things', {}],
  github: ['%%github', 'GET /user', '/user', {}],
  kubernetes: ['%%kubernetes', 'get pods', '/api', {}],
  llm: ['%%llm', 'hi', '/chat/completions', { model: 'm' }],
  datadog: ['%%datadog', 'logs *', '/api/v2/logs/events/search', { api_key: KEY, app_key: KEY }],
  opensearch: ['%%opensearch', 'level:error', '/_search', {}],
  jenkins: ['%%jenkins', 'jobs', '/api/json', { username: 'me' }],
  splunk: ['%%splunk', 'index=web', '/services/search/v2/jobs', {}],
  azure: [
    '%%azure',
    'A | take 1',
    '/v1/workspaces/w/query',
    (url) => ({
      url,
      token_url: `${url}/token`,
      tenant_id: 't',
      client_id: 'c',
      client_secret: new Secret('canary-token'),
      workspace_id: 'w',
    }),
  ],
  gcp: [
    '%%gcp',
    'logs',
    '/v2/entries:list',
    (url) => ({ url, project: 'p', credentials: new Secret(googleKey(`${url}/token`)) }),
  ],
  aws: [
    '%%aws',
    'logs tail g',
    '/',
    (url) => ({ url, region: 'r', access_key_id: 'id', secret_access_key: new Secret('canary-token') }),
  ],
};

/** What a cloud issues to a connection. */
const ISSUED = JSON.stringify({ access_token: 'canary-token', expires_in: 3600 });

/** A connection whose credential is {@link KEY}. */
function settingsOf(more: object | ((origin: string) => object), url: string): object {
  if (typeof more === 'function') return more(url);
  return { url, ...('api_key' in more ? {} : { token: KEY }), ...more };
}

/** How a sentence says that the time of the cell was over. */
const OVER = 'took longer than 1 s';

/** What a service may do instead of answering, and how the cell's sentence begins or goes on. */
const services: Readonly<Record<string, readonly [(response: ServerResponse) => void, RegExp]>> = {
  'says nothing at all': [() => {}, /took longer than 1 s.*--timeout/],
  'sends a head and nothing more': [
    (response) => response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders(),
    /took longer than 1 s.*--timeout/,
  ],
  'closes in the middle': [
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"a": ', () => response.destroy());
    },
    /it closed the connection|not JSON|is not/,
  ],
  'says that more comes than anybody can take': [
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000000000000' });
      response.write('{"a": ');
    },
    /larger than (?:256 MiB|[\d.]+ [kM]i?B)|took longer than 1 s/,
  ],
  'never ends': [
    (response) => {
      const piece = Buffer.alloc(1024 * 1024, ' ');
      const more = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.writeHead(200, { 'content-type': 'application/json' }).on('drain', more);
      more();
    },
    /larger than (?:256 MiB|[\d.]+ [kM]i?B)|took longer than 1 s|something else than events/,
  ],
  'compresses a bomb': [
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end('not gzip at all');
    },
    /does not match its Content-Encoding|not a chat completion|stopped in the middle/,
  ],
};

for (const [what, [answer, sentence]] of Object.entries(services)) {
  for (const [type, [magic, body, path, more]] of Object.entries(cells)) {
    // Beside those that hog the processor, an answer may take longer than a second too.
    const seconds = sentence.source.includes(OVER) ? 1 : 60;
    t.test(`S14, S15: a service of ${type} that ${what} costs its own cell alone`, TOGETHER, async (t) => {
      const server = await startRestServer(t, { [path]: answer, '/token': give('application/json', ISSUED) });
      const settings = settingsOf(more, server.origin);
      const { error, text } = await performCell(
        `${magic} --timeout ${seconds}\n${body}`,
        oneConnection(type, settings),
      );
      t.match(error, sentence);
      t.notMatch(text, 'canary-token');
      t.notMatch(error, /its log says more/, 'it is no fault of the gateway');
    });
  }
}

for (const [type, [magic, body, path, more]] of Object.entries(cells)) {
  t.test(`S10: a service of ${type} that quotes the credential doesn't give it away`, TOGETHER, async (t) => {
    const said = 'the token canary-token is bad';
    for (const answer of [said, JSON.stringify({ message: said, error: said }), JSON.stringify(said)]) {
      const server = await startRestServer(t, {
        [path]: (response) => response.writeHead(400, { 'content-type': 'application/json' }).end(answer),
        '/token': give('application/json', ISSUED),
      });
      const settings = settingsOf(more, server.origin);
      const { error, text } = await performCell(`${magic}\n${body}`, oneConnection(type, settings));
      t.not(error + text, '');
      t.notMatch(error + text, 'canary-token');
    }
  });
}

/** What listens where a database should be. */
const databases: Readonly<Record<string, (socket: Socket) => void>> = {
  'says nothing at all': () => {},
  'closes at once': (socket) => socket.end(),
  'speaks HTTP': (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'sends garbage': (socket) =>
    socket.end(Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 7) % 251))),
  'makes up a login': (socket) => socket.end(Buffer.from('5200000008ffffffff', 'hex')),
  'never ends': (socket) => {
    const piece = Buffer.alloc(64 * 1024, 'R');
    const more = () => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('drain', more);
    more();
  },
};

for (const [what, serve] of Object.entries(databases)) {
  for (const driver of ['postgres', 'mysql', 'clickhouse']) {
    t.test(`S14, S15: a database of ${driver} that ${what} costs its own cell alone`, TOGETHER, async (t) => {
      const port = await listen(t, serve);
      const settings = {
        driver,
        host: '127.0.0.1',
        port,
        username: 'me',
        password: new Secret('canary-password'),
      };
      const { error, text } = await performCell(
        '%%sql --timeout 1\nselect 1',
        oneConnection('sql', settings),
      );
      t.match(error, /127\.0\.0\.1|took longer than 1 s/);
      t.notMatch(text, 'canary-password');
      t.notMatch(error, /its log says more/, 'it is no fault of the gateway');
    });
  }
}

async function listen(t: Test, serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    socket.resume();
    serve(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    await until(() => sockets.size === 0, 15_000);
  });
  return (server.address() as AddressInfo).port;
}
