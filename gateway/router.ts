import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Api, isPublic } from './api/api.js';
import { sendHealth, sendReadiness } from './api/health.js';
import { type ConnectOptions, connectChannel, kernelOf } from './channel/connect.js';
import type { Config } from './config.js';
import type { Admission, Client, Target } from './edge/admission.js';
import { createClientOf, createTrust } from './edge/client.js';
import { answerPreflight, corsHeaders } from './edge/cors.js';
import { createHostCheck } from './edge/hosts.js';
import type { Identified, Identity } from './edge/identity.js';
import type { Handlers } from './edge/listener.js';
import { checkOrigin } from './edge/origin.js';
import { parseTarget } from './edge/request-target.js';
import { answerRedirect, createTransport } from './edge/transport.js';
import { asGatewayError } from './errors.js';
import type { Log } from './log.js';
import type { HttpProxy } from './proxy/http.js';
import type { Tunnel } from './proxy/tunnel.js';
import { logRefusal, refuseUpgrade, sendRedirect, sendRefusal } from './refuse.js';

export interface RouterParts {
  readonly config: Config;
  readonly identity: Identity;
  readonly api: Api;
  readonly proxy: HttpProxy;
  readonly tunnel: Tunnel;
  readonly channel: ConnectOptions;
  /** Asks the upstream whether it answers. */
  readonly ready: () => Promise<boolean>;
  readonly log: Log;
}

/** What is known of a request before it is known who sent it. */
interface Arrival {
  readonly client: Client;
  readonly target: Target;
  /** The query as sent, token parameters included: for identity alone. */
  readonly rawQuery: string;
}

/**
 * Takes every request and upgrade through the same gates, in the same order: Host, transport, Origin,
 * identity; and then to the one part that serves it.
 */
export function createRouter(parts: RouterParts): Handlers {
  const { config, identity, api, proxy, tunnel, channel, log } = parts;
  const { allowedOrigins } = config;
  const checkHost = createHostCheck(config);
  const trust = createTrust(config.trustedProxies);
  const clientOf = createClientOf(trust);
  const transport = createTransport(config, trust);

  const arrive = (req: IncomingMessage): Arrival => {
    checkHost(req);
    const url = req.url ?? '';
    const mark = url.indexOf('?');
    return {
      client: clientOf(req),
      target: parseTarget(url, req.headers.host ?? ''),
      rawQuery: mark === -1 ? '' : url.slice(mark + 1),
    };
  };

  const identify = async (
    req: IncomingMessage,
    { client, target, rawQuery }: Arrival,
  ): Promise<Identified> => {
    checkOrigin(req, client, undefined, allowedOrigins);
    const identified = await identity.identify(req, client, { path: target.path, query: rawQuery });
    checkOrigin(req, client, identified.principal.carrier, allowedOrigins);
    return identified;
  };

  const request = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const arrival = arrive(req);
    const { client, target } = arrival;
    if (target.path === '/healthz') return sendHealth(res);
    if (target.path === '/readyz') return sendReadiness(res, parts.ready);
    const https = transport.redirectFor(req, client, target, false);
    if (https !== undefined) return answerRedirect(res, https);
    const hsts = transport.hstsFor(client);
    if (hsts !== undefined) res.setHeader('strict-transport-security', hsts);
    if (answerPreflight(req, res, allowedOrigins)) return;
    for (const [name, value] of Object.entries(corsHeaders(req, allowedOrigins))) res.setHeader(name, value);
    if (isPublic(target.path)) return api.handle(req, res, client);

    const { principal, query, setCookie, redirect } = await identify(req, arrival);
    if (redirect !== undefined) return sendRedirect(res, redirect, setCookie);
    if (setCookie !== undefined) res.setHeader('set-cookie', setCookie);
    if (target.path === '/spin' || target.path.startsWith('/spin/')) return api.handle(req, res, client);
    const admission: Admission = { client, principal, target: { path: target.path, query } };
    const path = belowBase(target.path);
    res.once('finish', () => channel.kernels.answered(req.method, path, res.statusCode));
    proxy.handle(req, res, admission);
  };

  const upgrade = async (req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const arrival = arrive(req);
    const { client, target } = arrival;
    transport.redirectFor(req, client, target, true);
    const { principal, query } = await identify(req, arrival);
    const admission: Admission = { client, principal, target: { path: target.path, query } };
    const kernelId = kernelOf(belowBase(target.path));
    if (kernelId === undefined) await tunnel.handle(req, socket, head, admission);
    else await connectChannel(channel, kernelId, admission, req, socket, head);
  };

  const belowBase = (path: string): string => {
    const { basePath } = channel.upstream();
    return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
  };

  const addressOf = (req: IncomingMessage): string => {
    try {
      return clientOf(req).address;
    } catch {
      return req.socket.remoteAddress ?? '';
    }
  };

  return {
    request(req, res) {
      res.on('error', (error) => log.debug({ err: error.message }, 'a response failed'));
      request(req, res).catch((caught: unknown) => {
        const error = asGatewayError(caught);
        logRefusal(log, req, addressOf(req), error);
        sendRefusal(req, res, error);
      });
    },
    upgrade(req, socket, head) {
      upgrade(req, socket, head).catch((caught: unknown) => {
        // Nobody is left to be told.
        if (socket.destroyed) return;
        const error = asGatewayError(caught);
        logRefusal(log, req, addressOf(req), error);
        refuseUpgrade(socket, error);
      });
    },
  };
}
