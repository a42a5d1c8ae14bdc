import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { finished } from 'node:stream/promises';
import { pino } from 'pino';
import t from 'tap';
import { GatewayError } from '../gateway/errors.js';
import { logReader } from '../gateway/events/log-reader.js';
import { refusalOf, refuseUpgrade, sendRefusal } from '../gateway/refuse.js';
import { ask, NAVIGATION } from './support/ask.js';

type Tap = { teardown(end: () => void): void };

async function refusing(t: Tap, error: GatewayError, began = false): Promise<string> {
  const server = createServer((req, res) => {
    if (began) res.write('half of');
    sendRefusal(req, res, error);
  });
  server.on('upgrade', (req, socket) => refuseUpgrade(req, socket, error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('a program gets the code and the sentence as JSON', async (t) => {
  const url = await refusing(t, new GatewayError('FORBIDDEN'));
  const answer = await ask(`${url}/x`, { headers: { accept: '*/*' } });
  t.equal(answer.status, 403);
  t.equal(answer.headers['content-type'], 'application/json');
  t.equal(answer.headers['cache-control'], 'no-store');
  const request = answer.headers['x-request-id'];
  t.same(JSON.parse(answer.body), {
    code: 'FORBIDDEN',
    message: new GatewayError('FORBIDDEN').message,
    request,
  });
});

t.test('a person gets a page without scripts, in no frame, sending no referrer', async (t) => {
  const url = await refusing(t, new GatewayError('FORBIDDEN'));
  const { status, headers, body } = await ask(`${url}/x`, { headers: NAVIGATION });
  t.equal(status, 403);
  t.match(headers, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': /^default-src 'none'; style-src 'sha256-.*frame-ancestors 'none'$/,
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
  });
  t.match(body, '<html lang="en">');
  t.notMatch(body, /<script|style="|onclick/i);
});

t.test('what a refusal says is text, not markup', async (t) => {
  const url = await refusing(t, new GatewayError('BAD_REQUEST', '<img src=x onerror="alert(1)">'));
  t.notMatch((await ask(url, { headers: NAVIGATION })).body, '<img');
});

t.test('a person who is not logged in goes to the login page and comes back from there', async (t) => {
  const url = await refusing(t, new GatewayError('UNAUTHENTICATED'));
  const answer = await ask(`${url}/lab/tree/a%20b.ipynb?reset&token=x`, { headers: NAVIGATION });
  t.equal(answer.status, 302);
  t.equal(answer.headers.location, `/spin/login?next=${encodeURIComponent('/lab/tree/a%20b.ipynb?reset')}`);
  t.equal((await ask(`${url}/`, { headers: NAVIGATION })).headers.location, '/spin/login');
});

t.test('a 401 to anything but a navigation keeps its status and names its scheme', async (t) => {
  const url = await refusing(t, new GatewayError('UNAUTHENTICATED'));
  for (const question of [
    {},
    { headers: { ...NAVIGATION, 'sec-fetch-mode': 'cors' } },
    { method: 'POST', headers: NAVIGATION },
  ]) {
    const answer = await ask(url, question);
    t.equal(answer.status, 401);
    t.equal(answer.headers['www-authenticate'], 'Bearer realm="SPIN Runtime"');
  }
});

t.test('while Jupyter starts, a page says so and loads itself again', async (t) => {
  const url = await refusing(t, new GatewayError('UPSTREAM_STARTING'));
  const page = await ask(url, { headers: NAVIGATION });
  t.equal(page.status, 503);
  t.equal(page.headers['retry-after'], '2');
  t.match(page.body, '<meta http-equiv="refresh" content="2">');
  t.match(page.body, 'Jupyter is starting');
  t.match(JSON.parse((await ask(url)).body), { code: 'UPSTREAM_STARTING' });
});

t.test('while Jupyter is down, a page says what to check and looks again', async (t) => {
  const url = await refusing(t, new GatewayError('UPSTREAM_DOWN'));
  const page = await ask(url, { headers: NAVIGATION });
  t.equal(page.status, 502);
  t.match(page.body, '<meta http-equiv="refresh" content="5">');
  t.match(page.body, 'SPIN_UPSTREAM');
});

t.test('the time to wait goes into Retry-After', async (t) => {
  const url = await refusing(t, new GatewayError('THROTTLED', undefined, { retryAfter: 42 }));
  t.equal((await ask(url)).headers['retry-after'], '42');
});

t.test('a response that has begun is cut off, not completed with something else', async (t) => {
  const url = await refusing(t, new GatewayError('UPSTREAM_DOWN'), true);
  await t.rejects(ask(url), { code: 'ECONNRESET' });
});

t.test('a refused upgrade gets a whole HTTP response and its connection is closed', async (t) => {
  const url = new URL(await refusing(t, new GatewayError('THROTTLED', undefined, { retryAfter: 9 })));
  // This client keeps its own half open: the gateway must not wait for it.
  const socket = connect({ port: Number(url.port), host: url.hostname, allowHalfOpen: true });
  socket.write('GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await finished(socket, { writable: false });
  t.match(
    text,
    /^HTTP\/1\.1 429 Too Many Requests\r\nconnection: close\r\nx-request-id: [0-9a-f-]{36}\r\nretry-after: 9\r\n/,
  );
  t.match(text, /\r\ncontent-length: (\d+)\r\n\r\n\{"code":"THROTTLED",/);
  socket.destroy();
});

t.test(
  'what made the gateway itself fail is logged by its place, without a text that may quote a token',
  async (t) => {
    let cause: unknown;
    try {
      new URL('http://[canary-token');
    } catch (error) {
      cause = error;
    }
    const lines: string[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const req = { method: 'GET', url: '/path?token=canary-token' } as IncomingMessage;
    logReader(log)(refusalOf(req, '192.0.2.1', new GatewayError('INTERNAL', undefined, { cause })));
    t.match(JSON.parse(lines.join('')), {
      path: '/path',
      fault: { kind: 'TypeError', stack: /refuse\.test/ },
    });
    t.notMatch(lines.join(''), 'canary');
  },
);

t.test('a page that waits for Jupyter is no line of the log', async (t) => {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const req = { method: 'GET', url: '/lab' } as IncomingMessage;
  for (const code of ['UPSTREAM_STARTING', 'UPSTREAM_DOWN'] as const) {
    logReader(log)(refusalOf(req, '192.0.2.1', new GatewayError(code)));
  }
  t.match(lines, [/UPSTREAM_DOWN/]);
  t.equal(lines.length, 1);
});
