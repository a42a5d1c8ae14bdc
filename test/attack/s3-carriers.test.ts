import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import t from 'tap';
import { ask, askUpgrade, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';

const escaped = encodeURIComponent(TOKEN);

function request(cookie: string): IncomingMessage {
  const req = new IncomingMessage(new Socket());
  req.headers.cookie = cookie;
  return req;
}

t.test('S3: carriers', async (t) => {
  const gatehouse = await startGatehouse();
  t.teardown(() => gatehouse.close());
  const url = `${gatehouse.origin}/api/status`;
  const logIn = () => postForm(`${gatehouse.origin}/spin/login`, { token: TOKEN });

  t.test('S3: each carrier admits a request and an upgrade', async (t) => {
    const cookie = cookieFrom(await logIn());
    const carriers = {
      'Authorization: token': { query: '', headers: { authorization: `token ${TOKEN}` } },
      'Authorization: Bearer': { query: '', headers: { authorization: `Bearer ${TOKEN}` } },
      'Authorization: BEARER': { query: '', headers: { authorization: `BEARER  ${TOKEN}` } },
      '?token=': { query: `?token=${escaped}`, headers: {} },
      cookie: { query: '', headers: { cookie, origin: gatehouse.origin } },
    };
    for (const [name, { query, headers }] of Object.entries(carriers)) {
      t.equal((await ask(url + query, { headers })).status, 200, name);
      t.equal((await askUpgrade(url + query, headers)).status, 101, name);
    }
  });

  t.test('S3: the websocket subprotocol admits an upgrade, in any place among the others', async (t) => {
    const carrier = `v1.token.websocket.jupyter.org.${escaped}`;
    for (const offered of [
      carrier,
      `v1.kernel.websocket.jupyter.org, ${carrier}, v1.token.websocket.jupyter.org`,
      `v1.token.websocket.jupyter.org,${carrier}`,
    ]) {
      const answer = await askUpgrade(url, { 'sec-websocket-protocol': offered });
      t.equal(answer.status, 101, offered);
    }
    const bare = await askUpgrade(url, { 'sec-websocket-protocol': 'v1.token.websocket.jupyter.org' });
    t.equal(bare.status, 401, 'the bare marker carries nothing');
  });

  t.test('S3: the token parameter is stripped, whatever it stands between', async (t) => {
    const { body } = await ask(`${url}?a=1&token=${escaped}&b=2&%74oken=${escaped}`);
    t.equal(JSON.parse(body).query, 'a=1&b=2');
  });

  t.test('S3: the cookie is bound to this host and port, and out of reach of scripts', async (t) => {
    const cookie = (await logIn()).headers['set-cookie']?.[0] ?? '';
    t.match(cookie, new RegExp(`^spin-${gatehouse.port}=`));
    t.same(cookie.split('; ').slice(1), ['Path=/', 'Max-Age=43200', 'HttpOnly', 'SameSite=Lax']);
  });

  t.test('S3: the cookie of a runtime on another port is none', async (t) => {
    const cookie = cookieFrom(await logIn()).replace(/^spin-\d+/, 'spin-1');
    t.equal((await ask(url, { headers: { cookie } })).status, 401);
  });

  t.test('S3: the cookie of plain HTTP is none by https', async (t) => {
    const cookie = cookieFrom(await logIn());
    const secure = { ...gatehouse.client, secure: true };
    t.notOk(await gatehouse.identity.isLoggedIn(request(cookie), secure));
    t.notOk(await gatehouse.identity.isLoggedIn(request(`__Host-${cookie}`), secure));
    const https = (await gatehouse.identity.logIn(secure, TOKEN)).split(';')[0] ?? '';
    t.ok(await gatehouse.identity.isLoggedIn(request(https), secure));
    t.notOk(await gatehouse.identity.isLoggedIn(request(https), gatehouse.client));
    t.notOk(await gatehouse.identity.isLoggedIn(request(https.replace('__Host-', '')), gatehouse.client));
  });

  t.test('S3: another port can hide the session behind none of its own', async (t) => {
    const cookie = cookieFrom(await logIn());
    const [name] = cookie.split('=');
    t.equal(
      (await ask(url, { headers: { cookie: `${name}=tossed; ${name}=a.b.c; ${cookie}` } })).status,
      200,
    );
  });

  t.test('S3: a session ends twelve hours after its last use', async (t) => {
    const cookie = cookieFrom(await logIn());
    gatehouse.pass(12 * 3600 - 60);
    const renewed = cookieFrom(await ask(url, { headers: { cookie } }));
    gatehouse.pass(120);
    t.equal((await ask(url, { headers: { cookie } })).status, 401);
    t.equal((await ask(url, { headers: { cookie: renewed } })).status, 200);
    gatehouse.pass(12 * 3600);
    t.equal((await ask(url, { headers: { cookie: renewed } })).status, 401);
  });

  t.test('S3: a copy of the cookie is worthless after logout, also to the next process', async (t) => {
    const stolen = cookieFrom(await logIn());
    await postForm(`${gatehouse.origin}/spin/logout`, {}, { cookie: stolen });
    t.equal((await ask(url, { headers: { cookie: stolen } })).status, 401);
    t.notOk(await (await gatehouse.reopen()).isLoggedIn(request(stolen), gatehouse.client));
  });

  t.test('S3: changing SPIN_TOKEN ends every session', async (t) => {
    const cookie = cookieFrom(await logIn());
    t.ok(await (await gatehouse.reopen()).isLoggedIn(request(cookie), gatehouse.client));
    t.notOk(
      await (await gatehouse.reopen('another-token-entirely')).isLoggedIn(request(cookie), gatehouse.client),
    );
  });

  t.test('S3: the login page lets its form say where it comes from', async (t) => {
    const { headers } = await ask(`${gatehouse.origin}/spin/login`, { headers: NAVIGATION });
    t.equal(headers['referrer-policy'], 'same-origin');
  });
});
