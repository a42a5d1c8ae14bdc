import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** True for an upgrade that nothing here can take: to anything but a websocket, such as curl's `h2c`. */
export function isOtherProtocol({ headers }: IncomingMessage): boolean {
  return !/websocket/i.test(headers.upgrade ?? '');
}

/**
 * The response to a request whose upgrade is ignored (RFC 9110 section 7.8 lets a server do so). It is the connection's
 * last one: node has taken its parser away, and what the client sent behind the request, in whatever protocol, is
 * dropped unread (invariant S7).
 */
export function lastResponse(req: IncomingMessage): ServerResponse {
  const { socket } = req;
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  res.assignSocket(socket);
  // Node's own way to tell went with the parser: what waits for it would stand still.
  socket.on('drain', () => res.emit('drain'));
  res.once('finish', () => end(socket));
  // Nothing else reads it any more, and only a reader learns that the client has left.
  socket.once('end', () => end(socket)).resume();
  return res;
}

function end(socket: Socket): void {
  socket.once('finish', () => socket.destroy());
  socket.end();
}
