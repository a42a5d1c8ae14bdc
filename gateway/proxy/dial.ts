import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { asGatewayError, GatewayError } from '../errors.js';
import { checkHub } from './hub.js';
import { acknowledge, keepAlive } from './legs.js';
import type { Upstream } from './upstream.js';

/**
 * How long an upstream handshake may stay silent. A stock Jupyter answers a kernel upgrade only when the
 * kernel has answered `kernel_info`, for which it waits 60 s (`kernel_info_timeout`).
 */
const HANDSHAKE_LIMIT_MS = 75_000;

/** Tornado's `websocket_max_message_size` is 10 MiB, but only for what it receives: outputs can be larger. */
const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;

/** What would end the request line early (node checks this too, but not for a path that is set later). */
const UNSENDABLE = /[^\x21-\xff]/;

export interface DialOptions {
  /** Aborts the handshake: the client left while it was pending. */
  readonly signal: AbortSignal;
  /** Largest message taken from the upstream, in bytes. */
  readonly maxPayload?: number;
  readonly handshakeTimeout?: number;
  /** True where frames pass opaque: the client's end checks their text. */
  readonly skipUTF8Validation?: boolean;
}

/**
 * Opens a websocket to Jupyter, before the client's upgrade is answered (design: upstream first).
 *
 * The socket comes **paused**, so that no early frame is lost: attach listeners, then call `resume()`. It has an
 * error listener and is pinged already; `socket.protocol` is the upstream's choice, empty when it chose none (which is legal
 * for a server, RFC 6455 section 4.2.2, though `ws` on its own would fail the connection).
 *
 * @param path path and query as the client sent them (base path included, token parameters removed)
 * @param protocols subprotocols to offer, without token carriers
 * @param headers further request headers; Host, Origin and Authorization are always the upstream's own
 * @throws {GatewayError} BAD_PATH, UPSTREAM_REFUSED with the upstream's own 4xx or 5xx status, UPSTREAM_DOWN or
 *   UPSTREAM_TIMEOUT
 * @throws the signal's reason when the client left
 */
export async function dial(
  upstream: Upstream,
  path: string,
  protocols: readonly string[],
  headers: Readonly<Record<string, string>>,
  options: DialOptions,
): Promise<WebSocket> {
  const { signal, maxPayload, handshakeTimeout, skipUTF8Validation } = options;
  signal.throwIfAborted();
  if (UNSENDABLE.test(path)) throw new GatewayError('BAD_PATH');
  const { socketPath, token, ca, origin } = upstream;

  return new Promise((resolve, reject) => {
    const socket = new WebSocket(origin, {
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: handshakeTimeout ?? HANDSHAKE_LIMIT_MS,
      maxPayload: maxPayload ?? MAX_MESSAGE_BYTES,
      skipUTF8Validation: skipUTF8Validation ?? false,
      headers: {
        ...headers,
        ...(protocols.length > 0 && { 'sec-websocket-protocol': protocols.join(', ') }),
        ...(token && { authorization: `token ${token.reveal()}` }),
        host: new URL(origin).host,
        origin,
      },
      ...(ca !== undefined && { ca }),
      ...(socketPath !== undefined && { createConnection: () => connect({ path: socketPath }) }),
      finishRequest: (request) => {
        // The URL parser would encode some characters anew; what was validated is what is sent.
        request.path = path;
        request.end();
      },
    });
    let chosen = '';
    let transport: Socket | undefined;
    const leave = () => {
      reject(signal.reason);
      socket.terminate();
    };
    signal.addEventListener('abort', leave, { once: true });
    const settled = () => signal.removeEventListener('abort', leave);

    socket.on('upgrade', (response) => {
      chosen = response.headers['sec-websocket-protocol'] ?? '';
      delete response.headers['sec-websocket-protocol'];
      transport = response.socket;
    });
    socket.on('unexpected-response', (request, response) => {
      settled();
      reject(refused(response, upstream));
      response.on('error', () => {});
      request.destroy();
    });
    socket.on('error', (error) => {
      settled();
      reject(unreachable(error));
    });
    socket.on('open', () => {
      settled();
      if (chosen !== '' && !protocols.includes(chosen)) {
        reject(new GatewayError('UPSTREAM_REFUSED', 'Jupyter chose a subprotocol that was not offered.'));
        socket.terminate();
        return;
      }
      Object.defineProperty(socket, 'protocol', { value: chosen, enumerable: true });
      socket.pause();
      if (transport) keepAlive(socket, transport);
      if (socketPath === undefined) acknowledge(socket);
      resolve(socket);
    });
  });
}

/** A refusal keeps its status (404: no such kernel); a redirect or success in place of a 101 does not. */
function refused({ statusCode: status = 502, headers }: IncomingMessage, upstream: Upstream): GatewayError {
  try {
    checkHub(status, headers, upstream);
  } catch (error) {
    return asGatewayError(error);
  }
  if (status < 400) return new GatewayError('UPSTREAM_REFUSED');
  return new GatewayError('UPSTREAM_REFUSED', `Jupyter refused that websocket with status ${status}.`, {
    status,
  });
}

function unreachable(error: Error): GatewayError {
  const timedOut = error.message.includes('handshake has timed out');
  return new GatewayError(timedOut ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_DOWN', undefined, { cause: error });
}
