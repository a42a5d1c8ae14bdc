import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { createProxyServer } from 'http-proxy';
import type { Admission } from '../edge/admission.js';
import { asGatewayError, GatewayError } from '../errors.js';
import { decide } from '../policy/decide.js';
import { orThrow } from '../policy/decision.js';
import type { Unread } from '../policy/unread.js';
import { towardsUpstream } from './headers.js';
import { checkRunning, isDoubtful } from './hub.js';
import { loginAt } from './jupyter-logins.js';
import { isLarge, offer } from './offer.js';
import { belowBase, redirectToBase } from './paths.js';
import { checkFraming, hasBody } from './request-length.js';
import { answersAcceptable, mayHoldToken, sendResponse } from './response.js';
import { addressOf, createAgents, type Upstream, type UpstreamSource } from './upstream.js';
import { withXsrfProof } from './xsrf.js';

/** How long Jupyter may take, in milliseconds. */
export interface Patience {
  /** Until a connection is open, TLS included. */
  readonly connect: number;
  /** Silence before the first byte of a response: to start a kernel or convert a notebook takes minutes. */
  readonly answer: number;
}

const defaultPatience: Patience = { connect: 10_000, answer: 300_000 };

export interface HttpProxyOptions {
  readonly upstream: UpstreamSource;
  readonly unread: Unread;
  /** Tells the client; never called after a response has begun. */
  readonly refuse: (req: IncomingMessage, res: ServerResponse, error: GatewayError) => void;
  /** Called for each 401 and 403 that Jupyter answers. */
  readonly onForbidden?: () => void;
  readonly patience?: Patience;
}

export interface HttpProxy {
  /**
   * Passes an admitted request to Jupyter and the response back, streaming both ways. It owns both from here on:
   * `req.url` and `req.headers` become what Jupyter gets. Headers that are already set on `res` (a renewed session,
   * CORS) stay.
   *
   * @param cleared says that the watch over kernels let it pass, and the body in place of what was read of it there;
   *   without it no request passes that could reach a kernel by another way than its channel
   */
  handle(req: IncomingMessage, res: ServerResponse, admission: Admission, cleared?: Cleared): void;
  /** Closes the connections that are kept for later requests. */
  close(): void;
}

/** A request that was looked into on its way here. */
export interface Cleared {
  /** Undefined: nothing of it was read. */
  readonly body: Buffer | undefined;
}

/** One request on its way. */
interface Exchange {
  readonly admission: Admission;
  readonly upstream: Upstream;
  /** Called with the cookies that Jupyter's answer sets. */
  readonly sets: (cookies: readonly string[]) => void;
  /** True while a failure may be answered by sending the request again. */
  repeatable: boolean;
  readonly sendsBody: boolean;
  /** What is sent in place of the request's own body. */
  readonly body: Buffer | undefined;
  asked: ClientRequest | undefined;
  /** Takes a large body, once Jupyter hasn't refused it. */
  readonly held: PassThrough | undefined;
  /** What had been read from the upstream's connection before this request. */
  readBefore: number;
  answered: boolean;
}

/** RFC 9110 section 9.2.2: what may be sent again without knowing whether it arrived. */
const idempotent: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

