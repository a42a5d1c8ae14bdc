import type { IncomingMessage } from 'node:http';
import type { Config } from '../config.js';
import type { Client, Target } from './admission.js';
import { createAddressOf, createClientOf, createTrust } from './client.js';
import { createHostCheck, hostHeader } from './hosts.js';
import { parseTarget } from './request-target.js';
import { createTransport } from './transport.js';

/** A request that asks this runtime, for a proper target, over a connection that may carry the answer. */
export interface Arrival {
  readonly client: Client;
  readonly target: Target;
  /** Set when the browser has to come back by https: the URL. Nothing else may be answered then. */
  readonly redirect: string | undefined;
  /** Value of Strict-Transport-Security, where one is due. */
  readonly hsts: string | undefined;
}

/** The first stage of every request and upgrade, before anybody asks who it is. */
export interface Arrivals {
  /** The client's address, for log lines, also of a request that {@link Arrivals.receive} refuses. */
  addressOf(req: IncomingMessage): string;
  /**
   * Host, then target, then transport.
   * @throws {GatewayError} BAD_REQUEST, HOST_NOT_ALLOWED, BAD_PATH or TLS_REQUIRED
   */
  receive(req: IncomingMessage, upgrade: boolean): Arrival;
}

export function createArrivals(
  config: Pick<Config, 'listen' | 'tls' | 'acme' | 'publicUrl' | 'allowedHosts' | 'trustedProxies'>,
): Arrivals {
  const trust = createTrust(config);
  const checkHost = createHostCheck(config);
  const clientOf = createClientOf(trust);
  const transport = createTransport(config, trust);
  return {
    addressOf: createAddressOf(trust),
    receive(req, upgrade) {
      checkHost(req);
      const client = clientOf(req);
      const target = parseTarget(req.url ?? '', hostHeader(req));
      return {
        client,
        target,
        redirect: transport.redirectFor(req, client, target, upgrade),
        hsts: transport.hstsFor(client),
      };
    },
  };
}
