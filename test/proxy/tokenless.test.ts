import t from 'tap';
import { withXsrfProof } from '../../gateway/proxy/xsrf.js';
import { ask } from '../support/ask.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';

// A cold start of Jupyter takes most of it on a small machine.
t.setTimeout(120_000);

let jupyter: StockJupyter;
let gateway: TestGateway;

t.before(async () => {
  jupyter = await startStockJupyter({ token: '' });
  gateway = await startTestGateway({
    upstream: { kind: 'http', url: new URL(jupyter.url), token: undefined, ca: undefined },
  });
});
t.teardown(async () => {
  await gateway?.close();
  await jupyter?.close();
});

t.test('W4: a Jupyter without a token takes what a client with SPIN_TOKEN writes', async (t) => {
  const content = JSON.stringify({ type: 'file', format: 'text', content: 'hello' });
  const write = (origin: string, headers: Record<string, string>) =>
    ask(`${origin}/api/contents/a.txt`, { method: 'PUT', headers, body: content });
  t.equal((await write(jupyter.url, {})).status, 403, 'directly there is no proof');

  const authorization = `token ${gateway.token}`;
  for (const headers of [
    { authorization },
    { authorization, cookie: '_xsrf=2|0a0a0a0a|0b0b0b0b|1; a=1' },
    { authorization, cookie: '_xsrf=2|of|another|program; a=1' },
    { authorization, cookie: '_xsrf=one; _xsrf=two', 'x-xsrftoken': 'one' },
    { authorization, 'x-xsrftoken': 'of-somebody-else' },
    { authorization, 'x-csrftoken': 'of-somebody-else' },
  ]) {
    t.match(String((await write(gateway.origin, headers)).status), /^20[01]$/, JSON.stringify(headers));
  }
  for (const method of ['POST', 'PATCH', 'DELETE'] as const) {
    const path = method === 'POST' ? '/api/contents' : `/api/contents/${method === 'PATCH' ? 'a' : 'b'}.txt`;
    const body = method === 'POST' ? '{"type":"notebook"}' : method === 'PATCH' ? '{"path":"b.txt"}' : '';
    const { status } = await ask(gateway.origin + path, { method, headers: { authorization }, body });
    t.match(String(status), /^20[014]$/, method);
  }
  const kernel = await ask(`${gateway.origin}/api/kernels`, { method: 'POST', headers: { authorization } });
  t.equal(kernel.status, 201);
});

t.test('W4: who may write the gateway has judged: a cookie of another site writes nothing', async (t) => {
  const { status } = await ask(`${gateway.origin}/api/contents`, {
    method: 'POST',
    headers: { origin: 'https://evil.example', authorization: `token ${gateway.token}` },
  });
  t.equal(status, 403);
});

t.test('W4: a pair that fits stays, a client without one gets one, reading needs none', async (t) => {
  t.same(withXsrfProof('POST', { cookie: 'a=1; _xsrf=x' }), { cookie: 'a=1; _xsrf=x', 'x-xsrftoken': 'x' });
  t.same(withXsrfProof('PUT', { cookie: '_xsrf="2|0a0a0a0a|0b|1"' })['x-xsrftoken'], '2|0a0a0a0a|0b|1');
  t.same(withXsrfProof('GET', { cookie: 'a=1' }), { cookie: 'a=1' });
  const made = withXsrfProof('DELETE', { cookie: 'a=1' });
  t.equal(made.cookie, `a=1; _xsrf=${made['x-xsrftoken']}`);
  t.match(made['x-xsrftoken'], /^[0-9a-f]{32}$/);
});
