import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { sendAnswer, sendRedirect } from './answer.js';
import type { Api } from './api/api.js';
import { sendHealth, sendReadiness } from './api/health.js';
import { JUPYTER_LOGIN } from './api/jupyter-login.js';
import type { Posted } from './channel/kernels/posted.js';
import { type ConnectOptions, connectChannel, kernelOf } from './channel/link/connect.js';
import type { Admission } from './edge/admission.js';
import type { Trust } from './edge/client.js';
import type { Gate, JupyterBase } from './edge/gate.js';
import type { Handlers } from './edge/http-server.js';
import { isOwn } from './edge/own-paths.js';
import type { Principal } from './edge/principal.js';
import { asGatewayError, GatewayError } from './errors.js';
import type { Tell } from './events/events.js';
import type { Log } from './log.js';
import type { Route } from './metrics.js';
import { isNavigation } from './navigation.js';
import { decide } from './policy/decide.js';
import { orThrow } from './policy/decision.js';
import type { Unread } from './policy/unread.js';
import type { HttpProxy } from './proxy/http.js';
import type { JupyterLogins } from './proxy/jupyter-logins.js';
import { belowBase } from './proxy/paths.js';
import { connectTunnel } from './proxy/tunnel.js';
import type { Refuse } from './refuse.js';
import { adoptRequestId, REQUEST_ID, requestIdOf } from './request-id.js';
import { type Span, type Tracing, traceparentOf } from './tracing.js';

export interface RouterParts {
  readonly gate: Pick<Gate, 'request' | 'upgrade'>;
  readonly trust: Trust;
  readonly refuse: Refuse;
  readonly base: JupyterBase;
  readonly logins: JupyterLogins;
  readonly api: Api;
  readonly proxy: HttpProxy;
  /** SPIN_UNREAD. */
  readonly unread: Unread;
  readonly posted: Posted;
  readonly channel: ConnectOptions;
  /** Asks the upstream whether it answers. */
  readonly ready: () => Promise<boolean>;
  readonly log: Log;
  readonly tell: Tell;
  readonly tracing: Tracing;
}

/** Takes every request and upgrade through the gate, and then to the one part that serves it. */
export class Router implements Handlers {
  readonly #parts: RouterParts;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  request(req: IncomingMessage, res: ServerResponse): void {
    const { log, refuse, tell } = this.#parts;
    // http-proxy, node's pipelines and the gateway each watch a response's end: a few more than ten.
    res.setMaxListeners(20);
    const route = routeOf(req.url ?? '');
    const span = this.#begin(req, route);
    res.setHeader(REQUEST_ID, requestIdOf(req));
    // Not `finish`: a client may leave before.
    res.once('close', () => endSpan(span, res.statusCode));
    res.once('finish', () => tell({ kind: 'answered', route, status: res.statusCode }));
    res.on('error', (error) => log.debug({ err: error.message }, 'a response failed'));
    this.#answer(req, res).catch((caught: unknown) => refuse.request(req, res, asGatewayError(caught)));
  }

  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { refuse, tell } = this.#parts;
    const span = this.#begin(req, 'websocket');
    const answered = (status: number) => {
      tell({ kind: 'answered', route: 'websocket', status });
      endSpan(span, status);
    };
    this.#connect(req, socket, head).then(
      () => answered(101),
      (caught: unknown) => {
        // The client has gone: there is no one to answer.
        if (socket.destroyed) return span.end();
        const error = asGatewayError(caught);
        answered(error.status);
        refuse.upgrade(req, socket, error);
      },
    );
  }

  /** What a trusted proxy says of a request is believed; its span begins. */
  #begin(req: IncomingMessage, route: Route): Span {
    const isBelieved = this.#parts.trust(req.socket.remoteAddress);
    if (isBelieved) adoptRequestId(req);
    const attributes = {
      'http.request.method': METHODS.has(req.method ?? '') ? (req.method ?? '') : '_OTHER',
      'spin.route': route,
      'spin.request': requestIdOf(req),
    };
    return this.#parts.tracing.begin('request', attributes, isBelieved ? traceparentOf(req) : undefined);
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { gate, api, ready } = this.#parts;
    const passage = await gate.request(req);
    for (const [name, value] of Object.entries(passage.headers)) res.setHeader(name, value);
    switch (passage.kind) {
      case 'refused':
        throw passage.error;
      case 'health':
        return passage.check === '/healthz' ? sendHealth(res) : sendReadiness(res, ready);
      case 'login':
        return api.handle(req, res, { client: passage.client, principal: undefined });
      case 'program login':
        req.url = `${JUPYTER_LOGIN}?${passage.query}`;
        return api.handle(req, res, { client: passage.client, principal: undefined });
      case 'admitted':
        return this.#serve(req, res, passage.admission);
      default:
        return sendAnswer(res, passage);
    }
  }

  async #serve(req: IncomingMessage, res: ServerResponse, admission: Admission): Promise<void> {
    const { api, base, unread, channel, proxy, posted } = this.#parts;
    const { client, principal, target } = admission;
    if (isOwn(target.path)) {
      orThrow(decide(principal, { kind: 'page', path: target.path }));
      return api.handle(req, res, { client, principal });
    }
    endWith(principal, res);
    const path = base.below(target.path);
    // Jupyter's menu leads there; its own page would say “logged out” to a user who isn't.
    if (path === '/logout' && isNavigation(req)) return sendRedirect(res, '/spin/logout');
    const notice = isNavigation(req) ? unread.notice(path) : undefined;
    if (notice !== undefined) throw new GatewayError('PATH_NOT_ALLOWED', notice);
    res.once('finish', () => channel.kernels.answered(req.method, path, res.statusCode));
    const subject = { kind: 'request', method: req.method ?? '', path, unread } as const;
    const { treatment } = orThrow(decide(principal, subject));
    proxy.handle(req, res, this.#withLogin(admission), await posted.look(req, res, path, treatment));
  }

  async #connect(req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { gate, channel, unread, posted } = this.#parts;
    const admission = this.#withLogin(await gate.upgrade(req));
    const { path } = admission.target;
    // Of the gateway's own none is a websocket.
    if (isOwn(path)) throw new GatewayError('PATH_NOT_ALLOWED', 'There is no websocket at that address.');
    const below = belowBase(path, channel.upstream().basePath);
    const kernelId = kernelOf(below);
    if (kernelId !== undefined) {
      orThrow(decide(admission.principal, { kind: 'websocket', path: below, read: true }));
      return connectChannel(channel, kernelId, admission, req, socket, head);
    }
    const checkValues = (of: string) => posted.checkValues(of);
    await connectTunnel({ ...channel, unread, checkValues }, admission, req, socket, head);
  }

  /** With that by which Jupyter knows the person again. */
  #withLogin(admission: Admission): Admission {
    const login = this.#parts.logins.of(admission.principal);
    return login === undefined ? admission : { ...admission, login };
  }
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

/** A download or an event stream goes on for hours: not beyond its principal. */
function endWith({ ended }: Principal, res: ServerResponse): void {
  if (ended === undefined) return;
  if (ended.aborted) throw new GatewayError('UNAUTHENTICATED');
  const end = () => res.destroy();
  ended.addEventListener('abort', end, { once: true });
  res.once('close', () => ended.removeEventListener('abort', end));
}
