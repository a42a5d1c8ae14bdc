import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { sendRedirect } from '../../gateway/answer.js';
import type { Config } from '../../gateway/config.js';
import { createArrivals } from '../../gateway/edge/arrival.js';
import { openCertificates } from '../../gateway/edge/certificates.js';
import { createTrust } from '../../gateway/edge/client.js';
import { defaultLimits, type Limits } from '../../gateway/edge/limits.js';
import { listen } from '../../gateway/edge/listener.js';
import { asGatewayError } from '../../gateway/errors.js';
import { logReader } from '../../gateway/events/log-reader.js';
import { homeAt } from '../../gateway/home.js';
import type { Log } from '../../gateway/log.js';
import { pageHeaders } from '../../gateway/page.js';
import { refuseUpgrade, sendRefusal } from '../../gateway/refuse.js';

type EdgeConfig = Pick<Config, 'listen' | 'tls' | 'acme' | 'publicUrl' | 'allowedHosts' | 'trustedProxies'>;

export interface Edge {
  /** 0 on a unix socket. */
  readonly port: number;
  /** Folder with `ca.pem`, where the local CA is used. */
  readonly tlsFolder: string;
  /** Every log line so far. */
  readonly lines: readonly string[];
  close(graceMs?: number): Promise<void>;
}

/** The edge as the gateway composes it; behind it, an echo of what it made of the request. */
export async function startEdge(
  settings: Partial<EdgeConfig> = {},
  limits: Partial<Limits> = {},
): Promise<Edge> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-edge-'));
  const config = {
    home: homeAt(folder),
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 } as const,
    tls: { mode: 'auto', files: undefined } as const,
    acme: undefined,
    publicUrl: undefined,
    allowedHosts: [],
    trustedProxies: [],
    ...settings,
  };
  const lines: string[] = [];
  const log = memoryLog(lines);
  const certificates = await openCertificates(config, log);
  const trust = createTrust(config);
  const arrivals = createArrivals(config, trust);
  const listener = await listen(
    { listen: config.listen, trust },
    certificates,
    {
      request(req, res) {
        let size = 0;
        req.on('data', (chunk: Buffer) => {
          size += chunk.length;
        });
        req.on('error', () => undefined);
        try {
          const { client, target, redirect, hsts } = arrivals.receive(req, false);
          if (redirect !== undefined) {
            sendRedirect(res, redirect);
            return;
          }
          if (hsts !== undefined) {
            res.setHeader('strict-transport-security', hsts);
          }
          for (const [name, value] of Object.entries(pageHeaders('no-referrer'))) {
            res.setHeader(name, value);
          }
          req.on('end', () => res.end(JSON.stringify({ method: req.method, client, target, size })));
        } catch (error) {
          sendRefusal(req, res, asGatewayError(error));
        }
      },
      upgrade(req, socket, head) {
        try {
          const { client } = arrivals.receive(req, true);
          // The answer to the example of RFC 6455 section 1.3.
          const accepted = 'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n${accepted}\r\n\r\n`,
          );
          socket.write(JSON.stringify(client));
          socket.write(head);
          socket.pipe(socket);
        } catch (error) {
          refuseUpgrade(req, socket, asGatewayError(error));
        }
      },
    },
    log,
    logReader(log),
    { ...defaultLimits, ...limits },
  );
  return {
    port: listener.address.kind === 'tcp' ? listener.address.port : 0,
    tlsFolder: config.home.tls,
    lines,
    async close(graceMs = 100) {
      certificates?.close();
      await listener.close(graceMs);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function memoryLog(lines: string[]): Log {
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return pino({ level: 'debug', base: null }, sink);
}

/** How a raw exchange ended: everything received, and whether the other side closed the connection. */
export interface Exchange {
  readonly text: string;
  readonly closed: boolean;
}

/**
 * Sends bytes and collects what comes back until the other side closes, or until the text matches.
 *
 * @param bytes latin1
 * @param until ends the exchange from this side
 * @param boundMs ends it too: the exchange is then not `closed`. By default less than any of the edge's own limits
 */
export function exchange(socket: Socket, bytes: string, until?: RegExp, boundMs = 15_000): Promise<Exchange> {
  return new Promise((resolve) => {
    let text = '';
    const end = (closed: boolean) => {
      clearTimeout(bound);
      socket.destroy();
      resolve({ text, closed });
    };
    const bound = setTimeout(end, boundMs, false);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (until?.test(text)) {
        end(false);
      }
    });
    socket.on('error', () => undefined);
    socket.on('close', () => end(true));
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

/** Resolves when the socket is closed, by whichever side and however rudely. */
export function closing(socket: Socket): Promise<void> {
  socket.on('error', () => undefined).resume();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

export function plain(port: number): Socket {
  return connectPlain(port, '127.0.0.1');
}

export function tls(port: number): Socket {
  return connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
}

/** One request by plain HTTP with `Connection: close`. */
export async function ask(
  edge: Edge,
  target: string,
  headers: Record<string, string> = {},
  { method = 'GET', over = plain }: { method?: string; over?: (port: number) => Socket } = {},
): Promise<Answer> {
  const lines = Object.entries({ host: `localhost:${edge.port}`, connection: 'close', ...headers });
  const head = [`${method} ${target} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
  const { text } = await exchange(over(edge.port), `${head.join('\r\n')}\r\n\r\n`, /^HTTP\/1\.1 101 /);
  return parseAnswer(text);
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The echo: what the edge made of the request. */
  readonly echo: {
    readonly client: {
      request: string;
      address: string;
      secure: boolean;
      authority: string;
      origin: string;
    };
    readonly target: { path: string; query: string };
  };
  /** Code of a refusal. */
  readonly code: string | undefined;
}

export function parseAnswer(text: string): Answer {
  const [head = '', body = ''] = text.split(/\r\n\r\n(.*)/s);
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => line.toLowerCase().split(/: (.*)/s, 2)));
  const content = body.startsWith('{') ? JSON.parse(body) : {};
  return { status: Number(first.split(' ')[1]), headers, body, echo: content, code: content.code };
}
