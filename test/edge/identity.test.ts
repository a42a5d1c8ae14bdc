import t from 'tap';
import { ask, askUpgrade, cookieFrom, NAVIGATION } from '../support/ask.js';
import { type GatehouseOptions, startGatehouse, TOKEN } from '../support/gatehouse.js';
import { until } from '../support/until.js';

async function house(t: { teardown(end: () => Promise<void>): void }, options?: GatehouseOptions) {
  const gatehouse = await startGatehouse(options);
  t.teardown(() => gatehouse.close());
  const session = async () => (await gatehouse.identity.logIn(gatehouse.client, TOKEN)).split(';')[0] ?? '';
  return { gatehouse, url: `${gatehouse.origin}/api/status`, session };
}

const right = `token ${TOKEN}`;
const wrong = 'token wrong';
const query = (token: string) => `?token=${encodeURIComponent(token)}`;

t.test('several tokens: the query decides, then the header, as in Jupyter', async (t) => {
  const { url } = await house(t);
  t.equal((await ask(url + query('wrong'), { headers: { authorization: right } })).status, 403);
  t.match(JSON.parse((await ask(url + query(TOKEN), { headers: { authorization: wrong } })).body), {
    carrier: 'query',
  });
  const protocols = {
    'sec-websocket-protocol': `v1.token.websocket.jupyter.org.${encodeURIComponent(TOKEN)}`,
  };
  t.equal((await askUpgrade(url, { ...protocols, authorization: wrong })).status, 403);
});

t.test('W5: a token that is not ours does not outweigh a good session, however often it comes', async (t) => {
  const { gatehouse, url, session } = await house(t);
  const cookie = await session();
  for (let n = 0; n < 30; n++) {
    const headers = { cookie, authorization: `Bearer the-proxy's-own-${n}` };
    t.match(JSON.parse((await ask(url, { headers })).body), { carrier: 'cookie' });
  }
  t.match(JSON.parse((await ask(url + query('old'), { headers: { cookie } })).body), { carrier: 'cookie' });
  t.same(gatehouse.delays, []);
  t.notMatch(gatehouse.log(), 'login failed');
  t.equal((await ask(url, { headers: { authorization: right } })).status, 200, 'nothing was counted');
  t.equal((await ask(url, { headers: { cookie: `${cookie}x`, authorization: wrong } })).status, 403);
});

t.test('W5: what changes something by a session needs an Origin, whatever token a proxy adds', async (t) => {
  const { url, session } = await house(t);
  const headers = { cookie: await session(), authorization: wrong };
  t.equal((await ask(url, { method: 'POST', headers })).status, 403);
  t.equal((await askUpgrade(url, headers)).status, 403);
  const origin = new URL(url).origin;
  t.equal((await ask(url, { method: 'POST', headers: { ...headers, origin } })).status, 200);
});

t.test('empty tokens and other schemes count as none: the cookie decides', async (t) => {
  const { url, session } = await house(t);
  const cookie = await session();
  for (const authorization of ['token ', 'Bearer', 'Basic dXNlcjpwYXNz', 'tokenx']) {
    t.equal((await ask(url, { headers: { cookie, authorization } })).status, 200, authorization);
  }
  t.equal((await ask(`${url}?token=`, { headers: { cookie } })).status, 200, 'empty query');
});

t.test('a session over an hour old comes back renewed, a younger one as it is', async (t) => {
  const { gatehouse, url, session } = await house(t);
  const cookie = await session();
  t.equal((await ask(url, { headers: { cookie } })).headers['set-cookie'], undefined);
  gatehouse.pass(3700);
  const renewed = cookieFrom(await ask(url, { headers: { cookie } }));
  t.match(renewed, /^spin-\d+=ey/);
  gatehouse.pass(11.5 * 3600);
  t.equal((await ask(url, { headers: { cookie } })).status, 401);
  t.equal((await ask(url, { headers: { cookie: renewed } })).status, 200);
});

t.test('a ?token= that a script sends is consumed without a redirect or a cookie', async (t) => {
  const { gatehouse } = await house(t);
  const answer = await ask(`${gatehouse.origin}/api/status?a=1&token=${encodeURIComponent(TOKEN)}&b=%7e`);
  t.same(JSON.parse(answer.body), { name: 'owner', carrier: 'query', query: 'a=1&b=%7e' });
  t.equal(answer.headers['set-cookie'], undefined);
});

t.test('a page load by script or by prefetch is no navigation', async (t) => {
  const { url } = await house(t);
  for (const extra of [
    { 'sec-fetch-mode': 'cors' },
    { 'sec-purpose': 'prefetch;prerender' },
    { purpose: 'prefetch' },
  ]) {
    const answer = await ask(url + query(TOKEN), { headers: { ...NAVIGATION, ...extra } });
    t.equal(answer.status, 200, JSON.stringify(extra));
    t.equal(answer.headers['set-cookie'], undefined);
  }
});

t.test('wrong tokens are answered ever later, then with 429 and the time to wait', async (t) => {
  const { gatehouse, url } = await house(t);
  for (let n = 0; n < 10; n++) {
    t.equal((await ask(url, { headers: { authorization: `${wrong} ${n}` } })).status, 403);
  }
  t.same(gatehouse.delays, [500, 1000, 2000, 4000, 4000, 4000, 4000]);
  const refused = await ask(url, { headers: { authorization: right } });
  t.equal(refused.status, 429);
  t.match(refused.headers['retry-after'], /^(300|29\d)$/);
  t.match(JSON.parse(refused.body), { code: 'THROTTLED' });
});

t.test('W7: a tab that asks with an old token for hours locks nobody out', async (t) => {
  const { gatehouse, url } = await house(t);
  for (let n = 0; n < 50; n++) t.equal((await ask(url, { headers: { authorization: wrong } })).status, 403);
  t.same(gatehouse.delays, []);
  t.equal((await ask(url, { headers: { authorization: right } })).status, 200);
});

t.test('X19: many refusals of one kind make a line, and a count', async (t) => {
  const { gatehouse, url } = await house(t);
  for (let n = 0; n < 50; n++) await ask(url);
  const lines = () =>
    gatehouse
      .log()
      .split('\n')
      .filter((line) => line.includes('UNAUTHENTICATED'));
  t.ok(lines().length <= 3, `${lines().length} lines`);
  await until(() => lines().some((line) => line.includes('"more":')));
});
