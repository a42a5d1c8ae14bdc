import { hostname } from 'node:os';
import t, { type Test } from 'tap';
import { ask, exchange, parseAnswer, plain, startEdge, tls } from '../support/edge.js';

async function edgeFor(t: Test) {
  const edge = await startEdge({
    publicUrl: new URL('https://spin.example.com/'),
    allowedHosts: ['notebooks.internal'],
  });
  t.teardown(() => edge.close());
  return edge;
}

const rebinding = [
  'evil.example',
  'localhost.evil.example',
  'evil-localhost',
  'xlocalhost',
  'localhost-',
  '127.0.0.1.evil.example',
  '127.0.0.1.nip.io',
  'evil.spin.example.com',
  'spin.example.com.evil.example',
  'xspin.example.com',
  'spin.example.co',
  'spin-example.com',
  'notebooks.internal.evil.example',
  // Other spellings of 127.0.0.1: a browser sends none of them, a resolver might take one for a name.
  '127.1',
  '0x7f.0.0.1',
  '2130706433',
  '127.0.0.01',
  '1.2.3.4.5',
  'local',
  'host',
];

const malformed = [
  '',
  ':80',
  'user@localhost',
  'localhost@evil.example',
  'localhost:pass@evil.example',
  'localhost/x',
  'localhost/../evil.example',
  'localhost?x',
  'localhost#x',
  'localhost\\x',
  'localhost evil.example',
  'localhost,evil.example',
  'localhost:80:80',
  'localhost:',
  'localhost:x',
  'localhost:65536',
  'localhost:+80',
  'localhost..',
  '.localhost',
  '[::1',
  '::1',
  '[::1]x',
  '[::1]:x',
  '[evil.example]',
  '[::1%25lo]',
  '[127.0.0.1]',
  'local%68ost',
  'loc\u00e4lhost',
  'http://localhost',
];

t.test('S4: this runtime’s own names are answered, with any port, case and a trailing dot', async (t) => {
  const edge = await edgeFor(t);
  for (const host of [
    'localhost',
    'LocalHost:1',
    'localhost.:8888',
    'a.localhost',
    'a.b.localhost:1',
    '127.0.0.1',
    '127.9.9.9:80',
    '192.168.1.5',
    '8.8.8.8:8888',
    '[::1]',
    '[::1]:8888',
    '[2001:DB8::5]:8888',
    hostname().toUpperCase(),
    'spin.example.com',
    'SPIN.example.com.:8443',
    'notebooks.internal:1',
  ]) {
    t.equal((await ask(edge, '/', { host }, { over: tls })).status, 200, host);
  }
});

t.test(
  'S4: a foreign name gets 421 that names the setting, on requests and upgrades, loopback included',
  async (t) => {
    const edge = await edgeFor(t);
    const upgrade = { connection: 'upgrade', upgrade: 'websocket' };
    for (const host of rebinding) {
      for (const over of [plain, tls]) {
        const answer = await ask(edge, '/', { host }, { over });
        t.match(answer, { status: 421, code: 'HOST_NOT_ALLOWED' }, host);
        t.match(answer.body, 'SPIN_ALLOWED_HOSTS');
      }
      t.match(await ask(edge, '/', { host, ...upgrade }), { status: 421 }, `${host} (upgrade)`);
    }
  },
);

t.test('S4: a malformed Host gets 400, on requests and upgrades', async (t) => {
  const edge = await edgeFor(t);
  for (const host of malformed) {
    t.equal((await ask(edge, '/', { host })).status, 400, JSON.stringify(host));
    const upgrade = { host, connection: 'upgrade', upgrade: 'websocket' };
    t.equal((await ask(edge, '/', upgrade)).status, 400, `${JSON.stringify(host)} (upgrade)`);
  }
});

t.test('S4: a missing or repeated Host gets 400, whichever of them is right', async (t) => {
  const edge = await edgeFor(t);
  const end = 'connection: close\r\n\r\n';
  for (const head of [
    'GET / HTTP/1.1\r\n',
    'GET / HTTP/1.0\r\n',
    'GET http://localhost/ HTTP/1.1\r\n',
    'GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n',
    'GET / HTTP/1.1\r\nhost: evil.example\r\nHOST: localhost\r\n',
    'GET / HTTP/1.1\r\nhost: localhost\r\nHost: localhost\r\n',
    `GET / HTTP/1.1\r\nhost: localhost\r\n${'x: y\r\n'.repeat(200)}host: evil.example\r\n`,
  ]) {
    const { text } = await exchange(plain(edge.port), head + end);
    t.equal(parseAnswer(text).status, 400, JSON.stringify(head.slice(0, 60)));
  }
});

t.test('S4: X-Forwarded-Host and an absolute target change nothing about the Host', async (t) => {
  const edge = await edgeFor(t);
  const forwarded = { host: 'evil.example', 'x-forwarded-host': 'localhost', forwarded: 'host=localhost' };
  t.equal((await ask(edge, '/', forwarded)).status, 421);
  t.equal((await ask(edge, 'http://localhost/', { host: 'evil.example' })).status, 421);
  t.equal((await ask(edge, 'http://evil.example/', { host: 'localhost' })).status, 400);
});

t.test(
  'S4: without names configured only addresses, localhost and the machine’s own name are answered',
  async (t) => {
    const edge = await startEdge();
    t.teardown(() => edge.close());
    t.equal((await ask(edge, '/', { host: 'spin.example.com' })).status, 421);
    t.equal((await ask(edge, '/', { host: hostname() }, { over: tls })).status, 200);
  },
);

t.test('S4: a second Host behind more headers than node keeps is not overlooked', async (t) => {
  const edge = await edgeFor(t);
  const headers = 'x: y\r\n'.repeat(2_500);
  for (const head of [
    `host: localhost\r\n${headers}host: evil.example\r\n`,
    `${headers}host: localhost\r\n`,
  ]) {
    const { text } = await exchange(plain(edge.port), `GET / HTTP/1.1\r\n${head}connection: close\r\n\r\n`);
    t.equal(parseAnswer(text).status, 431);
  }
});
