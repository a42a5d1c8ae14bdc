import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { dial } from '../../gateway/proxy/dial.js';
import { Secret } from '../../processors/core/secret.js';
import { startRecorder, until } from '../support/recorder.js';
import { startSocketServer } from '../support/sockets.js';

const staying = () => new AbortController().signal;

t.test('the path is sent as it is given', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  const path = "/a'b|c%2e?d='{}";
  const socket = await dial(server.upstream, path, [], {}, { signal: staying() });
  t.equal(server.requests[0]?.url, path);
  socket.terminate();
});

t.test('a path that would end the request line is refused', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  for (const path of ['/a b', '/a\r\nX: y', '/a\u0100']) {
    await t.rejects(dial(server.upstream, path, [], {}, { signal: staying() }), { code: 'BAD_PATH' });
  }
  t.equal(server.requests.length, 0);
});

t.test('the upstream gets its own Host, Origin and token whatever the caller says', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  const upstream = { ...server.upstream, token: new Secret('upstream-canary') };
  const forged = { host: 'x', origin: 'x', authorization: 'x', cookie: 'a=1' };
  const socket = await dial(upstream, '/', [], forged, { signal: staying() });
  t.match(server.requests[0]?.headers, {
    host: new URL(upstream.origin).host,
    origin: upstream.origin,
    authorization: 'token upstream-canary',
    cookie: 'a=1',
  });
  socket.terminate();
});

t.test('the socket comes paused and loses nothing', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  server.server.on('connection', (socket) => socket.send('early'));
  const socket = await dial(server.upstream, '/', [], {}, { signal: staying() });
  t.ok(socket.isPaused);
  await new Promise((resolve) => setImmediate(resolve));
  const message = once(socket, 'message');
  socket.resume();
  t.equal(String((await message)[0]), 'early');
  socket.terminate();
});

t.test('a unix socket is dialled too', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const socketPath = join(folder, 'a:b%20.sock');
  const http = createServer().listen(socketPath);
  await once(http, 'listening');
  const server = await startSocketServer({ port: 0, host: '127.0.0.1' });
  http.on('upgrade', (req, socket, head) => {
    server.server.handleUpgrade(req, socket, head, (accepted) =>
      server.server.emit('connection', accepted, req),
    );
  });
  t.teardown(async () => {
    await server.close();
    http.close();
    await rm(folder, { recursive: true });
  });
  const upstream = { ...server.upstream, origin: 'http://localhost', socketPath };
  const socket = await dial(upstream, '/x', [], {}, { signal: staying() });
  t.equal(server.requests[0]?.headers.host, 'localhost');
  socket.terminate();
});

t.test('an upstream that stays silent is a timeout', async (t) => {
  const recorder = await startRecorder(() => {});
  t.teardown(() => recorder.close());
  await t.rejects(dial(recorder.upstream, '/', [], {}, { signal: staying(), handshakeTimeout: 50 }), {
    code: 'UPSTREAM_TIMEOUT',
  });
});

t.test('a signal ends the asking, before it and during it', async (t) => {
  const recorder = await startRecorder(() => {});
  t.teardown(() => recorder.close());
  const reason = new Error('left');
  await t.rejects(dial(recorder.upstream, '/', [], {}, { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const dialled = dial(recorder.upstream, '/', [], {}, { signal: controller.signal });
  await until(() => recorder.sockets.size === 1, 'the upstream is asked');
  controller.abort(reason);
  await t.rejects(dialled, reason);
  await until(() => recorder.sockets.size === 0, 'the asking ends');
});

t.test('a subprotocol that was not offered is refused', async (t) => {
  const recorder = await startRecorder();
  t.teardown(() => recorder.close());
  const server = await startSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'other' });
  t.teardown(() => server.close());
  await t.rejects(dial(server.upstream, '/', ['a'], {}, { signal: staying() }), { code: 'UPSTREAM_REFUSED' });
});
