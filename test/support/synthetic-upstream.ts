import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { decode, V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { readExecuteRequest, readHeader } from '../../gateway/channel/wire/messages.js';
import type { KeyPair } from '../../gateway/edge/tls.js';
import { sizedMessage } from './frames.js';

/**
 * Replaces Jupyter where Jupyter itself would be the bottleneck, or would take minutes for a thousand
 * kernels: the REST routes that the gateway asks, and kernels that speak the v1 subprotocol and run these "codes":
 *
 * - `stream COUNT BYTES`: that many stream messages of that size in batches, then the reply
 * - `drip COUNT BYTES`: the same, each written alone, as Tornado does
 * - anything else that isn't silent: a reply of 1 KB
 * - anything silent (the gateway's companions): a reply and `idle`; never, in the kernel whose id is {@link BUSY}
 */
export interface SyntheticUpstream {
  readonly port: number;
  /** The same over TLS; undefined when it was started without a certificate. */
  readonly tlsPort: number | undefined;
  /** Sockets that are open now. */
  sockets(): number;
  /** Silent requests that get no answer, so far. */
  ignored(): number;
  close(): Promise<void>;
}

/** The kernel that never answers a silent request: a rewrite waits for ever. */
export const BUSY = 'busy';

/** Size of a small message, in bytes of the frame's payload. */
export const SMALL = 1024;

/** Messages are written to the socket in batches of about this size, so that the upstream is not what is measured. */
const BATCH_BYTES = 128 * 1024;

const KERNELSPECS = { python3: { spec: { language: 'python' } } };

const CHANNELS = /^\/api\/kernels\/([^/?]+)\/channels(?:\?|$)/;

export async function startSyntheticUpstream(pair?: KeyPair): Promise<SyntheticUpstream> {
  const upgrades = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    handleProtocols: (offered) => offered.has(V1_PROTOCOL) && V1_PROTOCOL,
  });
  let ignored = 0;
  const sockets = new Set<Duplex>();
  const open = async (server: Server): Promise<number> => {
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    server.on('upgrade', (req: IncomingMessage, socket: Duplex, head) => {
      const kernel = CHANNELS.exec(req.url ?? '')?.[1];
      if (kernel === undefined) {
        socket.destroy();
        return;
      }
      upgrades.handleUpgrade(req, socket, head, (client) =>
        converse(client, socket, kernel, () => {
          ignored += 1;
        }),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const servers: Server[] = [createServer(answer)];
  if (pair) servers.push(createTlsServer({ ...pair }, answer) as Server);
  const [port = 0, tlsPort] = await Promise.all(servers.map(open));
  return {
    port,
    tlsPort,
    sockets: () => sockets.size,
    ignored: () => ignored,
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => once(server.close(), 'close')));
    },
  };
}

/** `GET /files/BYTES` downloads so much; the rest are the routes that the gateway and a Jupyter client ask. */
const answer: RequestListener = (req, res) => {
  const { pathname } = new URL(req.url ?? '/', 'http://upstream');
  const download = /^\/files\/(\d+)$/.exec(pathname)?.[1];
  if (download !== undefined) {
    const size = Number(download);
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
    void write(res, Buffer.alloc(BATCH_BYTES), size).then(() => res.end());
    return;
  }
  const kernel = /^\/api\/kernels\/([^/]+)$/.exec(pathname)?.[1];
  const body = JSON.stringify(
    kernel === undefined
      ? { started: '2025-01-01T00:00:00Z', kernels: 1, connections: 1, kernelspecs: KERNELSPECS }
      : { id: kernel, name: 'python3' },
  );
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
};

function converse(client: WebSocket, socket: Duplex, kernel: string, onIgnored: () => void): void {
  client.on('error', () => {});
  client.on('message', (data: RawData, binary) => {
    const frame = decode('v1', data as Buffer, binary);
    const { msg_id, msg_type } = readHeader(frame);
    if (msg_type !== 'execute_request') return;
    const { code, silent } = readExecuteRequest(frame);
    const parent_header = { msg_id, msg_type, session: 'synthetic' };
    const reply = sizedMessage('shell', 'execute_reply', parent_header, { status: 'ok' }, silent ? 0 : SMALL);
    if (silent) {
      if (kernel === BUSY) return onIgnored();
      client.send(reply);
      client.send(sizedMessage('iopub', 'status', parent_header, { execution_state: 'idle' }, 0));
      return;
    }
    const [what, count, bytes] = code.split(' ');
    if (what !== 'stream' && what !== 'drip') {
      client.send(reply);
      return;
    }
    const message = sizedMessage('iopub', 'stream', parent_header, { name: 'stdout' }, Number(bytes));
    const one = Buffer.concat([frameHead(message.length), message]);
    const together = what === 'drip' ? 1 : Math.max(1, Math.floor(BATCH_BYTES / one.length));
    const batch = Buffer.concat(Array<Buffer>(together).fill(one));
    void write(socket, batch, Number(count) * one.length).then(() => client.send(reply));
  });
}

/** Writes the pattern over and over until `size` bytes are out, no faster than they are taken. */
async function write(to: Writable, pattern: Buffer, size: number): Promise<void> {
  for (let left = size; left > 0 && !to.destroyed; left -= pattern.length) {
    const taken = to.write(left < pattern.length ? pattern.subarray(0, left) : pattern);
    if (!taken) await Promise.race([once(to, 'drain'), once(to, 'close')]).catch(() => {});
  }
}

/** RFC 6455 section 5.2: the head of a final, unmasked binary frame. */
function frameHead(length: number): Buffer {
  if (length < 126) return Buffer.from([0x82, length]);
  const head = Buffer.alloc(length < 65_536 ? 4 : 10);
  head[0] = 0x82;
  head[1] = length < 65_536 ? 126 : 127;
  head.writeUIntBE(length, head.length === 4 ? 2 : 4, head.length === 4 ? 2 : 6);
  return head;
}
