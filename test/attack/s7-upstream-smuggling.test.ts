import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { type Front, startFront } from '../support/front.js';
import { type Recorder, sendRaw, startRecorder, until } from '../support/recorder.js';

const HIDDEN = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';
const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

let recorder: Recorder;
let front: Front;

t.beforeEach(async () => {
  recorder = await startRecorder();
  front = await startFront(() => recorder.upstream);
});
t.afterEach(async () => {
  await front.close();
  await recorder.close();
});

/** Sends one request on a connection of its own; `Connection: close` asks the gateway to end it. */
async function attack(head: string, body: string): Promise<string> {
  return sendRaw(front.port, `${head}\r\nHost: h\r\nConnection: close\r\n\r\n${body}`);
}

for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST', 'PUT', 'PATCH']) {
  t.test(`S7: a ${method} with a chunked body is one request for the upstream`, async (t) => {
    await attack(`${method} /a HTTP/1.1\r\nTransfer-Encoding: chunked`, chunked(HIDDEN));
    await attack('GET /b HTTP/1.1', '');
    t.same(
      recorder.requests.map(({ method, url, body }) => [method, url, body]),
      [
        [method, '/a', HIDDEN],
        ['GET', '/b', ''],
      ],
    );
  });

  t.test(`S7: a ${method} with a Content-Length is one request for the upstream`, async (t) => {
    await attack(`${method} /a HTTP/1.1\r\nContent-Length: ${HIDDEN.length}`, HIDDEN);
    await attack('GET /b HTTP/1.1', '');
    t.same(
      recorder.requests.map(({ url, body }) => [url, body]),
      [
        ['/a', HIDDEN],
        ['/b', ''],
      ],
    );
  });
}

const refused: Readonly<Record<string, readonly [head: string, body: string]>> = {
  'Content-Length and Transfer-Encoding': [
    `POST /a HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked`,
    chunked(HIDDEN),
  ],
  'Transfer-Encoding and Content-Length': [
    `POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 4`,
    chunked(HIDDEN),
  ],
  'a coding before chunked': ['POST /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked', chunked(HIDDEN)],
  'a coding that only looks like chunked': [
    'POST /a HTTP/1.1\r\nTransfer-Encoding: xchunked',
    chunked(HIDDEN),
  ],
  'chunked twice': ['POST /a HTTP/1.1\r\nTransfer-Encoding: chunked, chunked', chunked(HIDDEN)],
  'a space before the colon': ['POST /a HTTP/1.1\r\nTransfer-Encoding : chunked', chunked(HIDDEN)],
  'two lengths that differ': [
    `POST /a HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: ${HIDDEN.length}`,
    HIDDEN,
  ],
  'two lengths in one line': [`POST /a HTTP/1.1\r\nContent-Length: 0, ${HIDDEN.length}`, HIDDEN],
  'a length with a sign': [`POST /a HTTP/1.1\r\nContent-Length: +${HIDDEN.length}`, HIDDEN],
  'chunked in HTTP/1.0': ['POST /a HTTP/1.0\r\nTransfer-Encoding: chunked', chunked(HIDDEN)],
  'a folded line': ['POST /a HTTP/1.1\r\nX-A: b\r\n Transfer-Encoding: chunked', chunked(HIDDEN)],
  'a bare line feed': ['POST /a HTTP/1.1\r\nX-A: b\nTransfer-Encoding: chunked', chunked(HIDDEN)],
  'a chunk size that is no number': [
    'POST /a HTTP/1.1\r\nTransfer-Encoding: chunked',
    `0x5\r\nhello\r\n0\r\n\r\n`,
  ],
};
for (const [name, [head, body]] of Object.entries(refused)) {
  t.test(`S7: ${name} gets 400 and no second request reaches the upstream`, async (t) => {
    const answer = await attack(head, body);
    t.match(answer, /^HTTP\/1\.1 400 /);
    await attack('GET /b HTTP/1.1', '');
    t.notOk(recorder.connections.some((parts) => Buffer.concat(parts).includes('/smuggled')));
    t.ok(recorder.requests.some(({ url }) => url === '/b'));
  });
}

