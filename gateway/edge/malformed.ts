import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayError, type Refusal } from '../errors.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';

/** How long (ms) a refused client may take to read the answer; closing at once could take it away again. */
const lingering = 1_000;

/** Answers what node's HTTP parser refuses. */
export interface Malformed {
  /** To be told of every request, so that an answer never lands in the middle of another one. */
  track(req: IncomingMessage, res: ServerResponse): void;
  /** True while a request that came before on the same connection has no answer. */
  isAnswering(socket: Duplex): boolean;
  /** For the server's `clientError` event, and for what only looks like HTTP: answers with 400 (or 408, 431)
   * where that is possible, and closes. */
  refuse(error: NodeJS.ErrnoException, socket: Duplex): void;
}

export function createMalformed(log: Log, metrics: Pick<Metrics, 'refused'>): Malformed {
  const unanswered = new WeakMap<Duplex, Set<ServerResponse>>();
  const refused = new WeakSet<Duplex>();
  return {
    track(req, res) {
      const waiting = unanswered.get(req.socket) ?? new Set();
      unanswered.set(req.socket, waiting.add(res));
      res.once('close', () => waiting.delete(res));
    },
    isAnswering: (socket) => (unanswered.get(socket)?.size ?? 0) > 0,
    refuse(error, socket) {
      if (refused.has(socket)) {
        return;
      }
      refused.add(socket);
      const [first, ...others] = unanswered.get(socket) ?? [];
      const clean = others.length === 0 && first?.headersSent !== true;
      if (!socket.writable || !clean || error.code === 'ECONNRESET') {
        socket.destroy();
        return;
      }
      const { status, code, message } = refusalOf(error);
      metrics.refused(code);
      // There is no request to have one: this id is the answer's alone.
      const request = randomUUID();
      log.warn(
        { event: 'refusal', request, code, status, address: addressOf(socket), reason: error.code },
        message,
      );
      socket.end(answer(status, code, message, request));
      const timer = setTimeout(() => socket.destroy(), lingering);
      socket.once('close', () => clearTimeout(timer));
    },
  };
}

function refusalOf(error: NodeJS.ErrnoException): { status: number; code: Refusal; message: string } {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new GatewayError('HEADERS_TOO_LARGE');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new GatewayError('REQUEST_TIMEOUT');
    default:
      return new GatewayError('BAD_REQUEST');
  }
}

function answer(status: number, code: string, message: string, request: string): string {
  const body = JSON.stringify({ code, message, request });
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `X-Request-Id: ${request}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

function addressOf(socket: Duplex): string | undefined {
  return 'remoteAddress' in socket && typeof socket.remoteAddress === 'string'
    ? socket.remoteAddress
    : undefined;
}
