import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { Kernels } from '../../gateway/channel/kernels/kernels.js';
import { type ConnectOptions, connectChannel } from '../../gateway/channel/link/connect.js';
import { Sessions } from '../../gateway/channel/link/sessions.js';
import { asGatewayError } from '../../gateway/errors.js';
import { OpenSockets } from '../../gateway/proxy/open-sockets.js';
import { refuseUpgrade } from '../../gateway/refuse.js';
import { NO_TRACING } from '../../gateway/tracing.js';
import { Traffic } from '../../gateway/traffic.js';
import { processorsWith } from '../processors/kernel.js';
import { KERNEL } from '../support/fake-kernel.js';
import { owner } from '../support/principal.js';
import { until } from '../support/until.js';

/** A Jupyter that takes connections and never answers, and what stands after the edge before it. */
async function silentUpstream(t: Test, more: Partial<ConnectOptions>) {
  const sockets = new Set<Socket>();
  const silent = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.resume();
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const origin = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const upstream = { origin, basePath: '', socketPath: undefined, token: undefined, ca: undefined };
  const options: ConnectOptions = {
    upstream: () => upstream,
    kernels: new Kernels({
      language: async () => 'python',
      living: async () => new Set(),
      posted: async () => false,
    }),
    processors: processorsWith({}),
    tell: () => {},
    sessions: new Sessions(Buffer.from('a key')),
    open: new OpenSockets(),
    maxMessage: 10 * 1024 * 1024,
    traffic: new Traffic(),
    tracing: NO_TRACING,
    ...more,
  };
  const front = createServer().on('upgrade', (req, socket, head) => {
    socket.on('error', () => {});
    const [path = '', query = ''] = (req.url ?? '').split('?');
    const client = {
      address: '192.0.2.7',
      request: 'request-1',
      secure: true,
      authority: 'x',
      origin: 'https://x',
    };
    const admission = {
      target: { path, query },
      client,
      principal: owner,
    };
    connectChannel(options, KERNEL, admission, req, socket, head).catch((error: unknown) => {
      if (!socket.destroyed) refuseUpgrade(req, socket, asGatewayError(error));
    });
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    front.closeAllConnections();
    front.close();
  });
  const { port } = front.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}/api/kernels/${KERNEL}/channels?session_id=s`, sockets };
}

t.test('S15: an upstream handshake that never ends gives its client a 504, and is let go', async (t) => {
  const { url, sockets } = await silentUpstream(t, { handshakeTimeout: 200 });
  const client = new WebSocket(url).on('error', () => {});
  const [, response] = await once(client, 'unexpected-response');
  t.equal(response.statusCode, 504);
  client.terminate();
  await until(() => sockets.size === 0);
});

t.test('a client that leaves while its handshake is pending takes it along', async (t) => {
  const { url, sockets } = await silentUpstream(t, {});
  const client = new WebSocket(url).on('error', () => {});
  await until(() => sockets.size === 1);
  client.terminate();
  await until(() => sockets.size === 0);
  t.equal(sockets.size, 0);
});
