import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { decode, V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { readHeader } from '../../gateway/channel/wire/messages.js';
import type { Config } from '../../gateway/config.js';
import { Secret } from '../../processors/core/secret.js';
import { payloadOf } from './frames.js';

/** A frame that a kernel got. */
export interface Received {
  readonly data: Buffer;
  readonly binary: boolean;
}

export interface FakeKernel {
  /** What the gateway takes as its upstream. */
  readonly config: Config['upstream'];
  /** Everything that came on any connection, unless `keeps` is false. */
  readonly received: readonly Received[];
  readonly requests: readonly IncomingMessage[];
  /** The server's end of the next connection. */
  accepted(): Promise<WebSocket>;
  close(): Promise<void>;
}

/** For tests that need no kernel to be behind it. */
export const KERNEL = '0f1c2d3e-0000-4000-8000-000000000000';

/**
 * A server that says that its kernel speaks Python, and does with each websocket what a test says.
 *
 * @param keeps false where so much comes that keeping it would hide how much the gateway keeps
 */
export async function startFakeKernel(
  serve: (socket: WebSocket) => void = () => {},
  keeps = true,
): Promise<FakeKernel> {
  const received: Received[] = [];
  const requests: IncomingMessage[] = [];
  const http = createServer((_req, res) => {
    res.setHeader('content-type', 'application/json');
    // A kernel's name, and the list of specs, which says what that name is.
    const kernelspecs = { python3: { spec: { language: 'python' } } };
    res.end(JSON.stringify({ name: 'python3', kernelspecs }));
  });
  const server = new WebSocketServer({
    server: http,
    perMessageDeflate: false,
    maxPayload: 64 * 1024 * 1024,
    skipUTF8Validation: true,
    handleProtocols: (offered) => offered.has(V1_PROTOCOL) && V1_PROTOCOL,
  });
  server.on('connection', (socket, request) => {
    socket.on('error', () => {});
    requests.push(request);
    if (keeps) socket.on('message', (data: Buffer, binary) => received.push({ data, binary }));
    serve(socket);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  return {
    received,
    requests,
    config: {
      kind: 'http',
      url: new URL(`http://127.0.0.1:${port}`),
      token: new Secret('upstream-token-0123456789'),
      ca: undefined,
    },
    accepted: async () => (await once(server, 'connection'))[0],
    async close() {
      for (const socket of server.clients) socket.terminate();
      server.close();
      http.closeAllConnections();
      http.close();
      await once(http, 'close');
    },
  };
}

/** @returns the msg_id of a request of the gateway's own (silent, before a cell); undefined for any other message */
export function companionIn({ protocol }: WebSocket, data: Buffer, binary: boolean): string | undefined {
  if (!data.includes('"silent":true')) return undefined;
  return readHeader(decode(protocol === V1_PROTOCOL ? 'v1' : 'legacy', data, binary)).msg_id;
}

/** Says that the helper is there. */
export function answerCompanion(socket: WebSocket, companion: string): void {
  const wire = socket.protocol === V1_PROTOCOL ? 'v1' : 'legacy';
  const say = (channel: string, msg_type: string, content: object) => {
    const { data, binary } = payloadOf(wire, channel, {
      header: { msg_type },
      parent_header: { msg_id: companion },
      content,
    });
    socket.send(data, { binary });
  };
  say('shell', 'execute_reply', { status: 'ok' });
  say('iopub', 'status', { execution_state: 'idle' });
}
