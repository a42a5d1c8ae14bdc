import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import { sendAnswer } from '../../gateway/answer.js';
import { createApi } from '../../gateway/api/api.js';
import { sendHealth } from '../../gateway/api/health.js';
import { JUPYTER_LOGIN } from '../../gateway/api/jupyter-login.js';
import type { Config } from '../../gateway/config.js';
import type { ConnectionDesk } from '../../gateway/connections/desk.js';
import type { Admission, Carrier, Client } from '../../gateway/edge/admission.js';
import { createArrivals } from '../../gateway/edge/arrival.js';
import type { Challenges } from '../../gateway/edge/challenges.js';
import { announce, createTrust } from '../../gateway/edge/client.js';
import { Gate } from '../../gateway/edge/gate.js';
import { type Identity, openIdentity } from '../../gateway/edge/identity.js';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { isOwn } from '../../gateway/edge/own-paths.js';
import { asGatewayError, type GatewayError } from '../../gateway/errors.js';
import { logReader } from '../../gateway/events/log-reader.js';
import { Metrics } from '../../gateway/metrics.js';
import { jupyterBase } from '../../gateway/proxy/paths.js';
import { createRefuse, refuseUpgrade } from '../../gateway/refuse.js';
import { Secret } from '../../processors/core/secret.js';

/** Awkward on purpose: it has to survive headers, URLs and forms, and be findable in any log. */
export const TOKEN = 'canary-"\'$`{{\\%+&=;,-token';

/** Where requests come from, unless the test says more in X-Forwarded-For: the peer is a trusted proxy. */
const PEER = '192.0.2.1';

export interface Gatehouse {
  readonly origin: string;
  readonly port: number;
  /** The client that asks there. */
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

export interface GatehouseOptions
  extends Partial<Pick<Config, 'allowedOrigins' | 'allowedHosts' | 'publicUrl' | 'tls'>> {
  readonly challenges?: Challenges;
  /** Where Jupyter is; default the root. */
  readonly basePath?: string;
  /** What Jupyter would say; absent: an echo of principal and query. */
  readonly refusal?: () => GatewayError | undefined;
  /** How long a form may take to arrive, in milliseconds. */
  readonly arrivalLimit?: number;
}

/**
 * The gateway's gate and own routes behind a real HTTP server, with an echo where Jupyter would be: what these parts
 * promise can be seen without starting a Jupyter.
 */
export async function startGatehouse(options: GatehouseOptions = {}): Promise<Gatehouse> {
  const { allowedOrigins = [], basePath = '', challenges, arrivalLimit } = options;
  const folder = join(await mkdtemp(join(tmpdir(), 'spin-gatehouse-')), 'sessions');
  const lines: string[] = [];
  const log = memoryLog(lines);
  const tell = logReader(log);
  const delays: number[] = [];
  let ahead = 0;
  const server = createServer();
  server.on('connection', (socket: Socket) =>
    announce(socket, { address: PEER, port: 50_000, encrypted: false }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const open = (token: string) =>
    openIdentity({
      token: new Secret(token),
      folder,
      log,
      tell,
      clock: () => Date.now() + ahead * 1000,
      wait: async (ms) => delays.push(ms),
    });
  const identity = await open(TOKEN);
  const config = {
    tls: { mode: 'off', files: undefined } as const,
    acme: undefined,
    publicUrl: undefined,
    allowedHosts: [],
    ...options,
  };
  const trust = createTrust({ listen: { kind: 'tcp', host: '127.0.0.1', port }, trustedProxies: [PEER] });
  const arrivals = createArrivals(config, trust);
  const refuse = createRefuse(tell, arrivals.addressOf);
  const api = await createApi({
    metrics: new Metrics('0.0.0'),
    identity,
    connections: noConnections,
    refuse,
    tell,
    ...(arrivalLimit !== undefined && { arrivalLimit }),
  });
  const carriers = new WeakMap<IncomingMessage, Carrier>();
  const gate = new Gate({
    arrivals,
    identity: {
      async identify(req, ...asked) {
        const identified = await identity.identify(req, ...asked);
        carriers.set(req, identified.carrier);
        return identified;
      },
    },
    challenges,
    allowedOrigins,
    base: jupyterBase(() => ({ basePath })),
  });

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const passage = await gate.request(req);
    for (const [name, value] of Object.entries(passage.headers)) res.setHeader(name, value);
    switch (passage.kind) {
      case 'refused':
        throw passage.error;
      case 'health':
        return sendHealth(res);
      case 'program login':
        req.url = `${JUPYTER_LOGIN}?${passage.query}`;
        return api.handle(req, res, { client: passage.client, principal: undefined });
      case 'login':
        return api.handle(req, res, { client: passage.client, principal: undefined });
      case 'admitted':
        return echo(req, res, passage.admission);
      default:
        sendAnswer(res, passage);
    }
  };
  const echo = (req: IncomingMessage, res: ServerResponse, { client, principal, target }: Admission) => {
    if (isOwn(target.path)) return api.handle(req, res, { client, principal });
    const refusal = options.refusal?.();
    if (refusal !== undefined) throw refusal;
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ name: principal.name, carrier: carriers.get(req), query: target.query }));
  };
  server.on('request', (req, res) => {
    answer(req, res).catch((caught: unknown) => refuse.request(req, res, asGatewayError(caught)));
  });
  server.on('upgrade', (req, socket) => {
    socket.on('error', () => socket.destroy());
    gate.upgrade(req).then(
      () => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
      (caught: unknown) => refuseUpgrade(req, socket, asGatewayError(caught)),
    );
  });

  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    port,
    client: { address: PEER, request: 'request-1', secure: false, authority: `127.0.0.1:${port}`, origin },
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
