import t from 'tap';
import { ask } from '../support/ask.js';
import { startGatehouse, TOKEN } from '../support/gatehouse.js';

const LISTED = 'https://notebooks.example';

t.test('CORS for listed origins', async (t) => {
  const gatehouse = await startGatehouse({ allowedOrigins: [LISTED] });
  t.teardown(() => gatehouse.close());
  const url = `${gatehouse.origin}/api/contents`;
  const authorization = `token ${TOKEN}`;

  t.test('a preflight is answered without a token, for what JupyterLab clients send', async (t) => {
    const asked = {
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'authorization',
    };
    const answer = await ask(url, { method: 'OPTIONS', headers: { origin: LISTED, ...asked } });
    t.equal(answer.status, 204);
    t.equal(answer.headers['access-control-allow-origin'], LISTED);
    t.match(answer.headers['access-control-allow-methods'], 'PATCH');
    t.match(answer.headers['access-control-allow-headers'], 'authorization, content-type, x-xsrftoken');
    t.match(answer.headers['access-control-max-age'], /^\d+$/);
  });

  t.test('W10: a listed page may ask with cookies, of which the login is none', async (t) => {
    const asked = { 'access-control-request-method': 'GET' };
    for (const answer of [
      await ask(url, { method: 'OPTIONS', headers: { origin: LISTED, ...asked } }),
      await ask(url, { headers: { origin: LISTED, authorization } }),
    ]) {
      t.equal(answer.headers['access-control-allow-credentials'], 'true');
    }
    const session = (await gatehouse.identity.logIn(gatehouse.client, TOKEN)).split(';')[0] ?? '';
    const refused = await ask(url, { headers: { origin: LISTED, cookie: session } });
    t.equal(refused.status, 403, 'the session does not count there');
    t.match(JSON.parse(refused.body), { code: 'ORIGIN_NOT_ALLOWED' });
    const both = await ask(url, { headers: { origin: LISTED, cookie: session, authorization } });
    t.equal(both.status, 200, 'beside a token it does no harm');
    const wrong = await ask(url, { headers: { origin: LISTED, cookie: session, authorization: 'token x' } });
    t.equal(wrong.status, 403, 'beside a wrong one it does not count either');
    const foreign = await ask(url, { headers: { origin: 'https://evil.example', authorization } });
    t.equal(foreign.headers['access-control-allow-credentials'], undefined);
  });

  t.test('a listed page may read the answer, and the headers that clients need', async (t) => {
    const answer = await ask(url, { headers: { origin: LISTED, authorization } });
    t.equal(answer.status, 200);
    t.equal(answer.headers['access-control-allow-origin'], LISTED);
    t.match(answer.headers['access-control-expose-headers'], 'location');
    t.equal(answer.headers.vary, 'Origin');
  });

  t.test('a listed page may read why it was refused', async (t) => {
    const answer = await ask(url, { headers: { origin: LISTED, authorization: 'token wrong' } });
    t.equal(answer.status, 403);
    t.equal(answer.headers['access-control-allow-origin'], LISTED);
  });

  t.test('other answers have no CORS headers but vary by origin, for caches', async (t) => {
    const answer = await ask(url, { headers: { authorization } });
    t.equal(answer.headers['access-control-allow-origin'], undefined);
    t.equal(answer.headers.vary, 'Origin');
  });

  t.test('an OPTIONS that is no preflight needs identity like everything else', async (t) => {
    t.equal((await ask(url, { method: 'OPTIONS', headers: { origin: LISTED } })).status, 401);
    t.equal((await ask(url, { method: 'OPTIONS' })).status, 401);
  });
});
