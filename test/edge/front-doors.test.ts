import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { ask, NAVIGATION, postForm } from '../support/ask.js';
import { exchange, parseAnswer, plain, tls } from '../support/edge.js';
import { freePort } from '../support/free-port.js';
import { startTestGateway, type TestGatewayOptions, TOKEN } from '../support/gateway.js';

async function gatewayFor(t: Test, options: Partial<TestGatewayOptions> = {}) {
  const jupyter = createServer({ maxHeaderSize: 65_536 }, (_req, res) => res.end('{}')).listen(
    0,
    '127.0.0.1',
  );
  await once(jupyter, 'listening');
  t.teardown(() => jupyter.close());
  const url = new URL(`http://127.0.0.1:${(jupyter.address() as AddressInfo).port}`);
  // Its own URL is the public one where there is one, whose port is a proxy's.
  const port = await freePort();
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url, token: undefined, ca: undefined },
    listen: { kind: 'tcp', host: '127.0.0.1', port },
    ...options,
  });
  t.teardown(() => gateway.close());
  return { gateway, port, origin: `http://127.0.0.1:${port}` };
}

t.test('W9: health checks are answered to whoever asks, by whatever name', async (t) => {
  const gateway = await gatewayFor(t);
  const { port } = gateway;
  for (const path of ['/healthz', '/readyz', '/healthz?x=1']) {
    for (const head of [
      `GET ${path} HTTP/1.0\r\n\r\n`,
      `HEAD ${path} HTTP/1.0\r\n\r\n`,
      `GET ${path} HTTP/1.0\r\nHost: backend\r\n\r\n`,
      `GET ${path} HTTP/1.1\r\nHost: some.backend.example:80\r\nConnection: close\r\n\r\n`,
      `GET ${path} HTTP/1.1\r\nHost: 10.0.0.7\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n`,
      // RFC 9112 section 3.2.2.
      `GET http://backend:8888${path} HTTP/1.1\r\nHost: backend:8888\r\nConnection: close\r\n\r\n`,
    ]) {
      for (const over of [plain, tls]) {
        const { text, closed } = await exchange(over(port), head);
        t.equal(parseAnswer(text).status, 200, head);
        t.ok(closed);
      }
    }
  }
});

t.test('W9: nothing else is, and a wrong Host stays wrong', async (t) => {
  const { port } = await gatewayFor(t);
  const status = async (head: string) => parseAnswer((await exchange(plain(port), head)).text).status;
  t.equal(await status('GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'), 400, 'RFC 9112 3.2');
  t.equal(await status('GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'), 400);
  t.equal(await status('GET /healthz HTTP/1.0\r\nHost: a b\r\n\r\n'), 400);
  t.equal(
    await status('GET http://foreign.example/x/healthz HTTP/1.0\r\nHost: foreign.example\r\n\r\n'),
    421,
  );
  for (const path of [
    '/',
    '/healthz/',
    '/healthzx',
    '//healthz',
    '/spin/login',
    '/readyz/..',
    '/api/status',
  ]) {
    const foreign = await status(
      `GET ${path} HTTP/1.1\r\nHost: foreign.example\r\nConnection: close\r\n\r\n`,
    );
    t.equal(foreign, 421, path);
    t.equal(await status(`GET ${path} HTTP/1.0\r\n\r\n`), 400, path);
  }
});

