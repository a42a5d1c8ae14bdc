import type { WebSocket } from 'ws';
import { V1_PROTOCOL } from '../../gateway/channel/codec.js';
import type { Config } from '../../gateway/config.js';
import { Secret } from '../../processors/secret.js';
import { type SocketServer, startSocketServer } from './sockets.js';

/** A frame that a kernel got. */
export interface Received {
  readonly data: Buffer;
  readonly binary: boolean;
}

export interface FakeKernel extends SocketServer {
  /** What the gateway takes as its upstream. */
  readonly config: Config['upstream'];
  /** Everything that came on any connection. */
  readonly received: readonly Received[];
}

/** A server that speaks a kernel's websocket and does with each connection what a test says. */
export async function startFakeKernel(serve: (socket: WebSocket) => void = () => {}): Promise<FakeKernel> {
  const received: Received[] = [];
  const fake = await startSocketServer({
    maxPayload: 64 * 1024 * 1024,
    skipUTF8Validation: true,
    handleProtocols: (offered) => offered.has(V1_PROTOCOL) && V1_PROTOCOL,
  });
  fake.server.on('connection', (socket) => {
    socket.on('message', (data: Buffer, binary) => received.push({ data, binary }));
    serve(socket);
  });
  return {
    ...fake,
    received,
    config: {
      kind: 'http',
      url: new URL(fake.upstream.origin),
      token: new Secret('upstream-token-0123456789'),
      ca: undefined,
    },
  };
}
