import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type RequestListener, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { GatewayError } from '../../gateway/errors.js';
import type { Patience } from '../../gateway/proxy/http.js';
import type { Upstream } from '../../gateway/proxy/upstream.js';
import { ask } from '../support/ask.js';
import { type Front, startFront } from '../support/front.js';
import { type Recorder, startRecorder, until } from '../support/recorder.js';

async function through(t: Test, answer?: RequestListener): Promise<{ recorder: Recorder; front: Front }> {
  const recorder = await startRecorder(answer);
  const front = await startFront(() => recorder.upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  return { recorder, front };
}

/** An upstream below HTTP: `serve` gets each connection. */
async function rawUpstream(
  t: Test,
  serve: (socket: Socket, index: number) => void,
  patience?: Patience,
): Promise<Front> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    serve(socket, count++);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const upstream: Upstream = {
    origin: `http://127.0.0.1:${port}`,
    basePath: '',
    socketPath: undefined,
    token: undefined,
    ca: undefined,
  };
  const front = await startFront(() => upstream, patience ? { patience } : {});
  t.teardown(async () => {
    await front.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return front;
}

t.test('a response is streamed: its reader holds the writer up, memory does not grow', async (t) => {
  const total = 256 * 1024 * 1024;
  const block = randomBytes(1024 * 1024);
  let written = 0;
  const { front } = await through(t, (_req, res) => {
    const source = new Readable({
      read() {
        written += block.length;
        this.push(written > total ? null : block);
      },
    });
    source.pipe(res);
  });
  const asked = request(`${front.url}/big`).end();
  const [response] = (await once(asked, 'response')) as [Readable];
  response.pause();
  let before = -1;
  while (written !== before) {
    before = written;
    await sleep(100);
  }
  t.ok(written < 32 * 1024 * 1024, `${written} bytes were written to a reader that reads nothing`);
  const base = process.memoryUsage().rss;
  let read = 0;
  for await (const chunk of response) read += chunk.length;
  t.equal(read, total);
  t.ok(process.memoryUsage().rss - base < 150 * 1024 * 1024);
});

t.test('an upload is streamed, byte for byte', async (t) => {
  const total = 64 * 1024 * 1024;
  const block = randomBytes(1024 * 1024);
  const expected = createHash('sha256');
  let first = 0;
  const { front } = await through(t, async (req, res) => {
    const hash = createHash('sha256');
    for await (const chunk of req) {
      first ||= Date.now();
      hash.update(chunk);
    }
    res.end(hash.digest('hex'));
  });
  const asked = request(`${front.url}/up`, { method: 'PUT' });
  const answered = once(asked, 'response');
  for (let sent = 0; sent < total; sent += block.length) {
    expected.update(block);
    if (!asked.write(block)) await once(asked, 'drain');
  }
  t.ok(first > 0, 'the upstream had the first bytes before the last were sent');
  asked.end();
  const [response] = (await answered) as [Readable];
  t.equal(String(await response.toArray()), expected.digest('hex'));
});

t.test('W15: a large upload passes also where nobody says “continue”', async (t) => {
  const front = await rawUpstream(t, (socket) => {
    let bytes = 0;
    socket.on('data', (data) => {
      bytes += data.length;
      if (bytes > 3_000_000) socket.end('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n');
    });
  });
  t.equal((await ask(`${front.url}/x`, { method: 'PUT', body: 'x'.repeat(3_000_000) })).status, 201);
});

t.test('W15: an upload in whose middle Jupyter hangs up is told as that', async (t) => {
  const front = await rawUpstream(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
  const { status, body } = await ask(`${front.url}/x`, { method: 'PUT', body: 'x'.repeat(1_000_000) });
  t.match([status, body], [502, /closed the connection during this upload/]);
});

t.test('server-sent events arrive one by one, the head at once', async (t) => {
  let send: (text: string) => void = () => {};
  const { front } = await through(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    send = (text) => res.write(text);
  });
  const asked = request(`${front.url}/events`).end();
  const [response] = (await once(asked, 'response')) as [Readable];
  for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
    send(text);
    const [chunk] = await once(response, 'data');
    t.equal(String(chunk), text);
  }
  asked.destroy();
});

t.test('clients that leave release the upstream at once', async (t) => {
  let open = 0;
  const { front } = await through(t, (_req, res) => {
    open += 1;
    res.on('close', () => {
      open -= 1;
    });
    if (open % 2 === 0) res.write('beginning');
  });
  const clients = Array.from({ length: 20 }, () =>
    request(`${front.url}/slow`, { agent: false })
      .on('error', () => {})
      .end(),
  );
  await until(() => open === 20, 'all requests reach the upstream');
  for (const client of clients) client.destroy();
  await until(() => open === 0, 'the upstream is released');
  t.equal(open, 0);
});

t.test('connections to the upstream are kept and used again', async (t) => {
  const { front, recorder } = await through(t);
  for (let i = 0; i < 5; i += 1) await ask(`${front.url}/${i}`);
  t.equal(recorder.connections.length, 1);
  t.equal(recorder.requests.length, 5);
});

/** Answers the first request of each connection and drops it on the second, as when a keep-alive limit strikes. */
function dropsSecond(seen: string[]): (socket: Socket) => void {
  return (socket) => {
    let count = 0;
    socket.on('data', (data: Buffer) => {
      seen.push(String(data).split(' ', 2).join(' '));
      count += 1;
      if (count > 1) socket.destroy();
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  };
}

t.test('a request that a kept connection loses is sent again, once', async (t) => {
  const seen: string[] = [];
  const front = await rawUpstream(t, dropsSecond(seen));
  await ask(`${front.url}/1`);
  const { status, body } = await ask(`${front.url}/2`);
  t.equal(status, 200);
  t.equal(body, 'ok');
  t.same(seen, ['GET /1', 'GET /2', 'GET /2']);
});

t.test('a request that may have done something is not sent again', async (t) => {
  const seen: string[] = [];
  const front = await rawUpstream(t, dropsSecond(seen));
  await ask(`${front.url}/1`);
  const { status } = await ask(`${front.url}/2`, { method: 'POST' });
  t.equal(status, 502);
  t.same(seen, ['GET /1', 'POST /2']);
});

t.test('a request with a body is not sent again', async (t) => {
  const seen: string[] = [];
  const front = await rawUpstream(t, dropsSecond(seen));
  await ask(`${front.url}/1`);
  const { status } = await ask(`${front.url}/2`, { method: 'PUT', body: 'x' });
  t.equal(status, 502);
  t.equal(seen.filter((line) => line.startsWith('PUT')).length, 1);
});

t.test('a failure on a new connection is not tried again', async (t) => {
  let connections = 0;
  const front = await rawUpstream(t, (socket) => {
    connections += 1;
    socket.once('data', () => socket.destroy());
  });
  t.equal((await ask(`${front.url}/`)).status, 502);
  t.equal(connections, 1);
});

t.test('an upstream that is down gives 502 and recovers by itself', async (t) => {
  const recorder = await startRecorder();
  let upstream: Upstream = { ...recorder.upstream, origin: 'http://127.0.0.1:1' };
  const front = await startFront(() => upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  const { status, body } = await ask(`${front.url}/api`);
  t.equal(status, 502);
  t.equal(JSON.parse(body).code, 'UPSTREAM_DOWN');
  upstream = recorder.upstream;
  t.equal((await ask(`${front.url}/api`)).status, 200);
});

t.test('an upstream that is starting gives what its source says', async (t) => {
  const front = await startFront(() => {
    throw new GatewayError('UPSTREAM_STARTING');
  });
  t.teardown(() => front.close());
  t.equal((await ask(`${front.url}/lab`)).status, 503);
});

t.test('an upstream that stays silent gives 504', async (t) => {
  const front = await rawUpstream(t, () => {}, { connect: 1_000, answer: 100 });
  const { status, body } = await ask(`${front.url}/x`);
  t.equal(status, 504);
  t.equal(JSON.parse(body).code, 'UPSTREAM_TIMEOUT');
});

t.test('a response may be silent for longer than its beginning', async (t) => {
  const front = await rawUpstream(
    t,
    (socket) => {
      socket.once('data', async () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no');
        await sleep(1_500);
        socket.write('k');
      });
    },
    // The beginning has to come within it, also on a busy machine.
    { connect: 10_000, answer: 1_000 },
  );
  t.equal((await ask(`${front.url}/x`)).body, 'ok');
});

t.test('a response that the upstream breaks off is broken off for the client', async (t) => {
  const front = await rawUpstream(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'));
  });
  await t.rejects(ask(`${front.url}/x`), { code: 'ECONNRESET' });
});

for (const [name, bytes] of Object.entries({
  'no HTTP': 'hello\r\n\r\n',
  'a switch of protocols': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  'a broken head': 'HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n',
  'a head with a bare carriage return': 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=c\r\n\r\n',
  'endless headers': `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`,
})) {
  t.test(`an upstream that answers with ${name} gives 502`, async (t) => {
    const front = await rawUpstream(t, (socket) => socket.once('data', () => socket.end(bytes)));
    t.equal((await ask(`${front.url}/x`)).status, 502);
  });
}

t.test('bytes after a response are not taken for the answer to another request', async (t) => {
  const front = await rawUpstream(t, (socket, index) => {
    socket.on('data', () => {
      const extra = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra';
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nown ${index}${index === 0 ? extra : ''}`);
    });
  });
  t.equal((await ask(`${front.url}/1`)).body, 'own 0');
  t.equal((await ask(`${front.url}/2`)).body, 'own 1');
});

t.test('an interim response is not taken for the final one', async (t) => {
  const front = await rawUpstream(t, (socket) => {
    socket.on('data', () => {
      socket.write(
        'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      );
    });
  });
  t.equal((await ask(`${front.url}/x`)).body, 'ok');
});

for (const [location, expected] of [
  ['/lab', '/lab'],
  ['relative', 'relative'],
  ['http://127.0.0.1:PORT/lab?a=1#b', 'https://runtime.example/lab?a=1#b'],
  ['//127.0.0.1:PORT/lab', 'https://runtime.example/lab'],
  ['http://127.0.0.1:PORT//evil.example/', 'https://runtime.example//evil.example/'],
  ['https://sso.example/login?next=1', 'https://sso.example/login?next=1'],
] as const) {
  t.test(`Location ${location} becomes ${expected}`, async (t) => {
    let port = 0;
    const { front, recorder } = await through(t, (_req, res) => {
      res.writeHead(302, { location: location.replace('PORT', String(port)) }).end();
    });
    port = recorder.port;
    const { headers } = await ask(`${front.url}/x`, { headers: { host: 'runtime.example' } });
    t.equal(headers.location, expected);
  });
}

t.test('statuses and reason phrases pass', async (t) => {
  const { front } = await through(t, (_req, res) => res.writeHead(409, 'File exists').end());
  const asked = request(`${front.url}/x`).end();
  const [response] = await once(asked, 'response');
  t.equal(response.statusCode, 409);
  t.equal(response.statusMessage, 'File exists');
  response.resume();
});

t.test('a status that is none becomes a 502 with nothing of the answer in it', async (t) => {
  const odd = 'HTTP/1.1 099 Odd\r\ncontent-encoding: gzip\r\nset-cookie: a=b\r\ncontent-length: 3\r\n\r\nabc';
  const front = await rawUpstream(t, (socket) => socket.on('data', () => socket.end(odd)));
  const { status, headers, body } = await ask(`${front.url}/`);
  t.match([status, JSON.parse(body)], [502, { code: 'UPSTREAM_REFUSED' }]);
  t.equal(headers['content-encoding'], undefined);
  t.equal(headers['set-cookie'], undefined);
});

t.test('answers without a body pass: HEAD, 204, 304', async (t) => {
  const { front } = await through(t, (req, res) => {
    if (req.method === 'HEAD') res.writeHead(200, { 'content-length': 7 }).end();
    else res.writeHead(Number(req.url?.slice(1)), { etag: '"1"' }).end();
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  for (const [method, path, status] of [
    ['HEAD', '/x', 200],
    ['GET', '/204', 204],
    ['GET', '/304', 304],
    ['HEAD', '/x', 200],
  ] as const) {
    const asked = request(front.url + path, { method, agent }).end();
    const [response] = await once(asked, 'response');
    t.equal(response.statusCode, status);
    t.equal(String(await response.toArray()), '');
  }
});

t.test('with a base path, everything is at the same path and the root leads there', async (t) => {
  const recorder = await startRecorder();
  const front = await startFront(() => ({ ...recorder.upstream, basePath: '/user/me' }));
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  t.equal((await ask(`${front.url}/user/me/lab?x=1`)).body, 'answer to /user/me/lab?x=1');
  t.equal((await ask(`${front.url}/`)).headers.location, '/user/me/');
  t.equal((await ask(`${front.url}/lab`)).status, 404);
  t.equal((await ask(`${front.url}/user/meow`)).status, 404);
  t.equal(recorder.requests.length, 1);
});

t.test('a client that resets its connection in the middle of anything does no harm', async (t) => {
  const { front, recorder } = await through(t, (req, res) => {
    req.resume();
    if (req.method === 'HEAD') res.end();
    else res.writeHead(200).write(Buffer.alloc(100_000));
  });
  for (let i = 0; i < 20; i += 1) {
    const socket = connect(front.port, '127.0.0.1').on('error', () => {});
    socket.write(
      i % 2
        ? 'GET /terminals/websocket/1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
        : 'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\nx',
    );
    await sleep(i);
    socket.resetAndDestroy();
  }
  await until(() => front.sockets() === 0 && recorder.sockets.size === 0, 'every socket is gone');
  t.equal((await ask(`${front.url}/x`, { method: 'HEAD' })).status, 200);
});
