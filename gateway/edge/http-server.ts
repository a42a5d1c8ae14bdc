import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Tell } from '../events/events.js';
import { faultOf } from '../fault.js';
import type { Log } from '../log.js';
import { framingFault } from './framing.js';
import type { Limits } from './limits.js';
import { createMalformed } from './malformed.js';
import { isOtherProtocol, lastResponse } from './other-protocol.js';
import { createTurns } from './turns.js';

/** What takes a request once it has been parsed, and owns its socket's further life. */
export interface Handlers {
  request(req: IncomingMessage, res: ServerResponse): void;
  /** Only of websockets. @param head bytes that came behind the request's headers */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** Memory for a socket's reads and writes: 64 KiB, node's default from version 22 on. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;
/** How often at most the log says that connections are refused, or ended for what they pipeline. */
const DROP_LOG_EVERY_MS = 10_000;

/** Node's HTTP server, that refuses what node would let through or answer by itself. */
export function createHttpServer(handlers: Handlers, log: Log, tell: Tell, limits: Limits): Server {
  const malformed = createMalformed(tell);
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
    highWaterMark: HIGH_WATER_MARK_BYTES,
  });
  http.maxHeadersCount = limits.headerCount;
  http.maxConnections = limits.connections;
  const say = atMost(DROP_LOG_EVERY_MS, (what: string) =>
    log.warn({ connections: limits.connections }, what),
  );
  http.on('drop', () => say('too many connections'));
  const turns = createTurns(() => say('too many pipelined requests: a connection is ended'));
  http.on('clientError', malformed.refuse);
  http.on('request', (req, res) => {
    // What was read together with the request that ended the connection: no client waits for an answer.
    if (req.socket.destroyed) return;
    malformed.track(req, res);
    res.once('finish', () => cutLeftover(req, limits.leftover));
    const wrong = framingFault(req, false, limits.headerCount);
    if (wrong === undefined)
      turns.take(req.socket, res, () => guard(req.socket, () => handlers.request(req, res)));
    else malformed.refuse(wrong, req.socket);
  });
  http.on('upgrade', (req, socket, head) => {
    const wrong = framingFault(req, true, limits.headerCount);
    if (wrong !== undefined) malformed.refuse(wrong, socket);
    else if (!isOtherProtocol(req))
      turns.take(socket, undefined, () => guard(socket, () => handlers.upgrade(req, socket, head)));
    else if (malformed.isAnswering(socket)) socket.destroy();
    else guard(socket, () => http.emit('request', req, lastResponse(req)));
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
  // Node would answer 417 by itself, to any client and any Host.
  http.on('checkExpectation', (req) => malformed.refuse(new Error('Expect'), req.socket));
  // CONNECT is for forward proxies.
  http.on('connect', (_req, socket) => malformed.refuse(new Error('CONNECT'), socket));
  return http;
}

/** Calls `tell` at most once in that time. @param ms in milliseconds */
function atMost(ms: number, tell: (what: string) => void): (what: string) => void {
  let told = 0;
  return (what) => {
    if (Date.now() - told <= ms) return;
    told = Date.now();
    tell(what);
  };
}

/** A refused client may have announced a body; one that never comes would hold its connection for ever. */
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
export function takeConnectionListener(http: Server): (socket: Socket) => void {
  const [serve] = http.listeners('connection');
  if (serve === undefined)
    throw new Error('This version of Node.js has no HTTP connection listener where the gateway expects it.');
  http.removeAllListeners('connection');
  return (socket) => Reflect.apply(serve, http, [socket]);
}
