import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { createApi } from '../../gateway/api/api.js';
import type { ConnectionDesk } from '../../gateway/connections/desk.js';
import type { Client } from '../../gateway/edge/admission.js';
import { answerPreflight, corsHeaders } from '../../gateway/edge/cors.js';
import { type Identity, openIdentity } from '../../gateway/edge/identity.js';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { checkOrigin } from '../../gateway/edge/origin.js';
import { asGatewayError, type GatewayError } from '../../gateway/errors.js';
import { Metrics } from '../../gateway/metrics.js';
import { decide } from '../../gateway/policy/decide.js';
import { logRefusal, refuseUpgrade, sendRedirect, sendRefusal } from '../../gateway/refuse.js';
import { Secret } from '../../processors/core/secret.js';

/** Awkward on purpose: it has to survive headers, URLs and forms, and be findable in any log. */
export const TOKEN = 'canary-"\'$`{{\\%+&=;,-token';

export interface Gatehouse {
  readonly origin: string;
  readonly port: number;
  /** Whoever asks there. */
  readonly client: Client;
  readonly identity: Identity;
  /** Folder of the state file. */
  readonly folder: string;
  /** Everything that was logged, as text. */
  log(): string;
  /** The delays that wrong tokens were given, in milliseconds; none is really waited for. */
  readonly delays: readonly number[];
  /** Moves the gateway's clock on. */
  pass(seconds: number): void;
  loginUrl(): Promise<string>;
  /** Same state, another process: opens the identity again from disk. */
  reopen(token?: string): Promise<Identity>;
  close(): Promise<void>;
}

export interface GatehouseOptions {
  readonly allowedOrigins?: readonly string[];
  /** What stands behind the identity check; default answers with principal and query. */
  readonly refusal?: () => GatewayError | undefined;
  /** Address that requests seem to come from; default 192.0.2.1. */
  readonly address?: (req: IncomingMessage) => string;
  /** How long a form may take to arrive, in milliseconds. */
  readonly arrivalLimit?: number;
}

/**
 * Identity, Origin rules and own routes behind a real HTTP server, in the router's order, with an echo where
 * Jupyter would be: what these parts promise can be seen without starting a Jupyter.
 */
export async function startGatehouse(options: GatehouseOptions = {}): Promise<Gatehouse> {
  const { allowedOrigins = [], address = () => '192.0.2.1', arrivalLimit } = options;
  const folder = join(await mkdtemp(join(tmpdir(), 'spin-gatehouse-')), 'sessions');
  const lines: string[] = [];
  const log = memoryLog(lines);
  const metrics = new Metrics('0.0.0');
  const delays: number[] = [];
  let ahead = 0;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const open = (token: string) =>
    openIdentity({
      token: new Secret(token),
      folder,
      log,
      metrics,
      clock: () => Date.now() + ahead * 1000,
      wait: async (ms) => delays.push(ms),
    });
  const identity = await open(TOKEN);
  const api = await createApi({
    metrics,
    identity,
    connections: noConnections,
    log,
    ...(arrivalLimit !== undefined && { arrivalLimit }),
  });
  const clientOf = (req: IncomingMessage): Client => ({
    address: address(req),
    request: 'request-1',
    secure: false,
    authority: req.headers.host ?? '',
    origin: `http://${req.headers.host}`,
  });
  const admit = async (req: IncomingMessage) => {
    const client = clientOf(req);
    checkOrigin(req, client, undefined, allowedOrigins);
    const [path = '', ...rest] = (req.url ?? '').split('?');
    const identified = await identity.identify(req, client, { path, query: rest.join('?') });
    checkOrigin(req, client, identified.carrier, allowedOrigins);
    return { ...identified, path };
  };

  server.on('request', async (req, res) => {
    try {
      const client = clientOf(req);
      for (const [name, value] of Object.entries(corsHeaders(req, allowedOrigins)))
        res.setHeader(name, value);
      checkOrigin(req, client, undefined, allowedOrigins);
      if (answerPreflight(req, res, allowedOrigins)) return;
      if (decide(undefined, { kind: 'page', path: req.url?.split('?')[0] ?? '' }).allowed) {
        api.handle(req, res, { client, principal: undefined });
        return;
      }
      const { principal, carrier, query, setCookie, redirect, path } = await admit(req);
      if (redirect !== undefined) {
        sendRedirect(res, redirect, setCookie);
        return;
      }
      if (setCookie !== undefined) res.setHeader('set-cookie', setCookie);
      if (path.startsWith('/spin/')) {
        api.handle(req, res, { client, principal });
        return;
      }
      const refusal = options.refusal?.();
      if (refusal !== undefined) throw refusal;
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ name: principal.name, carrier, query }));
    } catch (error) {
      const refusal = asGatewayError(error);
      logRefusal(log, req, address(req), refusal);
      sendRefusal(req, res, refusal);
    }
  });
  server.on('upgrade', async (req, socket) => {
    socket.on('error', () => socket.destroy());
    try {
      const { carrier } = await admit(req);
      socket.end(`HTTP/1.1 101 Switching Protocols\r\nX-Carrier: ${carrier}\r\n\r\n`);
    } catch (error) {
      refuseUpgrade(req, socket, asGatewayError(error));
    }
  });

  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    port,
    client: {
      address: '192.0.2.1',
      request: 'request-1',
      secure: false,
      authority: `127.0.0.1:${port}`,
      origin,
    },
    identity,
    folder,
    delays,
    log: () => lines.join(''),
    pass: (seconds) => {
      ahead += seconds;
    },
    loginUrl: () => loginUrl(origin, new Secret(TOKEN)),
    reopen: (token = TOKEN) => open(token),
    close: async () => {
      await api.close();
      await closed(server);
      await rm(join(folder, '..'), { recursive: true });
    },
  };
}

const noConnections: ConnectionDesk = {
  list: () => [],
  problems: () => [],
  test: async () => undefined,
};

function memoryLog(lines: string[]): Logger {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return pino({ base: null }, stream);
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