t.test('W6: a page of SPIN_PUBLIC_URL is the own one, whatever a proxy makes of Host', async (t) => {
  const publicUrl = new URL('https://jupyter.example.com:8443');
  const { origin: base } = await gatewayFor(t, {
    publicUrl,
    allowedHosts: ['backend'],
    trustedProxies: ['127.0.0.1'],
  });
  for (const host of ['jupyter.example.com', 'jupyter.example.com:8443', 'backend', '127.0.0.1:8888']) {
    const from = { host, 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.7' };
    const login = await postForm(
      `${base}/spin/login`,
      { token: TOKEN },
      { ...from, origin: publicUrl.origin },
    );
    t.equal(login.status, 303, host);
    const cookie = login.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    t.match(cookie, /^__Host-spin-/);
    const page = await ask(`${base}/api/status`, { headers: { ...NAVIGATION, ...from, cookie } });
    t.equal(page.status, 200, host);
    const change = { method: 'POST', headers: { ...from, cookie, origin: publicUrl.origin } };
    t.equal((await ask(`${base}/api/kernels`, change)).status, 200, host);
    for (const foreign of ['https://jupyter.example.com', 'http://jupyter.example.com:8443', 'null']) {
      const headers = { ...from, cookie, origin: foreign };
      const own = foreign === 'https://jupyter.example.com' && host === 'jupyter.example.com';
      const { status } = await ask(`${base}/api/kernels`, { method: 'POST', headers });
      t.equal(status, own ? 200 : 403, `${foreign} ${host}`);
    }
  }
});

t.test('W6: without it the refusal names the cause, and what to set', async (t) => {
  const { origin: base } = await gatewayFor(t, {
    allowedHosts: ['jupyter.example.com'],
    trustedProxies: ['127.0.0.1'],
  });
  const headers = {
    host: 'jupyter.example.com',
    'x-forwarded-proto': 'https',
    'x-forwarded-for': '203.0.113.7',
    origin: 'https://jupyter.example.com:8443',
  };
  const answer = await ask(`${base}/api/kernels`, { method: 'POST', headers });
  t.equal(answer.status, 403);
  t.match(JSON.parse(answer.body).message, 'SPIN_PUBLIC_URL=https://jupyter.example.com:8443');
  const other = await ask(`${base}/x`, { headers: { ...headers, origin: 'https://evil.example' } });
  t.match(JSON.parse(other.body).message, /Add it to SPIN_ALLOWED_ORIGINS/);
});

t.test('W14: two runtimes of one inner port, reached by two tunnels, have two sessions', async (t) => {
  const { origin: base } = await gatewayFor(t);
  const logIn = async (host: string) => {
    const answer = await postForm(`${base}/spin/login`, { token: TOKEN }, { host, origin: `http://${host}` });
    return answer.headers['set-cookie']?.[0]?.split('=')[0];
  };
  t.equal(await logIn('localhost:9001'), 'spin-9001');
  t.equal(await logIn('localhost:9002'), 'spin-9002');
});

t.test('W13: cookies of other programs at this host pass as in Jupyter', async (t) => {
  const { origin: base } = await gatewayFor(t);
  const cookie = Array.from({ length: 16 }, (_, n) => `other${n}=${'x'.repeat(3_800)}`).join('; ');
  t.equal(
    (await ask(`${base}/api/status`, { headers: { cookie, authorization: `token ${TOKEN}` } })).status,
    200,
  );
});

t.test('W13: more than that gets a page that says what to do, and programs get JSON', async (t) => {
  const { port } = await gatewayFor(t);
  const cookie = Array.from({ length: 40 }, (_, n) => `other${n}=${'x'.repeat(3_800)}`).join('; ');
  const head = `GET /lab HTTP/1.1\r\nHost: localhost\r\nAccept: ACCEPT\r\nCookie: ${cookie}\r\n\r\n`;
  for (const over of [plain, tls]) {
    const page = parseAnswer(
      (await exchange(over(port), head.replace('ACCEPT', 'text/html,*/*;q=0.8'))).text,
    );
    t.equal(page.status, 431);
    t.match(page.headers['content-type'], 'text/html');
    t.match(page.body, 'Delete the cookies of this host');
    t.notMatch(page.body, 'xxxx');
  }
  const filler = `GET /lab HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`;
  const json = parseAnswer((await exchange(plain(port), filler)).text);
  t.equal(json.status, 431);
  t.equal(json.code, 'HEADERS_TOO_LARGE');
});
