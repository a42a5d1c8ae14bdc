import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Config, Listen } from '../config.js';
import { faultOf } from '../fault.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { acmeProtocol, type Challenges } from './challenges.js';
import { announce, createTrust } from './client.js';
import { readClientHello } from './client-hello.js';
import { framingFault } from './framing.js';
import { defaultLimits, type Limits } from './limits.js';
import { createMalformed } from './malformed.js';
import { isOtherProtocol, lastResponse } from './other-protocol.js';
import { type Preamble, readPreamble } from './preamble.js';
import type { Certificates } from './shown-certificate.js';
import { alpnProtocols, secureContext } from './tls.js';
import { removeStaleSocket } from './unix-socket.js';

/** What takes a request once it has been parsed, and owns its socket's further life. */
export interface Handlers {
  request(req: IncomingMessage, res: ServerResponse): void;
  /** Only of websockets. @param head bytes that came behind the request's headers */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface Listener {
  /** Where it listens; the port is the real one. */
  readonly address: Listen;
  /** Takes no new connection, lets requests end for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** Memory for a socket's reads and writes: 64 KiB, node's default from version 22 on. */
const highWaterMark = 64 * 1024;
/** How often (ms) at most the log says that connections are refused. */
const dropLogEvery = 10_000;
/** How often (ms) a closing listener looks for connections that have become idle. */
const drainEvery = 50;

/**
 * Opens the one port, which speaks TLS and plain HTTP: the first byte decides. With TLS off it speaks plain
 * HTTP only. What may be served by plain HTTP is the transport policy's business.
 *
 * @param certificates undefined when TLS is off
 * @throws the system's error when the address can't be bound
 */
export async function listen(
  config: Pick<Config, 'listen' | 'trustedProxies'>,
  certificates: Certificates | undefined,
  handlers: Handlers,
  log: Log,
  metrics: Pick<Metrics, 'refused'>,
  limits: Limits = defaultLimits,
): Promise<Listener> {
  const trust = createTrust(config);
  const believed = (socket: Socket): boolean =>
    trust(socket.remoteAddress) && (config.listen.kind === 'unix' || config.trustedProxies.length > 0);
  let context = certificates && secureContext(certificates.current());
  certificates?.onChange((pair) => {
    context = secureContext(pair);
  });

  const http = createHttpServer(handlers, log, metrics, limits);
  const serve = takeConnectionListener(http);
  const sockets = new Set<Socket>();
  http.on('connection', (socket: Socket) => {
    socket.on('error', (error) => log.debug({ err: error.message }, 'connection failed'));
    sockets.add(socket);
    const deadline = setTimeout(() => socket.destroy(), limits.preamble);
    socket.once('close', () => {
      sockets.delete(socket);
      clearTimeout(deadline);
    });
    readPreamble(socket, believed(socket), (preamble) => {
      if (preamble === undefined) {
        socket.destroy();
      } else if (preamble.tls && context !== undefined) {
        const ordinary = context;
        const proceed = (): void => {
          const secure = encrypt(socket, ordinary, alpnProtocols, log);
          secure.once('secure', () => {
            clearTimeout(deadline);
            serve(introduce(secure, preamble));
          });
        };
        if (certificates?.challenges?.awaitsTls) {
          proveOr(socket, certificates.challenges, log, proceed);
        } else {
          proceed();
        }
      } else {
        clearTimeout(deadline);
        serve(introduce(socket, preamble));
        socket.resume();
      }
    });
  });

  const address = await bind(http, config.listen);
  http.on('error', (error) => log.error({ err: error.message }, 'the listener failed to accept'));
  return { address, close: (graceMs) => close(http, sockets, graceMs) };
}

function createHttpServer(
  handlers: Handlers,
  log: Log,
  metrics: Pick<Metrics, 'refused'>,
  limits: Limits,
): Server {
  const malformed = createMalformed(log, metrics);
  const http = createServer({
    headersTimeout: limits.headers,
    // An upload takes as long as it takes.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAlive,
    connectionsCheckingInterval: limits.checkEvery,
    maxHeaderSize: limits.headerBytes,
    // The Host check answers a missing Host, with a reason.
    requireHostHeader: false,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    highWaterMark,
  });
  http.maxHeadersCount = limits.headerCount;
  http.maxConnections = limits.connections;
  let told = 0;
  http.on('drop', () => {
    if (Date.now() - told > dropLogEvery) {
      told = Date.now();
      log.warn({ connections: limits.connections }, 'too many connections');
    }
  });
  http.on('clientError', malformed.refuse);
  http.on('request', (req, res) => {
    malformed.track(req, res);
    res.once('finish', () => cutLeftover(req, limits.leftover));
    const wrong = framingFault(req, false, limits.headerCount);
    if (wrong === undefined) {
      guard(req.socket, () => handlers.request(req, res));
    } else {
      malformed.refuse(wrong, req.socket);
    }
  });
  http.on('upgrade', (req, socket, head) => {
    const wrong = framingFault(req, true, limits.headerCount);
    if (wrong !== undefined) {
      malformed.refuse(wrong, socket);
    } else if (!isOtherProtocol(req)) {
      guard(socket, () => handlers.upgrade(req, socket, head));
    } else if (malformed.isAnswering(socket)) {
      socket.destroy();
    } else {
      guard(socket, () => http.emit('request', req, lastResponse(req)));
    }
  });
  // A handler that fails in spite of everything costs its own connection, not the process (invariant S14).
  const guard = (socket: Duplex, handle: () => void): void => {
    try {
      handle();
    } catch (error) {
      log.error({ fault: faultOf(error) }, 'a handler failed');
      socket.destroy();
    }
  };
  // Node would answer 417 by itself, whoever asks, by whatever Host.
  http.on('checkExpectation', (req) => malformed.refuse(new Error('Expect'), req.socket));
  // CONNECT is for forward proxies.
  http.on('connect', (_req, socket) => malformed.refuse(new Error('CONNECT'), socket));
  return http;
}

/** Whoever is refused may have announced a body; one that never comes would hold its connection for ever. */
function cutLeftover(req: IncomingMessage, limit: number): void {
  if (req.complete) return;
  const cut = () => {
    if (!req.complete) req.socket.destroy();
  };
  setTimeout(cut, limit).unref();
}

/**
 * Takes node's own listener off the server, to call it when a connection has shown what it is. The server
 * itself stays the one that listens: node enforces its time limits and closes idle connections only then.
 */
function takeConnectionListener(http: Server): (socket: Socket) => void {
  const [serve] = http.listeners('connection');
  if (serve === undefined) {
    throw new Error('This version of node keeps its HTTP connection listener elsewhere.');
  }
  http.removeAllListeners('connection');
  return (socket) => Reflect.apply(serve, http, [socket]);
}

/** Shows a certificate authority the proof that it came for (RFC 8737); everybody else proceeds. */
function proveOr(socket: Socket, challenges: Challenges, log: Log, proceed: () => void): void {
  readClientHello(socket, (hello) => {
    if (hello === 'left') {
      socket.destroy();
      return;
    }
    const proof = challenges.contextFor(hello);
    if (proof === undefined) {
      proceed();
    } else {
      const secure = encrypt(socket, proof, [acmeProtocol], log);
      // The handshake was all (section 3).
      secure.once('secure', () => secure.end());
    }
  });
}

function encrypt(
  socket: Socket,
  secureContext: SecureContext,
  ALPNProtocols: readonly string[],
  log: Log,
): TLSSocket {
  const secure = new TLSSocket(closesWithPeer(socket), {
    isServer: true,
    secureContext,
    ALPNProtocols: [...ALPNProtocols],
  });
  secure.on('error', (error) => log.debug({ err: error.message }, 'TLS failed'));
  return secure;
}

/** A TLS connection has no half-open state: the peer's end is the end (RFC 8446 section 6.1 allows both). */
function closesWithPeer(socket: Socket): Socket {
  socket.allowHalfOpen = false;
  return socket;
}

function introduce(socket: Socket, { source }: Preamble): Socket {
  if (source !== undefined) {
    announce(socket, source);
  }
  return socket;
}

async function bind(http: Server, where: Listen): Promise<Listen> {
  if (where.kind === 'unix') {
    await removeStaleSocket(where.path);
  }
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(where.kind === 'unix' ? { path: where.path } : { host: where.host, port: where.port }, () => {
      http.off('error', reject);
      resolve();
    });
  });
  if (where.kind === 'unix') {
    // Whoever can open the socket is believed as a proxy: the owner and the group, nobody else.
    await chmod(where.path, 0o660);
    return where;
  }
  const bound = http.address();
  return { ...where, port: typeof bound === 'object' && bound !== null ? bound.port : where.port };
}

async function close(http: Server, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    http.close(() => resolve());
  });
  const idle = setInterval(() => http.closeIdleConnections(), drainEvery);
  const cut = setTimeout(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
  }, graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
