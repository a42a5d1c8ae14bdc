import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { ask, askUpgrade } from '../support/ask.js';
import { type Front, startFront } from '../support/front.js';
import { sendRaw, startRecorder, until } from '../support/recorder.js';
import { closed, open, type SocketServer, startSocketServer } from '../support/sockets.js';

const PATH = '/terminals/websocket/1';

async function through(
  t: Test,
  options: Parameters<typeof startSocketServer>[0] = {},
): Promise<{ far: SocketServer; front: Front }> {
  const far = await startSocketServer(options);
  const front = await startFront(() => far.upstream);
  t.teardown(async () => {
    await front.close();
    await far.close();
  });
  return { far, front };
}

async function joined(
  t: Test,
): Promise<{ near: WebSocket; far: WebSocket; front: Front; server: SocketServer }> {
  const { far: server, front } = await through(t);
  const accepted = server.accepted();
  const near = await open(front.url + PATH);
  return { near, far: await accepted, front, server };
}

t.test('text and binary frames pass both ways as they are', async (t) => {
  const { near, far } = await joined(t);
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    for (const message of ['texté', Buffer.from([0, 255, 128]), '', Buffer.alloc(3_000_000, 7)]) {
      from.send(message);
      const [data, binary] = await once(to, 'message');
      t.equal(binary, typeof message !== 'string');
      t.ok(Buffer.from(message).equals(data));
    }
  }
});

t.test('what the upstream says before the client is accepted is not lost', async (t) => {
  const { far, front } = await through(t);
  far.server.on('connection', (socket) => {
    for (let i = 0; i < 50; i += 1) socket.send(String(i));
  });
  const near = new WebSocket(front.url.replace('http', 'ws') + PATH);
  const seen: string[] = [];
  near.on('message', (data) => seen.push(String(data)));
  await until(() => seen.length === 50, 'every frame arrives');
  t.same(
    seen,
    Array.from({ length: 50 }, (_, i) => String(i)),
  );
  near.terminate();
});

for (const [code, expected] of [
  [1000, 1000],
  [1001, 1001],
  [1011, 1011],
  [3000, 3000],
  [4321, 4321],
] as const) {
  t.test(`close code ${code} and its reason pass both ways`, async (t) => {
    const one = await joined(t);
    const farEnd = closed(one.far);
    one.near.close(code, 'a reason');
    t.same(await farEnd, [expected, 'a reason']);

    const two = await joined(t);
    const nearEnd = closed(two.near);
    two.far.close(code, 'a reason');
    t.same(await nearEnd, [expected, 'a reason']);
  });
}

t.test('a close without a code stays one', async (t) => {
  const { near, far } = await joined(t);
  const end = closed(far);
  near.close();
  t.same(await end, [1005, '']);
});

t.test('a client that is lost is "going away" for the upstream', async (t) => {
  const { near, far } = await joined(t);
  const end = closed(far);
  near.terminate();
  t.same(await end, [1001, '']);
});

t.test('an upstream that is lost is a bad gateway for the client', async (t) => {
  const { near, far } = await joined(t);
  const end = closed(near);
  far.terminate();
  t.same(await end, [1014, '']);
});

t.test('the choice of subprotocol is the upstream’s', async (t) => {
  const { front } = await through(t, { handleProtocols: () => 'b' });
  t.equal((await open(front.url + PATH, ['a', 'b'])).protocol, 'b');
});

t.test('an upstream that chooses no subprotocol is not a failure', async (t) => {
  const { far, front } = await through(t, { handleProtocols: () => false });
  const { status, headers } = await askUpgrade(front.url + PATH, { 'sec-websocket-protocol': 'a, b' });
  t.equal(status, 101);
  t.equal(headers['sec-websocket-protocol'], undefined);
  t.equal(far.requests[0]?.headers['sec-websocket-protocol'], 'a, b');
});

t.test(
  'token subprotocols are not sent on; the bare marker is echoed when nothing else is chosen',
  async (t) => {
    const { far, front } = await through(t);
    const marker = 'v1.token.websocket.jupyter.org';
    const offered = { 'sec-websocket-protocol': `${marker}, ${marker}.client-canary` };
    t.equal((await askUpgrade(front.url + PATH, offered)).headers['sec-websocket-protocol'], marker);
    const both = { 'sec-websocket-protocol': `${marker}, x, ${marker}.client-canary` };
    t.equal((await askUpgrade(front.url + PATH, both)).headers['sec-websocket-protocol'], 'x');
    t.notOk(JSON.stringify(far.requests.map(({ rawHeaders }) => rawHeaders)).includes('client-canary'));
  },
);

