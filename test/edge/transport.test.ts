import t, { type Test } from 'tap';
import { makePair } from '../support/certificate.js';
import { ask, startEdge, tls } from '../support/edge.js';

async function edgeFor(t: Test, settings: Parameters<typeof startEdge>[0] = {}) {
  const edge = await startEdge({ allowedHosts: ['spin.example', 'other.example'], ...settings });
  t.teardown(() => edge.close());
  return edge;
}

const upgrade = { connection: 'upgrade', upgrade: 'websocket' };

t.test('plain HTTP is served to loopback names', async (t) => {
  const edge = await edgeFor(t);
  for (const host of [
    'localhost',
    'a.localhost:1',
    '127.0.0.1',
    '127.3.2.1:8888',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
  ]) {
    t.equal((await ask(edge, '/', { host })).status, 200, host);
    t.equal((await ask(edge, '/', { host }, { method: 'POST' })).status, 200, host);
    t.equal((await ask(edge, '/', { host, ...upgrade })).status, 101, host);
  }
});

t.test('any other name is redirected to https on the same authority, without the token', async (t) => {
  const edge = await edgeFor(t);
  for (const method of ['GET', 'HEAD']) {
    const target = '/lab/tree/a%20b?x=1&token=canary&%74oken=canary';
    const answer = await ask(edge, target, { host: 'spin.example:8888' }, { method });
    t.equal(answer.status, 302);
    t.equal(answer.headers.location, 'https://spin.example:8888/lab/tree/a%20b?x=1');
    t.equal(answer.headers['cache-control'], 'no-store');
  }
  t.match(await ask(edge, '/?token=canary', { host: '192.168.1.5:8888' }), {
    headers: { location: 'https://192.168.1.5:8888/' },
  });
});

t.test('the redirect leads to what is then served', async (t) => {
  const edge = await edgeFor(t);
  const { headers } = await ask(edge, '/lab', { host: `spin.example:${edge.port}` });
  t.equal(headers.location, `https://spin.example:${edge.port}/lab`);
  t.equal((await ask(edge, '/lab', { host: `spin.example:${edge.port}` }, { over: tls })).status, 200);
});

t.test('what can’t be redirected gets 426 with the protocols to use', async (t) => {
  const edge = await edgeFor(t);
  for (const [method, headers] of [
    ['POST', {}],
    ['PUT', {}],
    ['DELETE', {}],
    ['OPTIONS', {}],
    ['GET', upgrade],
  ] as const) {
    const answer = await ask(edge, '/api/kernels', { host: 'spin.example', ...headers }, { method });
    t.match(answer, { status: 426, code: 'TLS_REQUIRED', headers: { upgrade: 'tls/1.2, http/1.1' } }, method);
    t.match(answer.headers.connection, /upgrade/);
  }
});

t.test('a trusted proxy that says https is served, one that says http is redirected', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['127.0.0.1'] });
  const host = 'spin.example';
  const https = { host, 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.7' };
  t.equal((await ask(edge, '/', https)).status, 200);
  t.equal((await ask(edge, '/', https, { method: 'POST' })).status, 200);
  t.equal((await ask(edge, '/', { ...https, ...upgrade })).status, 101);
  const http = await ask(edge, '/', { ...https, 'x-forwarded-proto': 'http' });
  t.match(http, { status: 302, headers: { location: 'https://spin.example/' } });
});

t.test('the public URL’s port is what a redirect under its name leads to', async (t) => {
  const edge = await edgeFor(t, {
    trustedProxies: ['127.0.0.1'],
    publicUrl: new URL('https://spin.example/'),
  });
  const http = { host: 'spin.example:8080', 'x-forwarded-proto': 'http' };
  t.match(await ask(edge, '/x', http), { headers: { location: 'https://spin.example/x' } });
});

t.test('a proxy that can’t be believed gets 426 with advice, never a redirect that comes back', async (t) => {
  const host = 'spin.example';
  const edge = await edgeFor(t);
  for (const sign of [
    { 'x-forwarded-proto': 'https' },
    { 'x-forwarded-proto': 'http' },
    { 'x-forwarded-for': '192.0.2.7' },
    { forwarded: 'proto=https' },
    { via: '1.1 tunnel' },
    { 'sec-fetch-site': 'none' },
  ]) {
    const answer = await ask(edge, '/', { host, ...sign } as Record<string, string>);
    t.match(
      answer,
      { status: 426, code: 'TLS_REQUIRED', body: 'SPIN_TRUSTED_PROXIES' },
      JSON.stringify(sign),
    );
  }
  const silent = await edgeFor(t, { trustedProxies: ['127.0.0.1'] });
  t.match(await ask(silent, '/', { host }), { status: 426, body: 'X-Forwarded-Proto' });
});

t.test('required: plain HTTP gets a redirect or 426 for every name and through every proxy', async (t) => {
  const edge = await edgeFor(t, {
    tls: { mode: 'required', files: undefined },
    trustedProxies: ['127.0.0.1'],
  });
  t.match(await ask(edge, '/x', { host: 'localhost:1', 'x-forwarded-proto': 'http' }), {
    status: 302,
    headers: { location: 'https://localhost:1/x' },
  });
  t.equal((await ask(edge, '/', { host: 'localhost', 'x-forwarded-proto': 'https' })).status, 426);
  t.equal((await ask(edge, '/', {}, { method: 'POST' })).status, 426);
  t.equal((await ask(edge, '/', upgrade)).status, 426);
  t.equal((await ask(edge, '/', {}, { over: tls })).status, 200);
  const direct = await edgeFor(t, { tls: { mode: 'required', files: undefined } });
  t.equal((await ask(direct, '/', { host: 'localhost:1' })).status, 302);
});

t.test('off: plain HTTP is served, TLS is not spoken', async (t) => {
  const edge = await edgeFor(t, { tls: { mode: 'off', files: undefined } });
  t.equal((await ask(edge, '/', { host: 'spin.example' })).status, 200);
  t.not((await ask(edge, '/', {}, { over: tls })).status, 200);
});

t.test(
  'HSTS is for the public name over https with a certificate from elsewhere, and for nothing else',
  async (t) => {
    const publicUrl = new URL('https://spin.example/');
    const files = await makePair(t, ['spin.example']);
    const own = await edgeFor(t, { publicUrl, tls: { mode: 'auto', files } });
    const hsts = async (edge: typeof own, host: string, over?: typeof tls) =>
      (await ask(edge, '/', { host }, over && { over })).headers['strict-transport-security'];
    t.match(await hsts(own, 'spin.example', tls), /^max-age=31536000$/);
    t.equal(await hsts(own, 'spin.example'), undefined);
    for (const host of ['localhost', '127.0.0.1', 'other.example']) {
      t.equal(await hsts(own, host, tls), undefined, host);
    }
    const directory = new URL('https://acme.example.com/directory');
    const acme = {
      directory,
      names: ['spin.example'],
      email: undefined,
      caFile: undefined,
      binding: undefined,
    };
    t.match(await hsts(await edgeFor(t, { publicUrl, acme }), 'spin.example', tls), /^max-age=31536000$/);
    t.equal(await hsts(await edgeFor(t, { publicUrl }), 'spin.example', tls), undefined, 'local CA');
    for (const url of ['https://localhost/', 'https://192.0.2.7/', 'https://a.localhost/']) {
      const edge = await edgeFor(t, { publicUrl: new URL(url), tls: { mode: 'auto', files } });
      t.equal(await hsts(edge, new URL(url).host, tls), undefined, url);
    }
  },
);
