import type { Socket } from 'node:net';
import { type ProxySource, parseProxyHeader } from './proxy-protocol.js';

/** A TLS record of type handshake (RFC 8446 section 5.1); no HTTP request begins with it. */
const TLS_HANDSHAKE = 0x16;

/** What a connection turned out to be. Its bytes, without a PROXY header, are back in the socket. */
export interface Preamble {
  readonly tls: boolean;
  /** What a trusted proxy announced. */
  readonly source: ProxySource | undefined;
}

/**
 * Waits for a connection's first bytes and tells what it speaks. Nothing stays attached to the socket
 * afterwards; it is paused.
 *
 * @param believesProxy whether a PROXY header of this peer is read; if not, one is just malformed HTTP
 * @param done called once; undefined when the peer left or sent a malformed PROXY header
 */
export function readPreamble(
  socket: Socket,
  believesProxy: boolean,
  done: (preamble: Preamble | undefined) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0);
  let source: ProxySource | undefined;
  let awaitsProxy = believesProxy;

  const finish = (preamble: Preamble | undefined): void => {
    socket.off('data', onData).off('end', onLeave).off('close', onLeave);
    socket.pause();
    if (bytes.length > 0) socket.unshift(bytes);
    done(preamble);
  };
  const onLeave = (): void => finish(undefined);
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (awaitsProxy) {
      const header = parseProxyHeader(bytes);
      if (header.kind === 'incomplete') return;
      if (header.kind === 'malformed') {
        finish(undefined);
        return;
      }
      awaitsProxy = false;
      if (header.kind === 'present') {
        source = header.source;
        bytes = bytes.subarray(header.length);
      }
    }
    if (bytes.length > 0) finish({ tls: bytes[0] === TLS_HANDSHAKE, source });
  };
  socket.on('data', onData).on('end', onLeave).on('close', onLeave);
}