t.test('S7: a Connection header cannot take the length of a body away', async (t) => {
  for (const method of ['GET', 'DELETE', 'POST']) {
    await attack(
      `${method} /a HTTP/1.1\r\nContent-Length: ${HIDDEN.length}\r\nConnection: content-length`,
      HIDDEN,
    );
    await attack(
      `${method} /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: transfer-encoding`,
      chunked(HIDDEN),
    );
  }
  await attack('GET /c HTTP/1.1', '');
  t.same(
    recorder.requests.map(({ url, body }) => [url, body]),
    [...['/a', '/b', '/a', '/b', '/a', '/b'].map((url) => [url, HIDDEN]), ['/c', '']],
  );
});

t.test('S7: underscore forms of framing headers never reach the upstream', async (t) => {
  await attack('GET /a HTTP/1.1\r\nTransfer_Encoding: chunked\r\nContent_Length: 40', '');
  t.notOk(recorder.requests[0]?.lines.some((line) => line.includes('_')));
});

t.test('S7: trailers stay with the client', async (t) => {
  await attack(
    'POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late',
    '2\r\nhi\r\n0\r\nX-Late: v\r\n\r\n',
  );
  t.equal(recorder.requests[0]?.body, 'hi');
  t.notOk(recorder.connections.some((parts) => /x-late/i.test(Buffer.concat(parts).toString())));
});

t.test('S7: Expect: 100-continue is answered here and not passed on', async (t) => {
  const answer = await attack('POST /a HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue', 'hi');
  t.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  t.equal(recorder.requests[0]?.body, 'hi');
  t.notOk(recorder.requests[0]?.lines.some((line) => line.startsWith('expect')));
});

t.test('S7: an upgrade is one handshake for the upstream, and none that is no websocket', async (t) => {
  for (const [protocol, status] of [
    ['websocket', 502],
    ['h2c', 400],
    ['TLS/1.2', 400],
  ] as const) {
    const answer = await sendRaw(
      front.port,
      `GET /api/status HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n${HIDDEN}`,
    );
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), protocol);
  }
  t.same(
    recorder.requests.map(({ method, url, body }) => [method, url, body]),
    [['GET', '/api/status', '']],
  );
});

t.test('S7: an upgrade on a websocket path that is no websocket reaches nobody', async (t) => {
  for (const [method, protocol] of [
    ['GET', 'h2c'],
    ['POST', 'websocket'],
  ]) {
    const answer = await sendRaw(
      front.port,
      `${method} /api/events/subscribe HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
    );
    t.match(answer, /^HTTP\/1\.1 400 /);
  }
  t.equal(recorder.connections.length, 0);
});

t.test('S7: pipelined requests are answered one by one, in order', async (t) => {
  const get = (path: string, last = false) =>
    `GET ${path} HTTP/1.1\r\nHost: h\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
  const answer = await sendRaw(front.port, get('/1') + get('/2') + get('/3', true));
  t.same(answer.match(/answer to \/\d/g), ['answer to /1', 'answer to /2', 'answer to /3']);
  t.same(
    recorder.requests.map(({ url }) => url),
    ['/1', '/2', '/3'],
  );
});

t.test('S7: a body that the client breaks off never becomes a whole request', async (t) => {
  const socket = connect(front.port, '127.0.0.1').on('error', () => {});
  socket.write(`POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n${HIDDEN}`);
  await until(() => recorder.connections.length === 1, 'the upload reaches the upstream');
  socket.destroy();
  await once(socket, 'close');
  await until(() => recorder.sockets.size === 0, 'the upstream connection is closed');
  await attack('GET /b HTTP/1.1', '');
  t.same(
    recorder.requests.map(({ url }) => url),
    ['/b'],
  );
});

t.test('S7: an upstream that answers before it has read the body is not reused', async (t) => {
  const early = await startRecorder((_req, res) => res.end('early'));
  const edge = await startFront(() => early.upstream);
  t.teardown(async () => {
    await edge.close();
    await early.close();
  });
  const socket = connect(edge.port, '127.0.0.1').on('error', () => {});
  socket.write(`POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: ${HIDDEN.length + 1}\r\n\r\nx`);
  await once(socket, 'data');
  socket.write(HIDDEN);
  t.match(await sendRaw(edge.port, 'GET /b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'), /early$/);
  t.same(
    early.requests.map(({ url }) => url),
    ['/a', '/b'],
  );
  socket.destroy();
});
