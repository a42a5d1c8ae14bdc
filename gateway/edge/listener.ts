import { chmod } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import type { Listen } from '../config.js';
import type { Tell } from '../events/events.js';
import type { Log } from '../log.js';
import { ACME_PROTOCOL, type Challenges } from './challenges.js';
import { announce, type Trust } from './client.js';
import { readClientHello } from './client-hello.js';
import { createHttpServer, type Handlers, takeConnectionListener } from './http-server.js';
import { defaultLimits, type Limits } from './limits.js';
import { type Preamble, readPreamble } from './preamble.js';
import type { Certificates } from './shown-certificate.js';
import { ALPN_PROTOCOLS, secureContext } from './tls.js';
import { removeStaleSocket } from './unix-socket.js';

export interface Listener {
  /** Where it listens; the port is the real one. */
  readonly address: Listen;
  /** Takes no new connection, lets requests end for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** How often a closing listener looks for connections that have become idle. */
const DRAIN_EVERY_MS = 50;

/**
 * Opens the one port, which speaks TLS and plain HTTP: the first byte decides. With TLS off it speaks plain
 * HTTP only. What may be served by plain HTTP is the transport policy's business.
 *
 * @param where.trust which peers are trusted proxies: what they say by PROXY protocol is believed
 * @param certificates undefined when TLS is off
 * @throws the system's error when the address can't be bound
 */
export async function listen(
  where: { readonly listen: Listen; readonly trust: Trust },
  certificates: Certificates | undefined,
  handlers: Handlers,
  log: Log,
  tell: Tell,
  limits: Limits = defaultLimits,
): Promise<Listener> {
  let context = certificates && secureContext(certificates.current());
  certificates?.onChange((pair) => {
    context = secureContext(pair);
  });

  const http = createHttpServer(handlers, log, tell, limits);
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
    readPreamble(socket, where.trust(socket.remoteAddress), (preamble) => {
      if (preamble === undefined) socket.destroy();
      else if (preamble.tls && context !== undefined) {
        const ordinary = context;
        const proceed = (): void => {
          const secure = encrypt(socket, ordinary, ALPN_PROTOCOLS, log);
          secure.once('secure', () => {
            clearTimeout(deadline);
            serve(introduce(secure, preamble));
          });
        };
        if (certificates?.challenges?.awaitsTls) proveOr(socket, certificates.challenges, log, proceed);
        else proceed();
      } else {
        clearTimeout(deadline);
        serve(introduce(socket, preamble));
        socket.resume();
      }
    });
  });

  const address = await bind(http, where.listen);
  http.on('error', (error) => log.error({ err: error.message }, 'the listener failed to accept'));
  return { address, close: (graceMs) => close(http, sockets, graceMs) };
}

/** Shows a certificate authority the proof that it came for (RFC 8737); every other client proceeds. */
function proveOr(socket: Socket, challenges: Challenges, log: Log, proceed: () => void): void {
  readClientHello(socket, (hello) => {
    if (hello === 'left') {
      socket.destroy();
      return;
    }
    const proof = challenges.contextFor(hello);
    if (proof === undefined) proceed();
    else {
      const secure = encrypt(socket, proof, [ACME_PROTOCOL], log);
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
  if (source !== undefined) announce(socket, source);
  return socket;
}

async function bind(http: Server, where: Listen): Promise<Listen> {
  if (where.kind === 'unix') await removeStaleSocket(where.path);
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(where.kind === 'unix' ? { path: where.path } : { host: where.host, port: where.port }, () => {
      http.off('error', reject);
      resolve();
    });
  });
  if (where.kind === 'unix') {
    // A program that can open the socket is trusted as a proxy: the owner's and the group's only.
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
  const idle = setInterval(() => http.closeIdleConnections(), DRAIN_EVERY_MS);
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
