import t from 'tap';
import { ask, askUpgrade, NAVIGATION } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
const PATHS = [
  '/',
  '/lab',
  '/api',
  '/api/kernels',
  '/api/contents/a.ipynb',
  '/files/a.txt',
  '/static/x.js',
  '/login',
  '/logout',
  '/metrics',
  '/favicon.ico',
  '/spin',
  '/spin/',
  '/spin/logout',
  '/spin/nothing',
  '/spin/login/',
  '/spin/login/x',
  '/SPIN/LOGIN',
  '/spin//login',
  '/healthz/x',
];
/** Jupyter's own login, for programs: where it is, its form, and a form that lacks its proof. */
const LOGIN: ReadonlyMap<string, number> = new Map([
  ['GET /', 302],
  ['HEAD /', 302],
  ['GET /login', 200],
  ['HEAD /login', 200],
  ['POST /login', 403],
]);
const SOCKETS = [
  '/api/kernels/1/channels',
  '/terminals/websocket/1',
  '/lsp/ws/pylsp',
  '/api/collaboration/room/x',
  '/api/events/subscribe',
  '/spin/login',
  '/healthz',
];

t.test('S1: identity before everything', async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  let count = 0;
  // Every request from an address of its own: this is not about throttling.
  const from = () => {
    count++;
    return { 'x-forwarded-for': `198.51.${count >> 8}.${count & 255}` };
  };

  t.test('S1: without a token every method on every path gets 401, but Jupyter’s login', async (t) => {
    for (const path of PATHS) {
      for (const method of METHODS) {
        const { status } = await ask(gatehouse.origin + path, { method, headers: from() });
        t.equal(status, LOGIN.get(`${method} ${path}`) ?? 401, `${method} ${path}`);
      }
    }
  });

  t.test('S1: another spelling of the login page is not even a path', async (t) => {
    for (const method of METHODS) {
      const { status } = await ask(`${gatehouse.origin}/spin/%6cogin`, { method, headers: from() });
      t.equal(status, 400, method);
    }
  });

  t.test('S1: with a wrong token every method on every path gets 403', async (t) => {
    for (const path of PATHS) {
      for (const method of METHODS) {
        const headers = { authorization: 'token wrong', ...from() };
        const { status } = await ask(gatehouse.origin + path, { method, headers });
        t.equal(status, 403, `${method} ${path}`);
      }
    }
  });

  t.test('S1: a websocket without a token gets 401 and with a wrong one 403, never 101', async (t) => {
    for (const path of SOCKETS) {
      t.equal((await askUpgrade(gatehouse.origin + path, from())).status, 401, path);
      const carriers = [
        { authorization: 'Bearer wrong' },
        { 'sec-websocket-protocol': 'v1.token.websocket.jupyter.org.wrong, v1.token.websocket.jupyter.org' },
      ];
      for (const carrier of carriers) {
        const { status } = await askUpgrade(gatehouse.origin + path, { ...carrier, ...from() });
        t.equal(status, 403, `${path} ${Object.keys(carrier)}`);
      }
      t.equal((await askUpgrade(`${gatehouse.origin + path}?token=wrong`, from())).status, 403, path);
    }
  });

  t.test('S1: a forged, foreign or empty session cookie is no identity', async (t) => {
    const name = `spin-${gatehouse.port}`;
    const none = `${Buffer.from('{"alg":"none","typ":"spin-session+jwt"}').toString('base64url')}.e30.`;
    for (const value of ['', 'x', none, TOKEN]) {
      const headers = { cookie: `${name}=${value}`, ...from() };
      t.equal((await ask(`${gatehouse.origin}/api`, { headers })).status, 401, value);
    }
  });

  t.test('S1: a login code is no session, and being spent is all it is good for', async (t) => {
    const code = new URL(await gatehouse.loginUrl()).searchParams.get('code') ?? '';
    const cookie = `spin-${gatehouse.port}=${code}`;
    t.equal((await ask(`${gatehouse.origin}/api`, { headers: { cookie, ...from() } })).status, 401);
    const headers = { authorization: `Bearer ${code}`, ...from() };
    t.equal((await ask(`${gatehouse.origin}/api`, { headers })).status, 403);
  });

  t.test('S1: the login page is what an unknown person gets to see', async (t) => {
    const headers = { ...NAVIGATION, ...from() };
    t.equal((await ask(`${gatehouse.origin}/spin/login`, { headers })).status, 200);
    t.equal((await ask(`${gatehouse.origin}/lab`, { headers })).headers.location, '/spin/login?next=%2Flab');
  });
});
