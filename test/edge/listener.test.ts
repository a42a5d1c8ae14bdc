import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { connect as connectUnix, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { ask, closing, type Edge, exchange, parseAnswer, plain, startEdge, tls } from '../support/edge.js';
import { until } from '../support/until.js';

async function edgeFor(t: Test, ...settings: Parameters<typeof startEdge>) {
  const edge = await startEdge(...settings);
  t.teardown(() => edge.close());
  return edge;
}

/** A TLS connection that trusts the edge's own CA and nothing else. */
async function secure(edge: Edge, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const ca = await readFile(join(edge.tlsFolder, 'ca.pem'));
  const socket = connect({ port: edge.port, host: 'localhost', ca, ...options });
  await once(socket, 'secureConnect');
  return socket;
}

const get = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n';
const last = 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';

t.test('one port speaks TLS and plain HTTP', async (t) => {
  const edge = await edgeFor(t);
  t.match((await ask(edge, '/')).echo.client, { secure: false });
  t.match((await ask(edge, '/', {}, { over: tls })).echo.client, { secure: true });
});

t.test('TLS 1.3 and 1.2 are spoken, with forward secrecy and authenticated encryption', async (t) => {
  const edge = await edgeFor(t);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await secure(edge, { maxVersion });
    t.equal(socket.getProtocol(), maxVersion);
    t.match(socket.getCipher().standardName, /^TLS_(ECDHE_ECDSA_WITH_)?(AES_\d+_GCM|CHACHA20)/);
    t.match((await exchange(socket, last)).text, /^HTTP\/1\.1 200 /);
  }
});

t.test('TLS 1.1, static RSA, CBC and plain Diffie-Hellman are not spoken', async (t) => {
  const edge = await edgeFor(t);
  for (const options of [
    { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' },
    { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' },
    { maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-GCM-SHA256' },
  ] as const) {
    await t.rejects(secure(edge, options), { code: /^(ERR_SSL|ECONNRESET)/ });
  }
});

t.test('ALPN settles on HTTP/1.1, and a client that speaks only h2 is told', async (t) => {
  const edge = await edgeFor(t);
  const socket = await secure(edge, { ALPNProtocols: ['h2', 'http/1.1'] });
  t.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  await t.rejects(secure(edge, { ALPNProtocols: ['h2'] }), { code: /NO_APPLICATION_PROTOCOL/ });
});

t.test('a TLS session is resumed', async (t) => {
  const edge = await edgeFor(t);
  const first = await secure(edge);
  const session = once(first, 'session');
  first.write(last);
  const [ticket] = await session;
  first.destroy();
  const second = await secure(edge, { session: ticket });
  t.ok(second.isSessionReused());
  t.match((await exchange(second, last)).text, /^HTTP\/1\.1 200 /);
});

t.test('connections are kept alive, and requests on them answered in order', async (t) => {
  const edge = await edgeFor(t);
  for (const over of [plain, tls]) {
    const { text } = await exchange(over(edge.port), get + get + last);
    t.equal(text.match(/HTTP\/1\.1 200 /g)?.length, 3);
  }
});

t.test('a large body arrives whole, also when it comes with the first bytes', async (t) => {
  const edge = await edgeFor(t);
  const size = 3_000_000;
  const request = `POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: ${size}\r\n\r\n`;
  for (const over of [plain, tls]) {
    const { text } = await exchange(over(edge.port), request + 'x'.repeat(size));
    t.match(parseAnswer(text).echo, { size });
  }
});

t.test('an upgraded connection carries bytes both ways, also those sent with the request', async (t) => {
  const edge = await edgeFor(t);
  const upgrade = get.replace('\r\n\r\n', '\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  for (const over of [plain, tls]) {
    const { text } = await exchange(over(edge.port), `${upgrade}early`, /early/);
    t.match(text, /^HTTP\/1\.1 101 /);
  }
});

t.test('a unix socket is opened for owner and group, in place of a stale one', async (t) => {
  const path = join(await mkdtemp(join(tmpdir(), 'spin-unix-')), 'socket');
  await leaveStaleSocket(path);
  const edge = await edgeFor(t, { listen: { kind: 'unix', path } });
  t.equal((await stat(path)).mode & 0o777, 0o660);
  t.equal((await ask(edge, '/', {}, { over: () => connectUnix(path) })).status, 200);
  await t.rejects(startEdge({ listen: { kind: 'unix', path } }), { code: 'EADDRINUSE' });
  t.equal((await ask(edge, '/', {}, { over: () => connectUnix(path) })).status, 200, 'the first one stays');
});

t.test('a file that is no socket is not replaced', async (t) => {
  const path = join(await mkdtemp(join(tmpdir(), 'spin-unix-')), 'file');
  await writeFile(path, 'precious');
  await t.rejects(startEdge({ listen: { kind: 'unix', path } }), { code: 'EADDRINUSE' });
  t.equal(await readFile(path, 'utf8'), 'precious');
});

t.test('a port that is taken is an error', async (t) => {
  const { port } = await edgeFor(t);
  await t.rejects(startEdge({ listen: { kind: 'tcp', host: '127.0.0.1', port } }), { code: 'EADDRINUSE' });
});

t.test('closing lets a request end, closes idle connections and takes no new ones', async (t) => {
  const edge = await startEdge();
  const idle = plain(edge.port);
  idle.write(get);
  await once(idle, 'data');
  const busy = plain(edge.port);
  busy.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nab');
  await until(async () => (await ask(edge, '/')).status === 200);
  const closed = edge.close(10_000);
  await closing(idle);
  await t.rejects(once(plain(edge.port), 'connect'), { code: 'ECONNREFUSED' });
  t.match((await exchange(busy, 'cd')).text, /^HTTP\/1\.1 200 /);
  await closed;
});

t.test(
  'closing cuts what has not ended in time: half a request, a handshake, an upgraded connection',
  async (t) => {
    const edge = await startEdge();
    const sockets = [plain(edge.port), plain(edge.port), plain(edge.port)];
    sockets[0]?.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nab');
    sockets[1]?.write(Buffer.from('160301', 'hex'));
    sockets[2]?.write(get.replace('\r\n\r\n', '\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'));
    await Promise.all(sockets.map((socket) => socket.readyState === 'open' || once(socket, 'connect')));
    t.equal((await ask(edge, '/')).status, 200);
    const closes = sockets.map(closing);
    await edge.close(50);
    await Promise.all(closes);
  },
);

t.test('the certificate is the local CA’s, for this machine’s names', async (t) => {
  const edge = await edgeFor(t);
  const socket = await secure(edge);
  const certificate = socket.getPeerX509Certificate();
  t.ok(certificate instanceof X509Certificate);
  t.equal(certificate?.checkHost('localhost'), 'localhost');
  t.equal(certificate?.checkIP('127.0.0.1'), '127.0.0.1');
  socket.destroy();
});

/** What a killed process leaves: a socket file that nobody listens on. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await new Promise((resolve) => execFile(process.execPath, ['-e', script], resolve));
  await new Promise<void>((resolve, reject) => {
    const probe = createServer().once('error', () => resolve());
    probe.listen(path, () => reject(new Error('no stale socket was left')));
  });
}
