import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { exchange, plain } from '../support/edge.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';
import { startSyntheticUpstream } from '../support/synthetic-upstream.js';
import { until } from '../support/until.js';

// Twenty floods on a busy machine.
t.setTimeout(300_000);

const PROGRAM = fileURLToPath(new URL('../support/gateway-process.js', import.meta.url));

/** A gateway in a process of its own, with half a gigabyte of heap. */
async function smallGateway(t: Test): Promise<{ child: ChildProcess; port: number }> {
  const upstream = await startSyntheticUpstream();
  t.teardown(() => upstream.close());
  const child = fork(PROGRAM, [`http://127.0.0.1:${upstream.port}`], {
    execArgv: ['--max-old-space-size=512', '--expose-gc'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [port] = (await once(child, 'message')) as [number];
  return { child, port };
}

async function heapOf(child: ChildProcess): Promise<number> {
  child.send('heap');
  const [bytes] = (await once(child, 'message')) as [number];
  return bytes;
}

/** Writes a request over and over, as fast as it is taken, and reads nothing. */
function flood(port: number, request: string, mostBytes: number): Socket {
  const batch = Buffer.from(request.repeat(Math.ceil(65_536 / request.length)));
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  let sent = 0;
  const write = () => {
    while (sent < mostBytes && !socket.destroyed) {
      sent += batch.length;
      if (!socket.write(batch)) return;
    }
  };
  socket.on('drain', write).on('connect', write);
  return socket.pause();
}

const head = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

t.test('X1: whoever pipelines and reads nothing fills no memory', async (t) => {
  const { child, port } = await smallGateway(t);
  const before = await heapOf(child);
  for (const [name, request] of [
    ['readiness, which asks Jupyter', head('/readyz')],
    ['a session that is none', head('/lab', 'Cookie: __Host-spin-8888=x.y.z; spin-8888=x.y.z\r\n')],
    ['the smallest there is', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'],
    ['a large answer', head('/files/1000000', `Authorization: token ${TOKEN}\r\n`)],
  ] as const) {
    const attackers = Array.from({ length: 20 }, () => flood(port, request, 1_500_000));
    for (let n = 0; n < 5; n++) {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
      t.equal(answer.status, 200, `${name}: others are served`);
      await answer.body?.cancel();
    }
    const heap = (await heapOf(child)) - before;
    t.ok(heap < 100e6, `${name}: ${Math.round(heap / 1e6)} MB`);
    for (const attacker of attackers) attacker.destroy();
    await until(async () => (await heapOf(child)) - before < 20e6, 30_000);
  }
});

/** Answers with the path, the first the latest; counts how many it works at. */
async function slowUpstream(): Promise<{ server: Server; port: number; most: () => number }> {
  let open = 0;
  let most = 0;
  const server = createServer((req, res) => {
    open += 1;
    most = Math.max(most, open);
    let size = 0;
    req.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    req.on('end', () =>
      setImmediate(() => {
        open -= 1;
        res.end(`[${req.method} ${req.url} ${size}]`);
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, most: () => most };
}

t.test(
  'X1: an honest pipeline is answered in order, one request at a time, whatever its length',
  async (t) => {
    const { server, port, most } = await slowUpstream();
    t.teardown(() => server.close());
    const gateway = await startTestGateway({
      upstream: { kind: 'http', url: new URL(`http://127.0.0.1:${port}`), token: undefined, ca: undefined },
    });
    t.teardown(() => gateway.close());
    const auth = `Host: localhost\r\nAuthorization: token ${TOKEN}\r\n`;
    const count = 600;
    const requests = Array.from({ length: count }, (_, n) => {
      if (n % 3 === 0) return `GET /n/${n} HTTP/1.1\r\n${auth}\r\n`;
      if (n % 3 === 1) return `POST /n/${n} HTTP/1.1\r\n${auth}Content-Length: 5\r\n\r\nhello`;
      return `PUT /n/${n} HTTP/1.1\r\n${auth}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
    });
    const last = `GET /end HTTP/1.1\r\n${auth}Connection: close\r\n\r\n`;
    const { text, closed } = await exchange(
      plain(Number(new URL(gateway.origin).port)),
      requests.join('') + last,
      undefined,
      60_000,
    );
    const answered = [...text.matchAll(/\[\w+ \/(n\/\d+|end) (\d)\]/g)].map(
      ([, path, size]) => `${path} ${size}`,
    );
    t.same(answered, [...Array.from({ length: count }, (_, n) => `n/${n} ${[0, 5, 3][n % 3]}`), 'end 0']);
    t.ok(closed);
    t.equal(most(), 1, 'RFC 9112 9.3.2: what is not safe is not done in parallel');
  },
);

t.test('X1: a websocket that is asked for behind other requests opens when those are answered', async (t) => {
  const upstream = await startSyntheticUpstream();
  t.teardown(() => upstream.close());
  const gateway = await startTestGateway({
    upstream: {
      kind: 'http',
      url: new URL(`http://127.0.0.1:${upstream.port}`),
      token: undefined,
      ca: undefined,
    },
  });
  t.teardown(() => gateway.close());
  const auth = `Host: localhost\r\nAuthorization: token ${TOKEN}\r\n`;
  const handshake =
    `GET /api/kernels/k/channels?session_id=s HTTP/1.1\r\n${auth}Connection: upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
    'Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org\r\n\r\n';
  const { text } = await exchange(
    plain(Number(new URL(gateway.origin).port)),
    `GET /api/status HTTP/1.1\r\n${auth}\r\nGET /files/200000 HTTP/1.1\r\n${auth}\r\n${handshake}`,
    /HTTP\/1\.1 101 /,
  );
  t.same(text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 101']);
});
