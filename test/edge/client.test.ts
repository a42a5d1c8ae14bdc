import { mkdtemp } from 'node:fs/promises';
import { connect as connectUnix, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { ask, exchange, parseAnswer, plain, startEdge, tls } from '../support/edge.js';

const v2WithTls = Buffer.from(
  '0d0a0d0a000d0a515549540a' + '2111' + '0014' + 'c0000207cb007101dc0401bb' + '2000050100000000',
  'hex',
).toString('latin1');
const v1 = 'PROXY TCP4 192.0.2.7 203.0.113.1 56324 443\r\n';
const get = 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';

async function edgeFor(t: Test, settings: Parameters<typeof startEdge>[0] = {}) {
  const edge = await startEdge(settings);
  t.teardown(() => edge.close());
  return edge;
}

/** TLS begun on a connection that has already sent a PROXY header. */
function tlsBehind(port: number, header: string): Socket {
  const socket = plain(port);
  socket.write(header);
  return connectTls({ socket, rejectUnauthorized: false });
}

t.test('without trusted proxies forwarded headers are nobody’s word', async (t) => {
  const edge = await edgeFor(t);
  const { echo } = await ask(edge, '/', { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' });
  t.match(echo.client, {
    address: '127.0.0.1',
    secure: false,
    authority: `localhost:${edge.port}`,
    origin: `http://localhost:${edge.port}`,
  });
});

t.test('TLS of its own is secure, and 443 is left out of the authority', async (t) => {
  const edge = await edgeFor(t);
  const { echo } = await ask(edge, '/', { host: 'LOCALHOST.:443' }, { over: tls });
  t.match(echo.client, { secure: true, authority: 'localhost', origin: 'https://localhost' });
});

t.test('the default port of plain HTTP is left out too, of an IPv6 literal as well', async (t) => {
  const edge = await edgeFor(t);
  t.match((await ask(edge, '/', { host: '[::1]:80' })).echo.client, { origin: 'http://[::1]' });
  t.match((await ask(edge, '/', { host: '[::1]:8888' })).echo.client, { origin: 'http://[::1]:8888' });
});

t.test(
  'a trusted proxy’s X-Forwarded-For is read from the right, up to the first it does not vouch for',
  async (t) => {
    const edge = await edgeFor(t, { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
    for (const [header, address] of [
      ['192.0.2.7', '192.0.2.7'],
      ['6.6.6.6, 192.0.2.7', '192.0.2.7'],
      ['6.6.6.6, 192.0.2.7, 10.1.1.1', '192.0.2.7'],
      ['2001:db8::1', '2001:db8::1'],
      ['::ffff:192.0.2.7', '192.0.2.7'],
      ['192.0.2.7:4711', '192.0.2.7'],
      ['[2001:db8::1]:4711', '2001:db8::1'],
      ['unknown', '127.0.0.1'],
      ['<script>', '127.0.0.1'],
      ['', '127.0.0.1'],
    ] as const) {
      t.equal((await ask(edge, '/', { 'x-forwarded-for': header })).echo.client.address, address, header);
    }
  },
);

t.test('a trusted proxy’s X-Forwarded-Proto settles the scheme of the origin', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['127.0.0.1'], allowedHosts: ['spin.example'] });
  const { echo } = await ask(edge, '/', { host: 'spin.example', 'x-forwarded-proto': 'HTTPS, http' });
  t.match(echo.client, { secure: true, origin: 'https://spin.example' });
});

t.test('a trusted proxy’s PROXY header gives the address, before plain HTTP and before TLS', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['127.0.0.1'] });
  const bare = parseAnswer((await exchange(plain(edge.port), v1 + get)).text);
  t.match(bare.echo.client, { address: '192.0.2.7', secure: false });
  const encrypted = parseAnswer((await exchange(plain(edge.port), v2WithTls + get)).text);
  t.match(encrypted.echo.client, { address: '192.0.2.7', secure: true });
  const inside = parseAnswer((await exchange(tlsBehind(edge.port, v1), get)).text);
  t.match(inside.echo.client, { address: '192.0.2.7', secure: true });
});

t.test('a PROXY header that arrives byte by byte is read all the same', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['127.0.0.1'] });
  const socket = plain(edge.port).setNoDelay(true);
  for (const byte of v1) {
    await new Promise<void>((resolve) => socket.write(byte, () => setImmediate(resolve)));
  }
  t.match(parseAnswer((await exchange(socket, get)).text).echo.client, { address: '192.0.2.7' });
});

t.test('behind a PROXY header only a trusted source may forward headers', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
  const forwarded = get.replace('\r\n\r\n', '\r\nx-forwarded-for: 6.6.6.6\r\n\r\n');
  const viaClient = parseAnswer((await exchange(plain(edge.port), v1 + forwarded)).text);
  t.match(viaClient.echo.client, { address: '192.0.2.7' });
  const viaProxy = v1.replace('192.0.2.7', '10.0.0.9');
  const chained = parseAnswer((await exchange(plain(edge.port), viaProxy + forwarded)).text);
  t.match(chained.echo.client, { address: '6.6.6.6' });
});

t.test('anybody else’s PROXY header is malformed HTTP', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['10.0.0.0/8'] });
  for (const header of [v1, v2WithTls]) {
    const { text, closed } = await exchange(plain(edge.port), header + get);
    t.match(text, /^HTTP\/1\.1 400 /);
    t.ok(closed);
  }
});

t.test('a malformed PROXY header closes the connection', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['127.0.0.1'] });
  t.same(await exchange(plain(edge.port), `PROXY TCP4 nobody\r\n${get}`), { text: '', closed: true });
});

t.test('a peer on the unix socket is "unix", or whom it forwards', async (t) => {
  const path = join(await mkdtemp(join(tmpdir(), 'spin-unix-')), 'socket');
  const edge = await edgeFor(t, { listen: { kind: 'unix', path }, tls: { mode: 'off', files: undefined } });
  const over = () => connectUnix(path);
  t.match((await ask(edge, '/', {}, { over })).echo.client, { address: 'unix', secure: false });
  const forwarded = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' };
  t.match((await ask(edge, '/', forwarded, { over })).echo.client, { address: '192.0.2.7', secure: true });
});
