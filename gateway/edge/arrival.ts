import type { IncomingMessage } from 'node:http';
import type { Config } from '../config.js';
import type { Client, Target } from './admission.js';
import { createAddressOf, createClientOf, type Trust } from './client.js';
import { createHostCheck, hostHeader, parseAuthority } from './hosts.js';
import { parseTarget } from './request-target.js';
import { createTransport } from './transport.js';

/** A request that asks this runtime, for a proper target, over a connection that may carry the answer. */
export interface Arrival {
  readonly client: Client;
  readonly target: Target;
  /** What came in the query as `?token=`: identity alone reads it. */
  readonly token: string | undefined;
  /** Set when the browser has to come back by https: the URL. Nothing else may be answered then. */
  readonly redirect: string | undefined;
  /** Value of Strict-Transport-Security, where one is due. */
  readonly hsts: string | undefined;
}

/** The first stage of every request and upgrade, before the client is identified. */
export interface Arrivals {
  /** The client's address, for log lines, also of a request that {@link Arrivals.receive} refuses. */
  addressOf(req: IncomingMessage): string;
  /**
   * Host, then target, then transport.
   * @throws {GatewayError} BAD_REQUEST, HOST_NOT_ALLOWED, BAD_PATH or TLS_REQUIRED
   */
  receive(req: IncomingMessage, upgrade: boolean): Arrival;
}

/** Also in absolute form, which every server has to take (RFC 9112 section 3.2.2). */
const HEALTH = /^(?:https?:\/\/[^/?#\\]+)?(\/healthz|\/readyz)(?:\?|$)/i;

/**
 * Which of the two health checks this is. They come before all else, and to any name: load balancers ask by an address,
 * another name, or by HTTP/1.0 without one, and a rebound name learns nothing from them.
 *
 * @throws {GatewayError} BAD_REQUEST for a Host that is missing in HTTP/1.1, repeated or malformed (RFC 9112 section 3.2)
 */
export function healthCheckOf(req: IncomingMessage): '/healthz' | '/readyz' | undefined {
  const path = HEALTH.exec(req.url ?? '')?.[1];
  if (path !== '/healthz' && path !== '/readyz') return undefined;
  if (req.httpVersion !== '1.0' || req.headers.host !== undefined) parseAuthority(hostHeader(req));
  return path;
}

/** @param trust which peers are trusted proxies */
export function createArrivals(
  config: Pick<Config, 'tls' | 'acme' | 'publicUrl' | 'allowedHosts'>,
  trust: Trust,
): Arrivals {
  const checkHost = createHostCheck(config);
  const clientOf = createClientOf(trust);
  const transport = createTransport(config, trust);
  const publicOrigin = config.publicUrl?.origin;
  return {
    addressOf: createAddressOf(trust),
    receive(req, upgrade) {
      checkHost(req);
      const known = clientOf(req);
      // A page of the public URL is this runtime's own, also where a proxy took the port out of Host or set another.
      const isPublic = publicOrigin !== undefined && req.headers.origin === publicOrigin;
      const client = isPublic ? { ...known, origin: publicOrigin } : known;
      const { target, token } = parseTarget(req.url ?? '', hostHeader(req));
      return {
        client,
        target,
        token,
        redirect: transport.redirectFor(req, client, target, upgrade),
        hsts: transport.hstsFor(client),
      };
    },
  };
}
