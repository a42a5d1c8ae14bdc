import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Upstream } from '../../gateway/proxy/upstream.js';
import type { Secret } from '../../processors/core/secret.js';

/** A request as an upstream understood it. */
export interface Recorded {
  readonly method: string;
  readonly url: string;
  /** `Name: value` lines as received. */
  readonly lines: readonly string[];
  readonly body: string;
}

export interface Recorder {
  readonly upstream: Upstream;
  readonly port: number;
  readonly requests: readonly Recorded[];
  /** Every byte that came, by connection; no bytes where `answer` reads them. */
  readonly connections: readonly Buffer[][];
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

/** An upstream that keeps what it gets. Answers each request with its own URL unless `answer` does. */
export async function startRecorder(answer?: RequestListener, token?: Secret): Promise<Recorder> {
  const requests: Recorded[] = [];
  const connections: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer(async (req, res) => {
    if (answer) {
      requests.push({ ...recorded(req), body: '' });
      answer(req, res);
      return;
    }
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of req) chunks.push(chunk);
    } catch {
      return;
    }
    requests.push({ ...recorded(req), body: Buffer.concat(chunks).toString() });
    res.end(`answer to ${req.url}`);
  });
  server.on('connection', (socket) => {
    const received: Buffer[] = [];
    connections.push(received);
    sockets.add(socket);
    if (!answer) socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    upstream: {
      origin: `http://127.0.0.1:${port}`,
      basePath: '',
      socketPath: undefined,
      token,
      ca: undefined,
    },
    port,
    requests,
    connections,
    sockets,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function recorded(req: IncomingMessage): Omit<Recorded, 'body'> {
  const lines: string[] = [];
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    lines.push(`${req.rawHeaders[i]?.toLowerCase()}: ${req.rawHeaders[i + 1]}`);
  }
  return { method: req.method ?? '', url: req.url ?? '', lines };
}

/** Waits until the condition holds. @throws {Error} with `what` when it never does */
export async function until(condition: () => boolean, what: string, limit = 10_000): Promise<void> {
  const deadline = Date.now() + limit;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`);
    await sleep(5);
  }
}

/** Sends bytes as they are and gives all that comes back until the other side closes. */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return text;
}
