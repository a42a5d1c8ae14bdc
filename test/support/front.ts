import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Admission } from '../../gateway/edge/admission.js';
import { asGatewayError, type GatewayError } from '../../gateway/errors.js';
import { createUnread, type Unread } from '../../gateway/policy/unread.js';
import { createHttpProxy, type Patience } from '../../gateway/proxy/http.js';
import { OpenSockets } from '../../gateway/proxy/open-sockets.js';
import { connectTunnel } from '../../gateway/proxy/tunnel.js';
import type { Upstream } from '../../gateway/proxy/upstream.js';
import { refuseUpgrade, sendRefusal } from '../../gateway/refuse.js';
import { owner } from './principal.js';

export interface Front {
  readonly port: number;
  readonly url: string;
  /** Codes of the refusals so far. */
  readonly refusals: readonly string[];
  readonly unread: Unread;
  /** Sockets of clients that are open now. */
  sockets(): number;
  close(): Promise<void>;
}

export interface FrontOptions {
  readonly patience?: Patience;
  /** SPIN_UNREAD. */
  readonly unread?: readonly string[];
  /** Sets headers before the proxy, as the edge does. */
  readonly before?: (req: IncomingMessage, res: ServerResponse) => void;
}

/** The proxy and the tunnel behind a bare HTTP server that lets every client in: all that comes after the edge. */
export async function startFront(upstream: () => Upstream, options: FrontOptions = {}): Promise<Front> {
  const refusals: string[] = [];
  const sockets = new Set<Socket>();
  const note = (error: unknown): GatewayError => {
    const refusal = asGatewayError(error);
    refusals.push(refusal.code);
    return refusal;
  };
  const unread = createUnread(options.unread);
  const proxy = createHttpProxy({
    upstream,
    unread,
    refuse: (req, res, error) => sendRefusal(req, res, note(error)),
    ...(options.patience && { patience: options.patience }),
  });
  const server = createServer((req, res) => {
    options.before?.(req, res);
    proxy.handle(req, res, admit(req));
  });
  server.on('upgrade', (req, socket, head) => {
    socket.on('error', () => {});
    connectTunnel(
      { upstream, unread, checkValues: async () => {}, open: new OpenSockets() },
      admit(req),
      req,
      socket,
      head,
    ).catch((error) => {
      if (!socket.destroyed) refuseUpgrade(req, socket, note(error));
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    refusals,
    unread,
    sockets: () => sockets.size,
    async close() {
      proxy.close();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function admit(req: IncomingMessage): Admission {
  const [path = '/', query = ''] = (req.url ?? '/').split(/\?(.*)/s);
  const authority = req.headers.host ?? '';
  return {
    target: { path, query },
    client: {
      address: '192.0.2.7',
      request: 'request-1',
      secure: true,
      authority,
      origin: `https://${authority}`,
    },
    principal: owner,
  };
}
