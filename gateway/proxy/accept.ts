import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { GatewayError } from '../errors.js';
import { MESSAGE_BYTES } from '../jupyter-limits.js';
import { REQUEST_ID, requestIdOf } from '../request-id.js';
import { keepAlive } from './legs.js';

/** JEP 119: a websocket's token travels as `<marker>.<token>` beside the bare marker. */
const TOKEN_MARKER = 'v1.token.websocket.jupyter.org';

/** What a client reads when `ws` itself ends its connection, which it does with a code alone. */
const REASONS: Readonly<Record<number, string>> = {
  1002: 'That was not a valid websocket frame (RFC 6455).',
  1007: 'A text frame was not UTF-8.',
  1009: new GatewayError('MESSAGE_TOO_LARGE').message,
};

class ExplainingWebSocket extends WebSocket {
  tooLarge = REASONS[1009];

  override close(code?: number, reason?: string | Buffer): void {
    const known = code === undefined ? undefined : code === 1009 ? this.tooLarge : REASONS[code];
    super.close(code, reason ?? known);
  }
}

/** What a client offers in `Sec-WebSocket-Protocol`. */
export interface Offer {
  /** In the client's order, without anything that carries a token: what the upstream may choose from. */
  readonly protocols: readonly string[];
  /** True when the bare token marker was offered. */
  readonly marker: boolean;
}

/** Reads the subprotocols of an upgrade (invariant S3: token carriers are never sent on). */
export function offerOf(request: IncomingMessage): Offer {
  const all = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return {
    protocols: all.filter((name) => name !== TOKEN_MARKER && !name.startsWith(`${TOKEN_MARKER}.`)),
    marker: all.includes(TOKEN_MARKER),
  };
}

/** What a client may send before its upgrade is answered; RFC 6455 section 4.1 allows nothing. */
const EARLY_BYTES = 64 * 1024;

/**
 * A signal that aborts when the client leaves before its upgrade is answered. `http.Server` keeps sockets half
 * open, so only reading shows that the client's side has ended; the socket is destroyed then. What is read is put back
 * by `stop`, which must be called before the upgrade is answered.
 */
export function departure(socket: Duplex): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const early: Buffer[] = [];
  let size = 0;
  const leave = () => {
    socket.destroy();
    controller.abort(new Error('the client left'));
  };
  const keep = (chunk: Buffer) => {
    early.push(chunk);
    size += chunk.length;
    if (size > EARLY_BYTES) socket.pause();
  };
  const events = ['end', 'close', 'error'] as const;
  for (const event of events) socket.once(event, leave);
  socket.on('data', keep);
  if (socket.destroyed || socket.readableEnded) leave();
  return {
    signal: controller.signal,
    stop() {
      for (const event of events) socket.off(event, leave);
      socket.off('data', keep).pause();
      if (size > 0 && !socket.destroyed && !socket.readableEnded) socket.unshift(Buffer.concat(early));
    },
  };
}

export interface AcceptOptions {
  /** The upstream's choice; empty for none. */
  readonly protocol: string;
  /** Largest message taken from the client, in bytes. */
  readonly maxPayload?: number;
  /** What a client reads that sends a larger one. */
  readonly tooLarge?: string;
  readonly skipUTF8Validation?: boolean;
}

/**
 * Answers a client's upgrade with 101 and the upstream's choice of subprotocol; the bare token marker is echoed
 * when nothing else was chosen, since a browser that offered something fails on an answer without one.
 *
 * @returns the socket, paused, with an error listener and pinged; undefined when the handshake was not valid (the client
 *   has its 400 then) or the client is gone
 */
export function accept(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: AcceptOptions,
): WebSocket | undefined {
  const chosen = options.protocol || (offerOf(request).marker ? TOKEN_MARKER : '');
  const server = new WebSocketServer({
    noServer: true,
    WebSocket: ExplainingWebSocket,
    clientTracking: false,
    perMessageDeflate: false,
    // What is larger is refused with a reason before Jupyter drops the socket.
    maxPayload: options.maxPayload ?? MESSAGE_BYTES,
    skipUTF8Validation: options.skipUTF8Validation ?? false,
    handleProtocols: () => chosen || false,
  });
  server.on('headers', (headers) => headers.push(`${REQUEST_ID}: ${requestIdOf(request)}`));
  let accepted: WebSocket | undefined;
  server.handleUpgrade(request, socket, head, (client) => {
    // ws ends the connection itself, with the right close code; the listener only keeps the process up.
    client.on('error', () => {});
    client.tooLarge = options.tooLarge ?? client.tooLarge;
    client.pause();
    keepAlive(client, request.socket);
    accepted = client;
  });
  return accepted;
}
