import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Upstream } from '../../gateway/proxy/upstream.js';

export interface SocketServer {
  readonly upstream: Upstream;
  readonly server: WebSocketServer;
  readonly requests: readonly IncomingMessage[];
  /** The server's end of the next connection. */
  accepted(): Promise<WebSocket>;
  close(): Promise<void>;
}

/** An upstream that accepts websockets. */
export async function startSocketServer(
  options: ConstructorParameters<typeof WebSocketServer>[0] = {},
): Promise<SocketServer> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, ...options });
  const requests: IncomingMessage[] = [];
  server.on('connection', (socket, request) => {
    socket.on('error', () => {});
    requests.push(request);
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    server,
    requests,
    upstream: {
      origin: `http://127.0.0.1:${port}`,
      basePath: '',
      socketPath: undefined,
      token: undefined,
      ca: undefined,
    },
    accepted: async () => (await once(server, 'connection'))[0],
    async close() {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A client that is open. @throws {Error} when it is refused */
export async function open(url: string, protocols: string[] = []): Promise<WebSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, { perMessageDeflate: false });
  await once(socket, 'open');
  socket.on('error', () => {});
  return socket;
}

/** Code and reason with which a socket was closed. */
export async function closed(socket: WebSocket): Promise<readonly [code: number, reason: string]> {
  const [code, reason] = await once(socket, 'close');
  return [code, String(reason)];
}
