import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Api, isPublic } from './api/api.js';
import { sendHealth, sendReadiness } from './api/health.js';
import { type ConnectOptions, connectChannel, kernelOf } from './channel/connect.js';
import type { Config } from './config.js';
import type { Admission } from './edge/admission.js';
import { type Arrival, createArrivals, healthCheckOf } from './edge/arrival.js';
import type { Challenges } from './edge/challenges.js';
import { createTrust } from './edge/client.js';
import { answerPreflight, corsHeaders } from './edge/cors.js';
import type { Handlers } from './edge/http-server.js';
import type { Identified, Identity } from './edge/identity.js';
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
import { type Span, type Tracing, traceparentOf } from './tracing.js';

export interface RouterParts {
  readonly config: Config;
  readonly identity: Identity;
  readonly api: Api;
  readonly proxy: HttpProxy;
  readonly channel: ConnectOptions;
  /** Asks the upstream whether it answers. */
  readonly ready: () => Promise<boolean>;
  /** Proofs for a certificate authority; undefined where none ever asks for one. */
  readonly challenges: Challenges | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
}

/**
 * Takes every request and upgrade through the same gates, in the same order: Host, transport, Origin,
 * identity; and then to the one part that serves it.
 */
export function createRouter(parts: RouterParts): Handlers {
  const { config, identity, api, proxy, channel, log, metrics, tracing } = parts;
  const { allowedOrigins } = config;
  const arrivals = createArrivals(config);
  const trust = createTrust(config);
  /** What a trusted proxy says of a request is believed; its span begins. */
  const enter = (req: IncomingMessage, route: Route): Span => {
    const believed = trust(req.socket.remoteAddress);
    if (believed) adoptRequestId(req);
    const attributes = {
      'http.request.method': METHODS.has(req.method ?? '') ? (req.method ?? '') : '_OTHER',
      'spin.route': route,
      'spin.request': requestIdOf(req),
    };
    return tracing.begin('request', attributes, believed ? traceparentOf(req) : undefined);
  };

  const identify = async (req: IncomingMessage, { client, target }: Arrival): Promise<Identified> => {
    checkOrigin(req, client, undefined, allowedOrigins);
    // Identity alone sees the query as it was sent, with its token.
    const identified = await identity.identify(req, client, { path: target.path, query: rawQuery(req) });
    checkOrigin(req, client, identified.principal.carrier, allowedOrigins);
    return identified;
  };

  const request = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    // Before the transport's policy, which would send the authority from port 80 to a certificate that isn't there yet.
    if (parts.challenges?.answer(req, res)) return;
    const health = healthCheckOf(req);
    if (health === '/healthz') return sendHealth(res);
    if (health === '/readyz') return sendReadiness(res, parts.ready);
    const arrival = arrivals.receive(req, false);
    const { client, target, redirect: https, hsts } = arrival;
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
      const route = routeOf(req.url ?? '');
      const span = enter(req, route);
      res.setHeader(REQUEST_ID, requestIdOf(req));
      // Not `finish`: a client may leave before.
      res.once('close', () => endSpan(span, res.statusCode));
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
      const span = enter(req, 'websocket');
      const answered = (status: number) => {
        metrics.answered('websocket', status);
        endSpan(span, status);
      };
      upgrade(req, socket, head).then(
        () => answered(101),
        (caught: unknown) => {
          // Nobody is left to be told.
          if (socket.destroyed) return span.end();
          const error = asGatewayError(caught);
          metrics.refused(error.code);
          answered(error.status);
          logRefusal(log, req, arrivals.addressOf(req), error);
          refuseUpgrade(req, socket, error);
        },
      );
    },
  };
}

/** https://opentelemetry.io/docs/specs/semconv/http/http-spans/: others are `_OTHER`. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

function endSpan(span: Span, status: number): void {
  span.end({ 'http.response.status_code': status }, status >= 500);
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
