import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { listen } from '../../gateway/edge/listener.js';
import { ask, closing, exchange, memoryLog, plain, startEdge, tls } from '../support/edge.js';
import { until } from '../support/until.js';

async function edgeFor(t: Test, limits: Parameters<typeof startEdge>[1] = {}) {
  const edge = await startEdge({ trustedProxies: ['127.0.0.1'] }, limits);
  t.teardown(() => edge.close());
  return edge;
}

/** Some of the rubbish is the beginning of a handshake. Where a real one has to succeed it may take its time. */
const quick = { preamble: 500 };

const request = 'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf';
const upgrade = 'GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';

/** A TLS 1.2 record that says it is a handshake; what follows is up to the attacker. */
const record = (body: Buffer) =>
  Buffer.concat([Buffer.from([0x16, 3, 1, body.length >> 8, body.length]), body]);

t.test('S14: rubbish after a TLS record’s first byte ends that connection only', async (t) => {
  const edge = await edgeFor(t, quick);
  for (const bytes of [
    Buffer.from([0x16]),
    Buffer.from([0x16, 3]),
    Buffer.from([0x16, 0xff, 0xff, 0xff, 0xff]),
    record(Buffer.alloc(0)),
    record(randomBytes(512)),
    record(Buffer.from([1, 0xff, 0xff, 0xff, 3, 3])),
    Buffer.concat([record(Buffer.from([1, 0, 0, 2, 3, 3])), randomBytes(10_000)]),
    Buffer.concat([Buffer.from([0x16]), Buffer.from(request)]),
  ]) {
    const { text, closed } = await exchange(plain(edge.port), bytes.toString('latin1'));
    t.notMatch(text, 'HTTP/1.1 200');
    t.ok(closed, bytes.subarray(0, 8).toString('hex'));
  }
  t.equal((await ask(edge, '/', {}, { over: tls })).status, 200);
});

t.test('S14: random first bytes of any kind end their own connection only', async (t) => {
  const edge = await edgeFor(t, quick);
  await Promise.all(
    Array.from({ length: 256 }, async (_, first) => {
      const bytes = Buffer.concat([Buffer.from([first]), randomBytes(200), Buffer.from('\r\n\r\n')]);
      const { text, closed } = await exchange(plain(edge.port), bytes.toString('latin1'));
      t.notMatch(text, 'HTTP/1.1 200');
      t.ok(closed, `0x${first.toString(16)}`);
    }),
  );
  t.equal((await ask(edge, '/')).status, 200);
});

t.test('S14: a reset at any moment ends its own connection only', async (t) => {
  const edge = await edgeFor(t);
  const moments: (() => Promise<unknown>)[] = [];
  for (const bytes of [
    '',
    'G',
    'PROXY TCP4',
    '\x16',
    '\x16\x03\x01',
    request,
    upgrade,
    'GET / HTTP/1.1\r\nho',
  ]) {
    moments.push(async () => {
      const socket = plain(edge.port);
      await once(socket, 'connect');
      socket.write(Buffer.from(bytes, 'latin1'));
      await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    });
  }
  for (const bytes of ['', request, upgrade]) {
    moments.push(async () => {
      const socket = plain(edge.port);
      const secure = connectTls({ socket, rejectUnauthorized: false });
      secure.on('error', () => undefined);
      await once(secure, 'secureConnect');
      secure.write(bytes);
      await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    });
  }
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(moments.map((moment) => moment()));
  }
  t.equal((await ask(edge, '/')).status, 200);
  t.equal((await ask(edge, '/', {}, { over: tls })).status, 200);
});

t.test('S14: a client that closes its half of a connection is let go', async (t) => {
  const edge = await edgeFor(t);
  for (const bytes of ['', 'GET', '\x16', request]) {
    const socket = plain(edge.port);
    socket.end(Buffer.from(bytes, 'latin1'));
    await closing(socket);
  }
  const secure = tls(edge.port);
  await once(secure, 'secureConnect');
  secure.end();
  await closing(secure);
  await until(async () => (await ask(edge, '/')).status === 200);
});

t.test('S14: a handler that fails ends its own request only', async (t) => {
  const lines: string[] = [];
  const fail = () => {
    throw new Error('a mistake in a handler');
  };
  const listener = await listen(
    { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, trust: () => false },
    undefined,
    { request: fail, upgrade: fail },
    memoryLog(lines),
    () => undefined,
  );
  t.teardown(() => listener.close(0));
  const port = listener.address.kind === 'tcp' ? listener.address.port : 0;
  for (const bytes of [request, upgrade]) {
    t.ok((await exchange(plain(port), bytes)).closed);
  }
  t.equal(lines.filter((line) => line.includes('a handler failed')).length, 2);
});
