import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Api } from './api/api.js';
import { sendHealth, sendReadiness } from './api/health.js';
import { JUPYTER_LOGIN } from './api/jupyter-login.js';
import type { Posted } from './channel/kernels/posted.js';
import { type ConnectOptions, connectChannel, kernelOf } from './channel/link/connect.js';
import type { Config } from './config.js';
import type { Admission, Client, Target } from './edge/admission.js';
import { type Arrival, createArrivals, healthCheckOf } from './edge/arrival.js';
import { presentedToken } from './edge/carriers.js';
import type { Challenges } from './edge/challenges.js';
import { createTrust } from './edge/client.js';
import { answerPreflight, corsHeaders } from './edge/cors.js';
import type { Handlers } from './edge/http-server.js';
import type { Identified, Identity } from './edge/identity.js';
import { checkOrigin } from './edge/origin.js';
import type { Principal } from './edge/principal.js';
import { asGatewayError, GatewayError } from './errors.js';
import type { Log } from './log.js';
import type { Metrics, Route } from './metrics.js';
import { isNavigation } from './navigation.js';
import { decide } from './policy/decide.js';
import { orThrow } from './policy/decision.js';
import type { Unread } from './policy/unread.js';
import type { HttpProxy } from './proxy/http.js';
import type { JupyterLogins } from './proxy/jupyter-logins.js';
import { belowBase } from './proxy/paths.js';
import { connectTunnel } from './proxy/tunnel.js';
import { logRefusal, refuseUpgrade, sendRedirect, sendRefusal } from './refuse.js';
import { adoptRequestId, REQUEST_ID, requestIdOf } from './request-id.js';
import { splitTokenParameters } from './safe-url.js';
import { type Span, type Tracing, traceparentOf } from './tracing.js';

export interface RouterParts {
  readonly config: Config;
  readonly identity: Identity;
  readonly logins: JupyterLogins;
  readonly api: Api;
  readonly proxy: HttpProxy;
  /** SPIN_UNREAD. */
  readonly unread: Unread;
  readonly posted: Posted;
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
  const { config, identity, logins, api, proxy, unread, posted, channel, log, metrics, tracing } = parts;
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
    checkOrigin(req, client, identified.carrier, allowedOrigins);
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
    if (decide(undefined, { kind: 'page', path: target.path }).allowed)
      return api.handle(req, res, { client, principal: undefined });

    if (isProgramLogin(req, below(target.path))) {
      req.url = `${JUPYTER_LOGIN}?${rawQuery(req)}`;
      return api.handle(req, res, { client, principal: undefined });
    }
    const identified = await identify(req, arrival).catch((error: unknown) => {
      if (!leadsToLogin(req, target.path, error)) throw error;
      return undefined;
    });
    // Whoever doesn't know the base path isn't told.
    if (identified === undefined)
      return sendRedirect(res, `${target.path === '/' ? '' : basePath()}/login?next=%2F`);
    const { principal, setCookie, redirect } = identified;
    if (redirect !== undefined) return sendRedirect(res, redirect, setCookie);
    if (setCookie !== undefined) res.setHeader('set-cookie', setCookie);
    if (isOwn(target.path)) {
      orThrow(decide(principal, { kind: 'page', path: target.path }));
      return api.handle(req, res, { client, principal });
    }
    endWith(principal, res);
    const admission = admit(client, identified, target);
    const path = below(target.path);
    // Jupyter's menu leads there; its own page would say “logged out” to somebody who isn't.
    if (path === '/logout' && isNavigation(req)) return sendRedirect(res, '/spin/logout');
    const notice = isNavigation(req) ? unread.notice(path) : undefined;
    if (notice !== undefined) throw new GatewayError('PATH_NOT_ALLOWED', notice);
    res.once('finish', () => channel.kernels.answered(req.method, path, res.statusCode));
    const subject = { kind: 'request', method: req.method ?? '', path, unread } as const;
    const { treatment } = orThrow(decide(principal, subject));
    proxy.handle(req, res, admission, await posted.look(req, res, path, treatment));
  };

  const upgrade = async (req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const arrival = arrivals.receive(req, true);
    const { client, target } = arrival;
    const admission = admit(client, await identify(req, arrival), target);
    // Of the gateway's own none is a websocket.
    if (isOwn(target.path))
      throw new GatewayError('PATH_NOT_ALLOWED', 'There is no websocket at that address.');
    const path = belowBase(target.path, channel.upstream().basePath);
    const kernelId = kernelOf(path);
    if (kernelId === undefined) {
      await connectTunnel({ ...channel, ...tunnel }, admission, req, socket, head);
      return;
    }
    orThrow(decide(admission.principal, { kind: 'websocket', path, read: true }));
    await connectChannel(channel, kernelId, admission, req, socket, head);
  };

  const admit = (client: Client, { principal, query }: Identified, { path }: Target): Admission => {
    const login = logins.of(principal);
    return { client, principal, target: { path, query }, ...(login !== undefined && { login }) };
  };
  const tunnel = { unread, checkValues: (path: string) => posted.checkValues(path) };

  const basePath = (): string => {
    try {
      return channel.upstream().basePath;
    } catch {
      // One that is starting is the gateway's own, which has none.
      return '';
    }
  };
  const below = (path: string): string => {
    const base = basePath();
    return path.startsWith(`${base}/`) ? path.slice(base.length) : path;
  };
  /** As Jupyter does for whoever asks where it is: VS Code knows by this that it has to log in. */
  const leadsToLogin = (req: IncomingMessage, path: string, error: unknown): boolean =>
    asGatewayError(error).code === 'UNAUTHENTICATED' &&
    (req.method === 'GET' || req.method === 'HEAD') &&
    (path === '/' || below(path) === '/') &&
    !isNavigation(req);

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

/** The gateway's own paths. */
function isOwn(path: string): boolean {
  return path === '/spin' || path.startsWith('/spin/');
}

/** A download or an event stream goes on for hours: not beyond its principal. */
function endWith({ ended }: Principal, res: ServerResponse): void {
  if (ended === undefined) return;
  if (ended.aborted) throw new GatewayError('UNAUTHENTICATED');
  const end = () => res.destroy();
  ended.addEventListener('abort', end, { once: true });
  res.once('close', () => ended.removeEventListener('abort', end));
}

/** What a program asks that logs in as Jupyter's clients do. People have a page of their own; a token is its own login. */
function isProgramLogin(req: IncomingMessage, path: string): boolean {
  if (path !== '/login' || isNavigation(req)) return false;
  if (req.method !== 'GET' && req.method !== 'HEAD' && req.method !== 'POST') return false;
  return presentedToken(req, splitTokenParameters(rawQuery(req)).token) === undefined;
}

function rawQuery({ url = '' }: IncomingMessage): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}
