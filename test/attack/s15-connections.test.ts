import { once } from 'node:events';
import t, { type Test } from 'tap';
import { ask, closing, exchange, parseAnswer, plain, startEdge, tls } from '../support/edge.js';
import { until } from '../support/until.js';

/** Long enough for a handshake on a busy machine. */
const quick = { preamble: 600, headers: 600, checkEvery: 50 };
const start = 'GET / HTTP/1.1\r\nhost: localhost\r\n';

async function edgeFor(t: Test, ...settings: Parameters<typeof startEdge>) {
  const edge = await startEdge(...settings);
  t.teardown(() => edge.close());
  return edge;
}

t.test(
  'S15: headers over 64 KiB, or more than 255 of them, get 431 and the connection is closed',
  async (t) => {
    const edge = await edgeFor(t);
    for (const bytes of [
      `${start}x: ${'a'.repeat(70_000)}\r\n\r\n`,
      `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      `${start}${'a: b\r\n'.repeat(255)}\r\n`,
      `${start}${'a: b\r\n'.repeat(10_000)}\r\n`,
      `${start}x: ${'a'.repeat(5_000_000)}`,
    ]) {
      for (const over of [plain, tls]) {
        const { text, closed } = await exchange(over(edge.port), bytes);
        t.match(parseAnswer(text), { status: 431, code: 'HEADERS_TOO_LARGE' });
        t.ok(closed);
      }
    }
    t.equal((await ask(edge, '/', { cookie: 'x'.repeat(60_000) })).status, 200);
  },
);

t.test('S15: a connection that says nothing is closed', async (t) => {
  const edge = await edgeFor(t, {}, quick);
  t.same(await exchange(plain(edge.port), ''), { text: '', closed: true });
});

t.test('S15: a PROXY header that never ends is closed, at its length or in time', async (t) => {
  const edge = await edgeFor(t, { trustedProxies: ['127.0.0.1'] }, quick);
  t.same(await exchange(plain(edge.port), 'PROXY TCP4 '), { text: '', closed: true });
  t.same(await exchange(plain(edge.port), `PROXY ${'x'.repeat(200)}`), { text: '', closed: true });
});

t.test('S15: a handshake that takes too long is closed, also when its bytes keep trickling in', async (t) => {
  const edge = await edgeFor(t, {}, quick);
  t.ok((await exchange(plain(edge.port), '\x16\x03\x01')).closed);
  const socket = plain(edge.port);
  const hello = Buffer.from(`16030102000100${'00'.repeat(600)}`, 'hex');
  let at = 0;
  const trickle = setInterval(() => {
    socket.write(hello.subarray(at, at + 1));
    at += 1;
  }, 20);
  await closing(socket);
  clearInterval(trickle);
  t.ok(at < 100, 'closed by time, not by content');
});

t.test('S15: headers that never end get 408, also when their bytes keep trickling in', async (t) => {
  // A TLS handshake before them may take its time.
  const edge = await edgeFor(t, {}, { ...quick, preamble: 20_000 });
  for (const over of [plain, tls]) {
    const socket = over(edge.port);
    const trickle = setInterval(() => socket.writable && socket.write('x'), 20);
    const { text, closed } = await exchange(socket, start);
    clearInterval(trickle);
    t.match(parseAnswer(text), { status: 408, code: 'REQUEST_TIMEOUT' });
    t.ok(closed);
  }
});

t.test('S15: a TLS connection that sends no request is closed', async (t) => {
  const edge = await edgeFor(t, {}, quick);
  t.ok((await exchange(tls(edge.port), '')).closed);
});

t.test('S15: an idle kept-alive connection is closed', async (t) => {
  const edge = await edgeFor(t, {}, { keepAlive: 200 });
  const { text, closed } = await exchange(plain(edge.port), `${start}\r\n`);
  t.match(text, /^HTTP\/1\.1 200 /);
  t.ok(closed);
});

t.test('S15: a slow upload is no attack: it takes the time it takes', async (t) => {
  const edge = await edgeFor(t, {}, quick);
  const socket = plain(edge.port);
  const body = 'x'.repeat(40);
  let at = 0;
  const trickle = setInterval(() => at < body.length && socket.write(body.charAt(at++)), 25);
  const { text } = await exchange(
    socket,
    'POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 40\r\n\r\n',
  );
  clearInterval(trickle);
  t.match(parseAnswer(text).echo, { size: 40 });
});

t.test('S15: whoever is refused does not hold the connection with a body that never comes', async (t) => {
  const edge = await edgeFor(t, {}, { leftover: 200 });
  const refused = 'POST / HTTP/1.1\r\nhost: foreign.example\r\n';
  for (const over of [plain, tls]) {
    for (const body of ['content-length: 40\r\n\r\nx', 'transfer-encoding: chunked\r\n\r\n1\r\nx\r\n']) {
      const { text, closed } = await exchange(over(edge.port), refused + body);
      t.match(parseAnswer(text), { status: 421 });
      t.ok(closed);
    }
  }
  const { text } = await exchange(
    plain(edge.port),
    `${refused}content-length: 1\r\n\r\nx${start}connection: close\r\n\r\n`,
  );
  t.match(text, /^HTTP\/1\.1 421 .*HTTP\/1\.1 200 /s, 'a body that has come leaves the connection as it is');
});

t.test('S15: more connections than allowed are closed at once, and one line says so', async (t) => {
  const edge = await edgeFor(t, {}, { connections: 3 });
  const kept = [plain(edge.port), plain(edge.port), plain(edge.port)];
  for (const socket of kept) {
    socket.write(`${start}\r\n`);
    await once(socket, 'data');
  }
  t.ok((await exchange(plain(edge.port), `${start}\r\n`)).closed);
  t.ok(edge.lines.some((line) => line.includes('too many connections')));
  kept[0]?.destroy();
  await until(async () => (await ask(edge, '/')).status === 200);
  for (const socket of kept) {
    socket.destroy();
  }
});

t.test(
  'S15: a thousand slow connections leave the server answering, and all are gone afterwards',
  async (t) => {
    const edge = await edgeFor(t, {}, { preamble: 3_000, headers: 3_000, checkEvery: 100 });
    const slow = Array.from({ length: 1_000 }, (_, i) => {
      const socket = plain(edge.port).on('error', () => undefined);
      socket.write(Buffer.from(['', 'G', '\x16', start][i % 4] ?? '', 'latin1'));
      return closing(socket);
    });
    t.equal((await ask(edge, '/')).status, 200);
    t.equal((await ask(edge, '/', {}, { over: tls })).status, 200);
    await Promise.all(slow);
  },
);
