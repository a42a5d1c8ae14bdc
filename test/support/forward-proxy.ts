import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer as createFront, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface ForwardProxy {
  readonly host: string;
  /** Request lines, in order: `CONNECT service.test:1`, `GET http://service.test:1/`. */
  readonly asked: readonly string[];
  /** Every byte that clients sent it, tunnelled ones too. */
  seen(): string;
  /** `Proxy-Authorization` of the last request. */
  readonly login: string | undefined;
}

export interface ForwardProxyOptions {
  /** Answers with this status in place of letting through. */
  readonly status?: () => number | undefined;
  /** Where tunnels end in place of the asked host: a hostile proxy. */
  readonly divert?: () => number | undefined;
}

/**
 * The proxy of a company: CONNECT for https, requests with a full URL for http. It looks names up itself; here every
 * name is this machine's.
 */
export async function startForwardProxy(t: Test, options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const asked: string[] = [];
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  let login: string | undefined;
  const note = (req: IncomingMessage) => {
    asked.push(`${req.method} ${req.url}`);
    login = req.headers['proxy-authorization'];
    return options.status?.();
  };
  const server = createServer((req, res) => {
    const status = note(req);
    if (status !== undefined) return void res.writeHead(status).end();
    const url = new URL(req.url ?? '');
    const { 'proxy-authorization': _, ...headers } = req.headers;
    const path = url.pathname + url.search;
    const onward = request({ host: '127.0.0.1', port: url.port, path, method: req.method, headers });
    onward.on('response', (answer) => answer.pipe(res.writeHead(answer.statusCode ?? 502, answer.headers)));
    onward.on('error', () => res.writeHead(502).end());
    req.pipe(onward);
  });
  server.on('connect', (req, socket, head) => {
    const status = note(req);
    socket.on('error', () => socket.destroy());
    if (status !== undefined) return void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    const port = options.divert?.() ?? Number(req.url?.split(':').at(-1));
    const onward = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    sockets.add(onward);
  });
  const portOf = async (listening: Server) => {
    await once(listening.listen(0, '127.0.0.1'), 'listening');
    return (listening.address() as AddressInfo).port;
  };
  const inner = await portOf(server);
  // Before HTTP's parser, which takes bytes that no listener sees afterwards.
  const front = createFront((client) => {
    const onward = connect(inner, '127.0.0.1');
    for (const socket of [client, onward]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.pipe(onward).pipe(client);
  });
  const port = await portOf(front);
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    front.close();
    server.close();
  });
  return {
    host: `127.0.0.1:${port}`,
    asked,
    seen: () => Buffer.concat(chunks).toString('latin1'),
    get login() {
      return login;
    },
  };
}
