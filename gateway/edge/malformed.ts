import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../errors.js';
import type { Tell } from '../events/events.js';
import { pageHeaders } from '../page.js';
import { refusalJson, refusalPage } from '../refuse.js';

/** How long a refused client may take to read the answer; closing at once could take it away again. */
const LINGERING_MS = 1_000;

/** Answers what node's HTTP parser refuses. */
export interface Malformed {
  /** To be called for every request, so that an answer never lands in the middle of another one. */
  track(req: IncomingMessage, res: ServerResponse): void;
  /** True while a request that came before on the same connection has no answer. */
  isAnswering(socket: Duplex): boolean;
  /** For the server's `clientError` event, and for what only looks like HTTP: answers with 400 (or 408, 431)
   * where that is possible, and closes. */
  refuse(error: NodeJS.ErrnoException, socket: Duplex): void;
}

export function createMalformed(tell: Tell): Malformed {
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
      if (refused.has(socket)) return;
      refused.add(socket);
      const [first, ...others] = unanswered.get(socket) ?? [];
      const clean = others.length === 0 && first?.headersSent !== true;
      if (!socket.writable || !clean || error.code === 'ECONNRESET') {
        socket.destroy();
        return;
      }
      const refusal = refusalOf(error);
      const { status, code, message } = refusal;
      // There is no request to have one: this id is the answer's alone.
      const request = randomUUID();
      const { code: reason } = error;
      tell({ kind: 'refusal', request, code, status, message, address: addressOf(socket), reason });
      socket.end(answer(refusal, request, 'rawPacket' in error && wantsPage(error.rawPacket)));
      const timer = setTimeout(() => socket.destroy(), LINGERING_MS);
      socket.once('close', () => clearTimeout(timer));
    },
  };
}

function refusalOf(error: NodeJS.ErrnoException): GatewayError {
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

/**
 * The parser has given up before a request was there: only the bytes that it read last can show that a browser loads a
 * page. Its cookies come last and fill them; it is them that are too large then.
 */
function wantsPage(rawPacket: unknown): boolean {
  if (!(rawPacket instanceof Uint8Array)) return false;
  const text = Buffer.from(rawPacket.buffer, rawPacket.byteOffset, rawPacket.byteLength).toString('latin1');
  const accept = /^accept:[^\r\n]*/im.exec(text)?.[0];
  return accept === undefined ? /[\w-]=[^;\s]*; [\w-]+=/.test(text) : /\btext\/html\b/i.test(accept);
}

function answer(error: GatewayError, request: string, page: boolean): string {
  const body = page ? refusalPage(error, false, request) : refusalJson(error, request);
  const headers = page
    ? pageHeaders('no-referrer')
    : {
        'content-type': 'application/json',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      };
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${request}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

function addressOf(socket: Duplex): string | undefined {
  return 'remoteAddress' in socket && typeof socket.remoteAddress === 'string'
    ? socket.remoteAddress
    : undefined;
}
