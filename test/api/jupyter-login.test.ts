import t from 'tap';
import { ask, askUpgrade } from '../support/ask.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';
import { startSocketServer } from '../support/sockets.js';

/** VS Code's Jupyter extension, `jupyterPasswordConnect.ts`: what it asks, in its order, and what it makes of it. */
async function connect(base: string, password: string) {
  const first = await ask(`${base}/`, { headers: { accept: '*/*' } });
  const needsPassword = first.status === 302 && /\/login\?/.test(first.headers.location ?? '');
  const { status, headers } = await ask(`${base}/login?`, { headers: { accept: '*/*' } });
  const xsrf = /^_xsrf=([^;]*)/.exec(headers['set-cookie']?.[0] ?? '')?.[1] ?? '';
  const posted = await ask(`${base}/login?`, {
    method: 'POST',
    headers: {
      cookie: `_xsrf=${xsrf}`,
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
    },
    body: new URLSearchParams({ _xsrf: xsrf, password }).toString(),
  });
  // It takes the attributes for a part of the value.
  const session = posted.status === 302 ? posted.headers['set-cookie']?.[0] : undefined;
  return { needsPassword, form: status, posted, cookie: `_xsrf=${xsrf}; ${session}`, xsrf };
}

for (const base of ['', '/user/me']) {
  t.test(`J4: VS Code logs in by Jupyter's own contract below "${base}/"`, async (t) => {
    const far = await startSocketServer();
    const url = new URL(base, far.upstream.origin);
    const gateway = await startTestGateway({
      upstream: { kind: 'http', url, token: undefined, ca: undefined },
    });
    t.teardown(async () => {
      await gateway.close();
      await far.close();
    });
    const at = gateway.origin + base;
    const { needsPassword, form, posted, cookie, xsrf } = await connect(at, TOKEN);
    t.ok(needsPassword);
    t.equal(form, 200);
    t.equal(posted.status, 302);
    t.equal(posted.headers.location, '/');

    const headers = { cookie, 'x-xsrftoken': xsrf };
    // The far end speaks websocket alone: 426 is its word.
    t.equal((await ask(`${at}/api/kernels`, { headers: { cookie } })).status, 426);
    t.equal((await ask(`${at}/api/sessions`, { method: 'POST', headers })).status, 426);
    t.equal((await ask(`${at}/api/sessions`, { method: 'POST', headers: { cookie } })).status, 403);
    t.equal((await askUpgrade(`${at}/api/kernels/1/channels?token=`, headers)).status, 101);
    t.equal((await askUpgrade(`${at}/api/kernels/1/channels`, { cookie })).status, 403);
  });
}

t.test('S1: whoever has not logged in is not told where Jupyter is', async (t) => {
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url: new URL('http://127.0.0.1:1/user/ana'), token: undefined, ca: undefined },
  });
  t.teardown(() => gateway.close());
  const answer = await ask(`${gateway.origin}/`);
  t.match([answer.status, answer.headers.location], [302, '/login?next=%2F']);
  t.equal((await ask(`${gateway.origin}/login?next=%2F`)).status, 200);
  t.notMatch(JSON.stringify(answer), 'ana');
});

t.test('J4: what else comes to /login', async (t) => {
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url: new URL('http://127.0.0.1:1'), token: undefined, ca: undefined },
  });
  t.teardown(() => gateway.close());
  const { origin } = gateway;
  const wrong = await connect(origin, 'wrong');
  t.equal(wrong.posted.status, 401);
  t.equal(wrong.posted.headers['set-cookie'], undefined);
  t.match(gateway.lines('login failed'), [{ carrier: 'form', reason: 'wrong token' }]);

  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const post = (headers: Record<string, string>, fields: Record<string, string>, query = '') =>
    ask(`${origin}/login${query}`, {
      method: 'POST',
      headers: { ...form, ...headers },
      body: new URLSearchParams(fields).toString(),
    });
  const pair = { cookie: '_xsrf=abc' };
  t.equal((await post({}, { password: TOKEN })).status, 403, 'no proof');
  t.equal((await post(pair, { password: TOKEN, _xsrf: 'abd' })).status, 403, 'another');
  t.equal((await post({}, { password: TOKEN, _xsrf: '' })).status, 403, 'an empty one');
  for (const origin of ['https://evil.example', 'null'])
    t.equal((await post({ ...pair, origin }, { password: TOKEN, _xsrf: 'abc' })).status, 403, origin);
  t.equal((await post(pair, { password: '', _xsrf: 'abc' })).status, 401);

  const good = await post({ ...pair, 'x-xsrftoken': 'abc' }, { password: TOKEN }, '?next=%2Flab');
  t.match([good.status, good.headers.location], [302, '/lab']);
  const away = await post(pair, { password: TOKEN, _xsrf: 'abc' }, '?next=https%3A%2F%2Fevil.example');
  t.match([away.status, away.headers.location], [302, '/']);

  const page = await ask(`${origin}/login`, { headers: { cookie: '_xsrf=0123456789abcdef' } });
  t.match(page.headers['set-cookie'], ['_xsrf=0123456789abcdef; Path=/']);
  t.match(page.body, 'name="_xsrf" value="0123456789abcdef"');
  const person = await ask(`${origin}/login`, {
    headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' },
  });
  t.match([person.status, person.headers.location], [302, /^\/spin\/login/]);
  t.equal((await ask(`${origin}/login`, { headers: { authorization: 'token wrong' } })).status, 403);
  t.notMatch(gateway.log(), TOKEN);
});
