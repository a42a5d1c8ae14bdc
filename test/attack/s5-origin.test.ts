import t from 'tap';
import { ask, askUpgrade, cookieFrom, postForm } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';

const LISTED = 'https://notebooks.example';
const authorization = `token ${TOKEN}`;

t.test('S5: Origin', async (t) => {
  const gatehouse = await startGatehouse({ allowedOrigins: [LISTED] });
  t.teardown(() => gatehouse.close());
  const { origin: own, port } = gatehouse;
  const url = `${own}/api/kernels`;
  const cookie = cookieFrom(await postForm(`${own}/spin/login`, { token: TOKEN }));

  const foreign = [
    'null',
    'https://evil.example',
    `${LISTED}.evil.example`,
    'https://evil-notebooks.example',
    'https://evil.notebooks.example',
    'https://notebooks.exampl',
    'https://notebooks.example:8443',
    'https://notebooks.example/',
    'http://notebooks.example',
    'HTTPS://NOTEBOOKS.EXAMPLE',
    'https://notebooks.example@evil.example',
    `${own}.evil.example`,
    own.replace('http:', 'https:'),
    `http://127.0.0.1:${port + 1}`,
    `http://127.0.0.1`,
    `http://localhost:${port}`,
    `${LISTED}, ${own}`,
    '*',
    '',
  ];

  t.test(
    'S5: what is neither same-origin nor listed is refused, requests and upgrades, token or not',
    async (t) => {
      for (const origin of foreign) {
        for (const identity of [{ authorization }, { cookie }, {}]) {
          for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
            const answer = await ask(url, { method, headers: { origin, ...identity } });
            t.equal(answer.status, 403, `${method} ${origin} ${Object.keys(identity)}`);
            t.equal(answer.headers['access-control-allow-origin'], undefined);
          }
          t.equal((await askUpgrade(url, { origin, ...identity })).status, 403, `upgrade ${origin}`);
        }
      }
    },
  );

  t.test('S5: a foreign preflight is refused and gets no CORS headers', async (t) => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const answer = await ask(url, { method: 'OPTIONS', headers });
    t.equal(answer.status, 403);
    t.notOk(Object.keys(answer.headers).some((name) => name.startsWith('access-control')));
  });

  t.test('S5: same-origin and listed origins pass with a token', async (t) => {
    for (const origin of [own, LISTED]) {
      t.equal((await ask(url, { method: 'POST', headers: { origin, authorization } })).status, 200, origin);
      t.equal((await askUpgrade(url, { origin, authorization })).status, 101, origin);
    }
  });

  t.test('S5: a program without an Origin passes with a token', async (t) => {
    t.equal((await ask(url, { method: 'POST', headers: { authorization } })).status, 200);
    t.equal((await askUpgrade(url, { authorization })).status, 101);
  });

  t.test('S5: a cookie alone changes nothing and opens nothing without an Origin', async (t) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      const answer = await ask(url, { method, headers: { cookie } });
      t.equal(answer.status, 403, method);
      t.match(JSON.parse(answer.body), { code: 'ORIGIN_REQUIRED' });
    }
    t.equal((await askUpgrade(url, { cookie })).status, 403);
    t.equal((await askUpgrade(url, { cookie, 'sec-fetch-site': 'same-origin' })).status, 403);
    t.equal((await ask(url, { headers: { cookie } })).status, 200, 'reading is what a link does');
  });

  t.test('J4: a header that repeats the _xsrf cookie stands in for an Origin, where none came', async (t) => {
    const pair = { cookie: `_xsrf=0123abcd; ${cookie}`, 'x-xsrftoken': '0123abcd' };
    t.equal((await ask(url, { method: 'POST', headers: pair })).status, 200);
    t.equal((await askUpgrade(url, pair)).status, 101);
    // As VS Code sends what it took for the cookie's value.
    const vscode = { ...pair, cookie: `${pair.cookie}; Path=/; HttpOnly; SameSite=Lax` };
    t.equal((await ask(url, { method: 'DELETE', headers: vscode })).status, 200);
    for (const headers of [
      { ...pair, 'x-xsrftoken': '0123abce' },
      { ...pair, 'x-xsrftoken': '' },
      { cookie: `_xsrf=; ${cookie}`, 'x-xsrftoken': '' },
      { cookie, 'x-xsrftoken': '0123abcd' },
      { cookie: pair.cookie },
    ]) {
      t.equal((await ask(url, { method: 'POST', headers })).status, 403, JSON.stringify(headers));
      t.equal((await askUpgrade(url, headers)).status, 403);
    }
    for (const origin of ['null', 'https://evil.example', LISTED, own.replace('http:', 'https:')]) {
      t.equal((await ask(url, { method: 'POST', headers: { ...pair, origin } })).status, 403, origin);
      t.equal((await askUpgrade(url, { ...pair, origin })).status, 403, origin);
    }
    t.equal((await ask(url, { method: 'POST', headers: { ...pair, cookie: '_xsrf=0123abcd' } })).status, 401);
  });

  t.test('S5: a cookie works on our own pages', async (t) => {
    t.equal((await ask(url, { method: 'POST', headers: { cookie, origin: own } })).status, 200);
    t.equal((await askUpgrade(url, { cookie, origin: own })).status, 101);
  });

  t.test('S5: a cookie does not work on pages of a listed origin, which send the token', async (t) => {
    t.equal((await ask(url, { method: 'POST', headers: { cookie, origin: LISTED } })).status, 403);
    t.equal((await ask(url, { headers: { cookie, origin: LISTED } })).status, 403);
    t.equal((await askUpgrade(url, { cookie, origin: LISTED })).status, 403);
  });

  t.test('S5: a cookie does not let the page of another port load a script or an image', async (t) => {
    const load = (site: string, mode: string, identity: Record<string, string> = { cookie }) =>
      ask(url, { headers: { ...identity, 'sec-fetch-site': site, 'sec-fetch-mode': mode } });
    for (const site of ['same-site', 'cross-site', 'same-origin, same-site', '']) {
      t.match(await load(site, 'no-cors'), { status: 403, body: /ORIGIN_NOT_ALLOWED/ }, site);
      t.equal((await load(site, 'navigate')).status, 200, 'a link may be anybody’s');
      t.equal((await load(site, 'no-cors', { authorization })).status, 200, 'a token is no accident');
    }
    for (const mode of ['no-cors', 'cors', 'same-origin', 'navigate']) {
      t.equal((await load('same-origin', mode)).status, 200, mode);
    }
    t.equal((await load('none', 'navigate')).status, 200);
  });
});
