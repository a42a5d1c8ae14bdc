import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { Config } from '../config.js';
import { GatewayError } from '../errors.js';

/** A Host header taken apart. */
export interface Authority {
  /** Lower case, without a trailing dot; an IPv6 address without brackets. */
  readonly name: string;
  /** As sent; undefined when the scheme's default is meant. */
  readonly port: number | undefined;
}

/** `uri-host [ ":" port ]` (RFC 9112 section 3.2): no user information, no path, no zone identifier. */
const HOST_AND_PORT = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?))(?::([0-9]{1,5}))?$/i;

/** @throws {GatewayError} BAD_REQUEST when it is not a host with an optional port */
export function parseAuthority(text: string): Authority {
  const match = HOST_AND_PORT.exec(text);
  const [, bracketed, plain, digits] = match ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (match === null || (bracketed !== undefined && !isIPv6(bracketed)) || (port ?? 1) > 65_535)
    throw new GatewayError('BAD_REQUEST', 'The Host header is malformed.');
  return { name: (bracketed ?? plain ?? '').toLowerCase().replace(/\.$/, ''), port };
}

/**
 * The request's one Host header. Node keeps the first of several, another server the last, so more than one
 * is refused (RFC 9112 section 3.2), as is a request without one.
 *
 * @throws {GatewayError} BAD_REQUEST
 */
export function hostHeader(req: IncomingMessage): string {
  let count = 0;
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  const host = req.headers.host;
  if (count !== 1 || host === undefined)
    throw new GatewayError('BAD_REQUEST', 'A request needs exactly one Host header.');
  return host;
}

/** True for the names that a browser resolves to its own machine (RFC 6761 section 6.3, RFC 8252 section 7.3). */
export function isLoopbackName(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    (isIPv4(name) && name.startsWith('127.')) ||
    (isIPv6(name) && canonicalIPv6(name) === '::1')
  );
}

export function isAddress(name: string): boolean {
  return isIPv4(name) || isIPv6(name);
}

/**
 * Makes the check against DNS rebinding (invariant S4): a page may point its own name at this machine, but
 * it can't make the browser send another Host. An IP literal can't be rebound, so every one passes.
 *
 * @returns a function that gives the request's authority or throws a {@link GatewayError}: BAD_REQUEST for a
 *   missing, repeated or malformed Host, HOST_NOT_ALLOWED for a name that is not this runtime's
 */
export function createHostCheck(
  config: Pick<Config, 'publicUrl' | 'allowedHosts'>,
): (req: IncomingMessage) => Authority {
  const names = new Set([hostname(), ...config.allowedHosts].map(normalName));
  if (config.publicUrl !== undefined) names.add(normalName(config.publicUrl.hostname));
  return (req) => {
    const authority = parseAuthority(hostHeader(req));
    if (isAddress(authority.name) || isLoopbackName(authority.name) || names.has(authority.name))
      return authority;
    throw new GatewayError('HOST_NOT_ALLOWED');
  };
}

function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
