import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { exchange, parseAnswer, plain, startEdge, tls } from '../support/edge.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';
import { startRecorder } from '../support/recorder.js';

const asking = (protocol: string, path = '/', more = '') =>
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: ${protocol}\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n${more}\r\n`;
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n';
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

t.test(
  'S7: an upgrade to a protocol that nobody here speaks is ignored, and ends the connection',
  async (t) => {
    const edge = await startEdge();
    t.teardown(() => edge.close());
    for (const over of [plain, tls]) {
      for (const protocol of ['h2c', 'TLS/1.2', 'echo']) {
        for (const behind of ['', SMUGGLED, PREFACE]) {
          const { text, closed } = await exchange(over(edge.port), asking(protocol, '/a') + behind);
          const { status, headers, echo } = parseAnswer(text);
          t.equal(status, 200, protocol);
          t.match(echo, { target: { path: '/a' }, size: 0 });
          t.equal(headers.connection, 'close');
          t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, 'what came behind it is nobody’s request');
          t.ok(closed);
        }
      }
    }
  },
);

t.test('S7: such a request may have no body, and gets no answer in the middle of another one', async (t) => {
  const edge = await startEdge();
  t.teardown(() => edge.close());
  const body = asking('h2c', '/', 'content-length: 5\r\n').replace('GET', 'POST');
  t.match(parseAnswer((await exchange(plain(edge.port), `${body}12345`)).text), { status: 400 });
  const socket = plain(edge.port);
  const waiting = 'POST /first HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n';
  const { text, closed } = await exchange(socket, waiting + asking('h2c', '/second'));
  t.notMatch(text, 'second');
  t.ok(closed);
  const left = plain(edge.port);
  left.end(asking('h2c'));
  await once(left.resume(), 'close');
  t.notOk(
    edge.lines.some((line) => line.includes('"level":50')),
    'nothing failed',
  );
});

t.test('S1, S7: it passes the same gates, and Jupyter hears nothing of it', async (t) => {
  const jupyter = await startRecorder();
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url: new URL(jupyter.upstream.origin), token: undefined, ca: undefined },
  });
  t.teardown(async () => {
    await gateway.close();
    await jupyter.close();
  });
  const port = Number(gateway.gateway.url.port);
  const send = async (path: string, more = '') =>
    parseAnswer((await exchange(plain(port), asking('h2c', path, more) + SMUGGLED)).text).status;
  t.equal(await send('/api/status'), 401);
  t.equal(await send('/api/status', 'authorization: token wrong\r\n'), 403);
  t.equal(await send('/api/status', 'origin: https://evil.example\r\n'), 403);
  t.equal(jupyter.requests.length, 0);
  t.equal(await send('/api/status', `authorization: token ${TOKEN}\r\n`), 200);
  t.same(
    jupyter.requests.map(({ url }) => url),
    ['/api/status'],
  );
  t.notMatch(jupyter.requests[0]?.lines.join('\n'), /upgrade|http2|h2c/i);

  const { stdout } = await promisify(execFile)('curl', [
    ...['--silent', '--show-error', '--http2', '--header', `Authorization: token ${TOKEN}`],
    `http://localhost:${port}/api/status`,
  ]);
  t.equal(stdout, 'answer to /api/status', 'curl --http2');
});

t.test('a large answer comes whole, however slowly it is read', async (t) => {
  const size = 20 * 1024 * 1024;
  const jupyter = createServer((_req, res) => res.end(Buffer.alloc(size, 'x'))).listen(0, '127.0.0.1');
  await once(jupyter, 'listening');
  const { port: at } = jupyter.address() as AddressInfo;
  const gateway = await startTestGateway({
    upstream: { kind: 'http', url: new URL(`http://127.0.0.1:${at}`), token: undefined, ca: undefined },
  });
  t.teardown(async () => {
    await gateway.close();
    jupyter.close();
  });
  for (const over of [plain, tls]) {
    const socket = over(Number(gateway.gateway.url.port));
    socket.write(asking('h2c', '/files/large', `authorization: token ${TOKEN}\r\n`));
    await once(socket, 'readable');
    await sleep(300);
    let got = 0;
    for await (const chunk of socket) got += (chunk as Buffer).length;
    t.ok(got > size, `${got}`);
  }
});
