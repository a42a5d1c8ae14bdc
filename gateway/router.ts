import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Api, isPublic } from './api/api.js';
import { sendHealth, sendReadiness } from './api/health.js';
import { type ConnectOptions, connectChannel, kernelOf } from './channel/connect.js';
import type { Config } from './config.js';
import type { Admission } from './edge/admission.js';
import { type Arrival, createArrivals } from './edge/arrival.js';
import { createTrust } from './edge/client.js';
import { answerPreflight, corsHeaders } from './edge/cors.js';
import type { Identified, Identity } from './edge/identity.js';
import type { Handlers } from './edge/listener.js';
import { checkOrigin } from './edge/origin.js';
import { asGatewayError } from './errors.js';
import type { Log } from './log.js';
import type { Metrics, Route } from './metrics.js';
import { isNavigation } from './navigation.js';
import type { HttpProxy } from './proxy/http.js';
import { belowBase } from './proxy/paths.js';
import { connectTunnel } from './proxy/tunnel.js';
import { logRefusal, refuseUpgrade, sendRedirect, sendRefusal } from './refuse.js';
import { adoptRequestId, REQUEST_ID, requestIdOf } from './request-id.js';

export interface RouterParts {
  readonly config: Config;
  readonly identity: Identity;
  readonly api: Api;
  readonly proxy: HttpProxy;
  readonly channel: ConnectOptions;
  /** Asks the upstream whether it answers. */
  readonly ready: () => Promise<boolean>;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Takes every request and upgrade through the same gates, in the same order: Host, transport, Origin,
 * identity; and then to the one part that serves it.
 */
export function createRouter(parts: RouterParts): Handlers {
  const { config, identity, api, proxy, channel, log, metrics } = parts;
  const { allowedOrigins } = config;
  const arrivals = createArrivals(config);
  const trust = createTrust(config);
  const adopt = (req: IncomingMessage) => {
    if (trust(req.socket.remoteAddress)) adoptRequestId(req);
  };

  const identify = async (req: IncomingMessage, { client, target }: Arrival): Promise<Identified> => {
    checkOrigin(req, client, undefined, allowedOrigins);
    // Identity alone sees the query as it was sent, with its token.
    const identified = await identity.identify(req, client, { path: target.path, query: rawQuery(req) });
    checkOrigin(req, client, identified.principal.carrier, allowedOrigins);
    return identified;
  };

  const request = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const arrival = arrivals.receive(req, false);
    const { client, target, redirect: https, hsts } = arrival;
    if (target.path === '/healthz') return sendHealth(res);
    if (target.path === '/readyz') return sendReadiness(res, parts.ready);
    if (https !== undefined) return sendRedirect(res, https);
    if (hsts !== undefined) res.setHeader('strict-transport-security', hsts);
    if (answerPreflight(req, res, allowedOrigins)) return;
    for (const [name, value] of Object.entries(corsHeaders(req, allowedOrigins))) res.setHeader(name, value);
    checkOrigin(req, client, undefined, allowedOrigins);
    if (isPublic(target.path)) return api.handle(req, res, { client, principal: undefined });

    const { principal, query, setCookie, redirect } = await identify(req, arrival);
    if (redirect !== undefined) return sendRedirect(res, redirect, setCookie);
    if (setCookie !== undefined) res.setHeader('set-cookie', setCookie);
    if (target.path === '/spin' || target.path.startsWith('/spin/')) {
      return api.handle(req, res, { client, principal });
    }
    const admission: Admission = { client, principal, target: { path: target.path, query } };
    const path = below(target.path);
    // Jupyter's menu leads there; its own page would say “logged out” to somebody who isn't.
    if (path === '/logout' && isNavigation(req)) return sendRedirect(res, '/spin/logout');
    res.once('finish', () => channel.kernels.answered(req.method, path, res.statusCode));
    proxy.handle(req, res, admission);
  };

  const upgrade = async (req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const arrival = arrivals.receive(req, true);
    const { client, target } = arrival;
    const { principal, query } = await identify(req, arrival);
    const admission: Admission = { client, principal, target: { path: target.path, query } };
    const kernelId = kernelOf(belowBase(target.path, channel.upstream().basePath));
    if (kernelId === undefined) await connectTunnel(channel, admission, req, socket, head);
    else await connectChannel(channel, kernelId, admission, req, socket, head);
  };

  const below = (path: string): string => {
    const { basePath } = channel.upstream();
    return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path;
  };

  return {
    request(req, res) {
      // http-proxy, node's pipelines and the gateway each watch a response's end: a few more than ten.
      res.setMaxListeners(20);
      adopt(req);
      res.setHeader(REQUEST_ID, requestIdOf(req));
      const route = routeOf(req.url ?? '');
      res.once('finish', () => metrics.answered(route, res.statusCode));
      res.on('error', (error) => log.debug({ err: error.message }, 'a response failed'));
      request(req, res).catch((caught: unknown) => {
        const error = asGatewayError(caught);
        metrics.refused(error.code);
        logRefusal(log, req, arrivals.addressOf(req), error);
        sendRefusal(req, res, error);
      });
    },
    upgrade(req, socket, head) {
      adopt(req);
      const opened = () => metrics.answered('websocket', 101);
      upgrade(req, socket, head).then(opened, (caught: unknown) => {
        // Nobody is left to be told.
        if (socket.destroyed) return;
        const error = asGatewayError(caught);
        metrics.refused(error.code);
        metrics.answered('websocket', error.status);
        logRefusal(log, req, arrivals.addressOf(req), error);
        refuseUpgrade(req, socket, error);
      });
    },
  };
}

/** Whose business a path is; whether it was answered there, the status says. */
function routeOf(url: string): Route {
  if (/^\/(?:healthz|readyz)(?:\?|$)/.test(url)) return 'health';
  return /^\/spin(?:[/?]|$)/.test(url) ? 'spin' : 'jupyter';
}

function rawQuery({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}