t.test('the upstream gets a clean handshake at the same path and query', async (t) => {
  const { far, front } = await through(t);
  await askUpgrade(`${front.url}/lsp/ws/pylsp?a=%7Bb%7D&c=%27`, {
    authorization: 'token client-canary',
    cookie: '__Host-spin-1=client-canary; a=1',
    'x-forwarded-for': 'client-canary',
    'x-real-ip': 'client-canary',
    origin: 'https://client-canary.example',
    'sec-websocket-extensions': 'permessage-deflate',
    'user-agent': 'tests',
  });
  const [request] = far.requests;
  t.equal(request?.url, '/lsp/ws/pylsp?a=%7Bb%7D&c=%27');
  t.notOk(request?.rawHeaders.join('\n').includes('client-canary'));
  t.match(request?.headers, {
    host: new URL(far.upstream.origin).host,
    origin: far.upstream.origin,
    cookie: 'a=1',
    'user-agent': 'tests',
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'https',
  });
  t.equal(request?.headers['sec-websocket-extensions'], undefined);
});

t.test('an upstream’s refusal becomes the client’s, without its body', async (t) => {
  for (const status of [400, 403, 404, 503]) {
    const recorder = await startRecorder((_req, res) => res.writeHead(status).end('canary'));
    const front = await startFront(() => recorder.upstream);
    const answer = await askUpgrade(front.url + PATH);
    t.equal(answer.status, status);
    t.notOk(answer.body.includes('canary'));
    await front.close();
    await recorder.close();
  }
});

t.test('an upstream that does not speak websocket is a bad gateway', async (t) => {
  for (const status of [200, 302]) {
    const recorder = await startRecorder((_req, res) => res.writeHead(status, { location: '/login' }).end());
    const front = await startFront(() => recorder.upstream);
    t.equal((await askUpgrade(front.url + PATH)).status, 502);
    await front.close();
    await recorder.close();
  }
});

t.test('an upstream that is down is a bad gateway', async (t) => {
  const { far, front } = await through(t);
  const down = await startFront(() => ({ ...far.upstream, origin: 'http://127.0.0.1:1' }));
  t.teardown(() => down.close());
  t.equal((await askUpgrade(down.url + PATH)).status, 502);
  t.equal((await askUpgrade(front.url + PATH)).status, 101);
});

t.test('a client that leaves while the upstream is asked ends the asking', async (t) => {
  const recorder = await startRecorder(() => {});
  const front = await startFront(() => recorder.upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const socket = connect(front.port, '127.0.0.1').on('error', () => {});
    socket.write(
      `GET ${PATH} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await until(() => recorder.sockets.size === 1, 'the upstream is asked');
    socket[leave]();
    await until(() => recorder.sockets.size === 0, 'the asking ends');
    await until(() => front.sockets() === 0, 'the client’s socket is gone');
  }
  t.same(front.refusals, []);
});

t.test('a handshake that is not valid gets 400 and leaves nothing open', async (t) => {
  const { far, front } = await through(t);
  const answer = await sendRaw(
    front.port,
    `GET ${PATH} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  t.match(answer, /^HTTP\/1\.1 400 /);
  await until(() => far.server.clients.size === 0, 'no upstream socket is left');
  t.equal(far.server.clients.size, 0);
});

t.test('a malformed frame ends its own connection only', async (t) => {
  const { near, far, front, server } = await joined(t);
  const bad = connect(front.port, '127.0.0.1').on('error', () => {});
  bad.write(
    `GET ${PATH} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(bad, 'data');
  bad.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]));
  await once(bad.resume(), 'close');
  await until(() => server.server.clients.size === 1, 'its upstream socket is closed');
  near.send('still here');
  t.equal(String((await once(far, 'message'))[0]), 'still here');
});

t.test('a reader that stops reading pauses its writer', async (t) => {
  const { near, far } = await joined(t);
  near.pause();
  const block = Buffer.alloc(1024 * 1024);
  let sent = 0;
  const send = () => {
    if (far.readyState !== far.OPEN || sent >= 400) return;
    sent += 1;
    far.send(block, send);
  };
  send();
  let before = -1;
  while (sent !== before) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  t.ok(sent < 64, `${sent} MiB were taken from the writer`);
  let got = 0;
  near.on('message', () => {
    got += 1;
  });
  near.resume();
  await until(() => got === 400, 'everything arrives after all', 20_000);
  t.equal(got, 400);
});

t.test('a paused writer still learns that its reader has gone', async (t) => {
  const { near, far } = await joined(t);
  near.pause();
  for (let i = 0; i < 64; i += 1) far.send(Buffer.alloc(1024 * 1024));
  const end = closed(far);
  near.terminate();
  t.same(await end, [1001, '']);
});

t.test('connections that come and go leave nothing behind', async (t) => {
  const { far, front } = await through(t);
  for (let round = 0; round < 10; round += 1) {
    const sockets = await Promise.all(Array.from({ length: 10 }, () => open(front.url + PATH)));
    for (const [index, socket] of sockets.entries()) index % 2 ? socket.terminate() : socket.close();
  }
  await until(() => far.server.clients.size === 0 && front.sockets() === 0, 'every socket is closed');
  t.equal((await ask(`${front.url}/x`)).status, 426);
});
