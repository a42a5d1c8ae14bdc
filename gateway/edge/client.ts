import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import proxyAddr from '@fastify/proxy-addr';
import type { Config } from '../config.js';
import { requestIdOf } from '../request-id.js';
import type { Client } from './admission.js';
import { hostHeader, parseAuthority } from './hosts.js';
import type { ProxySource } from './proxy-protocol.js';

/** Connections whose proxy said by PROXY protocol that the client's own leg is TLS. */
const encryptedBefore = new WeakSet<Socket>();

/**
 * Gives a socket the address that a trusted proxy announced by PROXY protocol: everything after it, logs
 * included, sees the client's.
 */
export function announce(socket: Socket, source: ProxySource): void {
  Object.defineProperty(socket, 'remoteAddress', { value: source.address });
  Object.defineProperty(socket, 'remotePort', { value: source.port });
  if (source.encrypted) encryptedBefore.add(socket);
}

/** True when this gateway itself ended the connection's TLS. */
export function isTls(req: IncomingMessage): boolean {
  return (req.socket as Partial<TLSSocket>).encrypted === true;
}

/** Which peers are trusted proxies. */
export type Trust = (address: string | undefined) => boolean;

/**
 * Reads SPIN_TRUSTED_PROXIES: addresses or networks; an IPv4-mapped IPv6 peer counts as its IPv4 address.
 *
 * On a unix socket no peer has an address, and all are trusted: only those can open it whom the file's
 * permissions let (the proxy in front). On a port a peer without one has reset its connection and is not trusted.
 */
export function createTrust({ listen, trustedProxies }: Pick<Config, 'listen' | 'trustedProxies'>): Trust {
  const listed = trustedProxies.length === 0 ? () => false : proxyAddr.compile([...trustedProxies]);
  return (address) => (address === undefined ? listen.kind === 'unix' : listed(address, 0));
}

/** @returns what the peer's X-Forwarded-Proto says of the client's own leg; undefined when nothing, or not trusted */
export function forwardedProto(req: IncomingMessage, trust: Trust): string | undefined {
  const header = req.headers['x-forwarded-proto'];
  if (typeof header !== 'string' || !trust(req.socket.remoteAddress)) return undefined;
  return header.split(',', 1)[0]?.trim().toLowerCase();
}

/**
 * Makes the function that settles who is at the other end: the address nearest to the client that trusted
 * proxies vouch for (X-Forwarded-For read from the right, PROXY protocol), and whether the browser's own leg
 * is encrypted.
 *
 * @returns a function that throws a {@link GatewayError} BAD_REQUEST for a request without a proper Host
 */
export function createClientOf(trust: Trust): (req: IncomingMessage) => Client {
  const addressOf = createAddressOf(trust);
  return (req) => {
    const secure = isTls(req) || encryptedBefore.has(req.socket) || forwardedProto(req, trust) === 'https';
    const { name, port } = parseAuthority(hostHeader(req));
    const host = name.includes(':') ? `[${name}]` : name;
    const authority = port === undefined || port === (secure ? 443 : 80) ? host : `${host}:${port}`;
    return {
      address: addressOf(req),
      request: requestIdOf(req),
      secure,
      authority,
      origin: `${secure ? 'https' : 'http'}://${authority}`,
    };
  };
}

/**
 * Makes the function that tells the client's address: an IP address; `unix` for a peer on the unix socket that
 * forwards none, `gone` for one that has reset its connection.
 */
export function createAddressOf(trust: Trust): (req: IncomingMessage) => string {
  return (req) => {
    const peer = req.socket.remoteAddress;
    if (req.headers['x-forwarded-for'] !== undefined && trust(peer)) {
      const forwarded = bareAddress(proxyAddr(req, trust));
      if (forwarded !== undefined) return forwarded;
    }
    return bareAddress(peer) ?? (trust(peer) ? 'unix' : 'gone');
  };
}

/**
 * An address without the port that some proxies add (`192.0.2.1:5000`, `[2001:db8::1]:5000`) and without the
 * IPv4-mapped prefix, or undefined when it is none (RFC 7239 section 6 allows `unknown` and made-up names).
 */
function bareAddress(text: string | undefined): string | undefined {
  const bare = text
    ?.replace(/^\[(.*)\](?::[0-9]+)?$/, '$1')
    .replace(/^([0-9.]+):[0-9]+$/, '$1')
    .replace(/^::ffff:(?=[0-9]+\.)/i, '');
  return bare !== undefined && isIP(bare) !== 0 ? bare : undefined;
}
