import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { ask, askUpgrade, NAVIGATION } from '../support/ask.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';

/** Every kind of address that a stock Jupyter, its usual extensions and the gateway itself have. */
const PATHS = [
  '/',
  '/lab',
  '/lab/tree/a.ipynb',
  '/tree',
  '/notebooks/a.ipynb',
  '/api',
  '/api/status',
  '/api/me',
  '/api/kernels',
  '/api/kernels/1/execute',
  '/api/kernelspecs',
  '/api/sessions',
  '/api/terminals',
  '/api/contents/a.ipynb',
  '/api/shutdown',
  '/lab/api/settings',
  '/files/a.txt',
  '/static/x.js',
  '/kernelspecs/python3/logo-64x64.png',
  '/nbconvert/html/a.ipynb',
  '/metrics',
  '/login',
  '/logout',
  '/favicon.ico',
  '/robots.txt',
  '/spin',
  '/spin/',
  '/spin/logout',
  '/spin/metrics',
  '/spin/login/x',
  '/spin/api/connections',
  '/spin/api/connections/prod/test',
  '/healthz/x',
  '/HEALTHZ',
  '/readyz/',
  '/.well-known/acme-challenge/token',
];
const SOCKETS = [
  '/api/kernels/1/channels?session_id=1',
  '/terminals/websocket/1',
  '/lsp/ws/pylsp',
  '/api/collaboration/room/json:notebook:1',
  '/api/events/subscribe',
  '/spin/login',
  '/healthz',
  '/readyz',
  '/',
];
/** Jupyter's own login, for programs: where it is, its form, and a form that lacks its proof. */
const LOGIN: ReadonlyMap<string, number> = new Map([
  ['GET /', 302],
  ['HEAD /', 302],
  ['GET /login', 200],
  ['HEAD /login', 200],
  ['POST /login', 403],
]);
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];

t.test('S1: the whole gateway', async (t) => {
  let reached = 0;
  const upstream = createServer((_req, res) => {
    reached++;
    res.end('{}');
  });
  upstream.on('upgrade', (_req, socket) => {
    reached++;
    socket.destroy();
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = new URL(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url, token: new Secret('upstream-token'), ca: undefined },
    // A trusted proxy, so that every request can come from an address of its own: throttling is another test.
    trustedProxies: ['127.0.0.1/32'],
  });
  t.teardown(async () => {
    await gateway.close();
    upstream.closeAllConnections();
    upstream.close();
  });
  let count = 0;
  const from = () => {
    count++;
    return { 'x-forwarded-for': `198.51.${count >> 8}.${count & 255}` };
  };

  t.test('S1: no request without a token reaches Jupyter; each gets 401, but Jupyter’s login', async (t) => {
    reached = 0;
    for (const path of PATHS) {
      for (const method of METHODS) {
        const { status, headers } = await ask(gateway.origin + path, { method, headers: from() });
        const expected = LOGIN.get(`${method} ${path}`) ?? 401;
        t.equal(status, expected, `${method} ${path}`);
        if (status === 302) t.equal(headers.location, '/login?next=%2F');
      }
    }
    t.equal(reached, 0);
  });

  t.test('S1: no request with a wrong token reaches Jupyter; each gets 403', async (t) => {
    reached = 0;
    for (const path of PATHS) {
      for (const method of METHODS) {
        const headers = { authorization: 'token wrong', ...from() };
        t.equal((await ask(gateway.origin + path, { method, headers })).status, 403, `${method} ${path}`);
      }
      t.equal((await ask(`${gateway.origin}${path}?token=wrong`, { headers: from() })).status, 403, path);
    }
    t.equal(reached, 0);
  });

  t.test('S1: no websocket opens or is even dialled without the token', async (t) => {
    reached = 0;
    for (const path of SOCKETS) {
      const at = gateway.origin + path;
      t.equal((await askUpgrade(at, from())).status, 401, path);
      t.equal((await askUpgrade(at, { authorization: 'token wrong', ...from() })).status, 403, path);
      const mark = path.includes('?') ? '&' : '?';
      t.equal((await askUpgrade(`${at}${mark}token=wrong`, from())).status, 403, path);
      const protocols = 'v1.kernel.websocket.jupyter.org, v1.token.websocket.jupyter.org.wrong';
      const offered = { 'sec-websocket-protocol': protocols, ...from() };
      t.equal((await askUpgrade(at, offered)).status, 403, path);
    }
    t.equal(reached, 0);
  });

  t.test('S1: with the token the same sweep does reach Jupyter', async (t) => {
    reached = 0;
    const { status } = await ask(`${gateway.origin}/api/status`, {
      headers: { authorization: `token ${TOKEN}`, ...from() },
    });
    t.equal(status, 200);
    t.equal(reached, 1);
  });

  t.test('S1: health, readiness and the login page are what everybody gets', async (t) => {
    t.equal((await ask(`${gateway.origin}/healthz`)).status, 200);
    t.match((await ask(`${gateway.origin}/readyz`)).status, /^(200|503)$/);
    t.equal((await ask(`${gateway.origin}/spin/login`, { headers: NAVIGATION })).status, 200);
  });

  t.test('S5: no address takes a foreign Origin, token or not', async (t) => {
    reached = 0;
    const headers = { origin: 'https://evil.example', authorization: `token ${TOKEN}` };
    for (const path of [...PATHS, '/spin/login']) {
      for (const method of ['GET', 'POST']) {
        const { status } = await ask(gateway.origin + path, { method, headers });
        t.equal(status, 403, `${method} ${path}`);
      }
    }
    for (const path of SOCKETS) t.equal((await askUpgrade(gateway.origin + path, headers)).status, 403, path);
    t.equal(reached, 0);
  });
});
