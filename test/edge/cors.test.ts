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

  t.test('no answer ever allows cookies from another origin', async (t) => {
    const asked = { 'access-control-request-method': 'GET' };
    for (const answer of [
      await ask(url, { method: 'OPTIONS', headers: { origin: LISTED, ...asked } }),
      await ask(url, { headers: { origin: LISTED, authorization } }),
    ]) {
      t.equal(answer.headers['access-control-allow-credentials'], undefined);
    }
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
