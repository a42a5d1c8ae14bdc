import t from 'tap';
import { Challenges } from '../../gateway/edge/challenges.js';
import { type Answer, ask, askUpgrade, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';

const NAME = 'runtime.example';
const LISTED = 'https://notebooks.example';
const EVIL = 'https://evil.example';
const PROOF = '/.well-known/acme-challenge/one';
/** NUL in a name. */
const BAD_PATH = '/a%00b';

/** A request by plain HTTP to a name that needs https, and one by https. Both come through a trusted proxy. */
const PLAIN = { host: NAME, 'x-forwarded-proto': 'http' };
const SECURE = { host: NAME, 'x-forwarded-proto': 'https' };
const PREFLIGHT = { origin: LISTED, 'access-control-request-method': 'PATCH' };
const WRONG = { authorization: 'token wrong' };

t.test('each request is answered by the first gate that would stop it', async (t) => {
  const challenges = new Challenges();
  challenges.addHttp('proof.example', 'one', 'one.proof');
  const gatehouse = await startGatehouse({
    challenges,
    allowedOrigins: [LISTED],
    allowedHosts: [NAME],
    publicUrl: new URL(`https://${NAME}`),
    tls: { mode: 'auto', files: { cert: 'cert.pem', key: 'key.pem' } },
  });
  t.teardown(() => gatehouse.close());
  const { origin } = gatehouse;
  // Another program of this machine: the gate's own sentence about it is unlike that of any other part.
  const otherPort = { origin: 'http://127.0.0.1:1' };
  const get = (path: string, headers: Record<string, string>, method = 'GET') =>
    ask(origin + path, { method, headers });
  const codeOf = ({ body }: Answer): unknown => (body.startsWith('{') ? JSON.parse(body).code : undefined);
  const hsts = ({ headers }: Answer) => headers['strict-transport-security'];

  t.test('a proof and the health checks, before Host', async (t) => {
    const proof = await get(PROOF, { host: 'proof.example', origin: EVIL });
    t.match(proof, { status: 200, body: 'one.proof' });
    const health = await get('/healthz', { host: 'rebound.example', origin: EVIL });
    t.match(health, { status: 200, body: 'ok\n' });
  });

  t.test('Host, before the path', async (t) => {
    t.equal((await get(BAD_PATH, { host: 'rebound.example' })).status, 421);
    t.equal((await askUpgrade(origin + BAD_PATH, { host: 'rebound.example' })).status, 421);
  });

  t.test('the path, before the transport', async (t) => {
    t.equal((await get(BAD_PATH, PLAIN)).status, 400);
    t.equal((await askUpgrade(origin + BAD_PATH, PLAIN)).status, 400);
  });

  t.test('the transport, before preflights, Origin and the token', async (t) => {
    t.equal((await get('/x', { ...PLAIN, ...PREFLIGHT }, 'OPTIONS')).status, 426);
    const moved = await get('/x?a=1&token=wrong', { ...PLAIN, origin: EVIL });
    t.match(moved, { status: 302, headers: { location: `https://${NAME}/x?a=1` } });
    t.equal(moved.headers.vary, undefined, 'CORS comes later');
    t.equal((await askUpgrade(`${origin}/x`, { ...PLAIN, origin: EVIL })).status, 426);
  });

  t.test('preflights, before the token', async (t) => {
    const answer = await get('/x', { ...SECURE, ...PREFLIGHT, ...WRONG }, 'OPTIONS');
    t.match(answer, { status: 204, headers: { 'access-control-allow-origin': LISTED } });
    t.match(hsts(answer), /^max-age=/, 'what https promises is on it');
  });

  t.test('Origin, before the login pages and the token', async (t) => {
    for (const path of ['/spin/login', '/login', '/x']) {
      const answer = await get(path, otherPort);
      t.match(answer, { status: 403, body: /SPIN_PUBLIC_URL/ }, path);
    }
    for (const path of ['/spin/login', '/login', '/x?token=wrong']) {
      const answer = await get(path, { ...SECURE, ...WRONG, origin: EVIL });
      t.match(answer, { status: 403, body: /ORIGIN_NOT_ALLOWED/ }, path);
      t.match(hsts(answer), /^max-age=/, 'what https promises is on it');
      t.equal(answer.headers['access-control-allow-origin'], undefined);
      t.equal(answer.headers.vary, 'Origin', 'no cache gives it to a listed page');
    }
    t.equal((await askUpgrade(`${origin}/x`, { ...WRONG, origin: EVIL })).status, 403);
  });

  t.test('the login pages, before the token', async (t) => {
    t.equal((await get('/spin/login', WRONG)).status, 200);
    t.equal((await get('/login', {})).status, 200);
    t.equal((await get('/spin/login/', {})).status, 401);
  });

  t.test('nothing of all that has looked at a token', async (t) => {
    t.notMatch(gatehouse.log(), 'login failed');
    t.same(gatehouse.delays, []);
    t.equal((await askUpgrade(`${origin}/spin/login`)).status, 401, 'a websocket has no login page');
    t.equal((await askUpgrade(`${origin}/healthz`)).status, 401, 'and no health check');
  });

  t.test('the token; its refusal may be read by a listed page', async (t) => {
    for (const [headers, code] of [
      [{}, 'UNAUTHENTICATED'],
      [WRONG, 'FORBIDDEN'],
    ] as const) {
      const answer = await get('/x', { ...SECURE, ...headers, origin: LISTED });
      t.equal(codeOf(answer), code);
      t.equal(answer.headers['access-control-allow-origin'], LISTED);
      t.match(hsts(answer), /^max-age=/);
    }
  });

  t.test('what a cookie asks of Origin, behind the token and before what a session gets', async (t) => {
    const cookie = cookieFrom(await postForm(`${origin}/spin/login`, { token: TOKEN }));
    const lost = { cookie: `${cookie}x` };
    t.equal(codeOf(await get('/x', lost, 'POST')), 'UNAUTHENTICATED');
    t.equal((await askUpgrade(`${origin}/x`, lost)).status, 401);
    t.equal(codeOf(await get('/x', { cookie }, 'POST')), 'ORIGIN_REQUIRED');
    t.equal((await askUpgrade(`${origin}/x`, { cookie })).status, 403);
    t.equal((await askUpgrade(`${origin}/x`, { cookie, origin })).status, 101);
    gatehouse.pass(3700);
    const foreign = await get('/x', { cookie, 'sec-fetch-site': 'cross-site' });
    t.equal(codeOf(foreign), 'ORIGIN_NOT_ALLOWED');
    t.equal(foreign.headers['set-cookie'], undefined, 'no session is renewed for another site’s page');
    const own = await get('/x', { cookie, origin });
    t.match(own, { status: 200, headers: { 'set-cookie': [/^spin-/] } });
  });

  t.test('the exchange of a token in a URL, before any other part', async (t) => {
    const answer = await get(`/spin/nothing?token=${encodeURIComponent(TOKEN)}`, { ...NAVIGATION });
    t.match(answer, { status: 302, headers: { location: '/spin/nothing', 'set-cookie': [/^spin-/] } });
  });
});

t.test('a program that asks where Jupyter is gets its login, below its base path only', async (t) => {
  const gatehouse = await startGatehouse({ basePath: '/user/me' });
  t.teardown(() => gatehouse.close());
  const at = (path: string, headers = {}) => ask(gatehouse.origin + path, { headers });
  t.match(await at('/'), { status: 302, headers: { location: '/login?next=%2F' } });
  t.match(await at('/user/me/'), { status: 302, headers: { location: '/user/me/login?next=%2F' } });
  t.equal((await at('/user/me/login')).status, 200);
  for (const path of ['/user/you/', '/user/you/login', '/user/me', '/user/me/lab'])
    t.equal((await at(path)).status, 401, path);
  t.equal((await at('/', WRONG)).status, 403, 'only where no token came');
  t.match(await at('/', NAVIGATION), { status: 302, headers: { location: '/spin/login' } });
});