export function createHttpProxy({
  upstream,
  unread,
  refuse,
  onForbidden = () => {},
  patience = defaultPatience,
}: HttpProxyOptions): HttpProxy {
  const agents = createAgents();
  const exchanges = new WeakMap<IncomingMessage, Exchange>();
  const proxy = createProxyServer({ selfHandleResponse: true });

  proxy.on('proxyReq', (asked, req, res) => {
    const exchange = exchanges.get(req);
    if (!exchange) return;
    exchange.asked = asked;
    exchange.readBefore = asked.socket?.bytesRead ?? 0;
    limit(asked, exchange.upstream, patience);
    if (exchange.held) offer(asked, req, exchange.held);
    // The gateway asked for no other protocol; without a listener node would drop the connection and say nothing.
    asked.once('upgrade', (_response, socket) => {
      socket.destroy();
      fail(req, res, new GatewayError('UPSTREAM_REFUSED', 'Jupyter answered in another protocol.'));
    });
  });
  proxy.on('proxyRes', (response, req, res) => {
    const exchange = exchanges.get(req);
    if (!exchange) return;
    exchange.answered = true;
    exchange.sets(response.headers['set-cookie'] ?? []);
    if (response.statusCode === 401 || response.statusCode === 403) onForbidden();
    const send = () => sendResponse(response, req, res, exchange.admission, exchange.upstream);
    const giveUp = (error: unknown) => {
      response.destroy();
      fail(req, res, asGatewayError(error));
    };
    if (req.method !== 'GET' && isDoubtful(response.statusCode, exchange.upstream)) {
      checkRunning(exchange.upstream).then(send).catch(giveUp);
      return;
    }
    try {
      send();
    } catch (error) {
      giveUp(error);
    }
  });
  proxy.on('error', (error, req, res) => {
    const exchange = req && exchanges.get(req);
    if (!exchange || !res || !('writeHead' in res)) return;
    if (shouldRepeat(exchange, error) && !res.destroyed) {
      exchange.repeatable = false;
      // Both tries watch the same response.
      res.setMaxListeners(2 * res.getMaxListeners());
      send(req, res, exchange, true);
      return;
    }
    fail(req, res, hungUp(exchange, error) ? new GatewayError('UPSTREAM_DOWN', HUNG_UP) : unreachable(error));
  });

  function fail(req: IncomingMessage, res: ServerResponse, error: GatewayError): void {
    if (res.destroyed || res.writableEnded) return;
    if (res.headersSent) res.destroy();
    else refuse(req, res, error);
  }

  /** @param again on a new connection, without the body that a repeatable request doesn't have */
  function send(req: IncomingMessage, res: ServerResponse, exchange: Exchange, again: boolean): void {
    const { body } = exchange;
    const options = {
      target: addressOf(exchange.upstream),
      agent: again ? false : agents.for(exchange.upstream),
      ...((again || body) && { buffer: Readable.from(body ? [body] : []) }),
      ...(exchange.held && { buffer: exchange.held }),
    };
    // What fails comes as an event; the promise only says the same.
    proxy.web(req, res, options).catch((error) => fail(req, res, unreachable(error)));
  }

  return {
    handle(req, res, admission, cleared) {
      try {
        const to = upstream();
        const { target, client, principal } = admission;
        if (to.basePath !== '' && target.path === '/') {
          redirectToBase(res, to.basePath);
          return;
        }
        const path = belowBase(target.path, to.basePath);
        const subject = { kind: 'request', method: req.method ?? '', path, unread } as const;
        const { treatment } = orThrow(decide(principal, subject));
        if ((treatment === 'posted' || treatment === 'careful') && !cleared)
          throw new GatewayError('PATH_NOT_ALLOWED');
        checkFraming(req);
        const sendsBody = hasBody(req);
        const repeatable = idempotent.has(req.method ?? '') && !sendsBody;
        req.url = target.query === '' ? target.path : `${target.path}?${target.query}`;
        const { body } = cleared ?? {};
        if (body) setLength(req, body.length);
        const login = loginAt(path, admission);
        const sent = login?.cookie;
        const headers = towardsUpstream(req.headers, client, to, sent);
        const proven = to.token ? headers : withXsrfProof(req.method ?? '', headers);
        req.headers = mayHoldToken(path) ? answersAcceptable(proven, to) : proven;
        const exchange = {
          admission,
          upstream: to,
          sets: (cookies: readonly string[]) => login?.keep(sent, cookies),
          repeatable,
          sendsBody,
          body,
          held: body === undefined && isLarge(req) ? new PassThrough() : undefined,
          asked: undefined,
          readBefore: 0,
          answered: false,
        };
        exchanges.set(req, exchange);
        send(req, res, exchange, false);
      } catch (error) {
        fail(req, res, asGatewayError(error));
      }
    },
    close: () => agents.close(),
  };
}

const HUNG_UP =
  'Jupyter closed the connection during this upload. It may be larger than Jupyter accepts (ServerApp.max_body_size).';

/** Whether the connection stood, and broke while a body was on its way. */
function hungUp({ asked, sendsBody, answered }: Exchange, error: Error): boolean {
  const code = 'code' in error ? error.code : undefined;
  return (
    sendsBody &&
    !answered &&
    (asked?.socket?.bytesWritten ?? 0) > 0 &&
    (code === 'EPIPE' || code === 'ECONNRESET')
  );
}

/** A kept connection may be closed just when it is used again: then the request never reached Jupyter. */
function shouldRepeat({ asked, repeatable, answered, readBefore }: Exchange, error: Error): boolean {
  return (
    repeatable &&
    !answered &&
    !(error instanceof GatewayError) &&
    asked?.reusedSocket === true &&
    asked.socket?.bytesRead === readBefore
  );
}

/** What was read may have come in pieces of unknown length. */
function setLength({ headers }: IncomingMessage, bytes: number): void {
  delete headers['transfer-encoding'];
  headers['content-length'] = String(bytes);
}

function limit(asked: ClientRequest, { origin }: Upstream, patience: Patience): void {
  asked.setTimeout(patience.answer, () => asked.destroy(new GatewayError('UPSTREAM_TIMEOUT')));
  asked.once('response', () => asked.setTimeout(0));
  if (asked.reusedSocket) return;
  const timer = setTimeout(() => asked.destroy(new GatewayError('UPSTREAM_DOWN')), patience.connect);
  asked.socket?.once(origin.startsWith('https:') ? 'secureConnect' : 'connect', () => clearTimeout(timer));
  asked.once('close', () => clearTimeout(timer));
}

function unreachable(error: Error): GatewayError {
  return error instanceof GatewayError
    ? error
    : new GatewayError('UPSTREAM_DOWN', undefined, { cause: error });
}
