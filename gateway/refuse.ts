import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { sendRedirect } from './answer.js';
import type { GatewayError, Refusal } from './errors.js';
import type { Refusal as RefusalEvent, Tell } from './events/events.js';
import { faultOf } from './fault.js';
import { acceptsHtml, isNavigation } from './navigation.js';
import { escapeHtml, pageHeaders, renderPage } from './page.js';
import { REQUEST_ID, requestIdOf } from './request-id.js';
import { localUrl } from './safe-url.js';

/** Headings of the pages; what happened and what to do is the refusal's own sentence below. */
const headings: Partial<Record<Refusal, string>> = {
  UNAUTHENTICATED: 'Please log in',
  FORBIDDEN: 'Wrong token',
  THROTTLED: 'Too many tries',
  HOST_NOT_ALLOWED: 'Unknown host name',
  ORIGIN_NOT_ALLOWED: 'Another site sent you here',
  ORIGIN_REQUIRED: 'Refused',
  TLS_REQUIRED: 'Use https',
  NOT_FOUND: 'Nothing here',
  PATH_NOT_ALLOWED: 'Not allowed',
  NOT_PERMITTED: 'Not allowed',
  UPSTREAM_STARTING: 'Jupyter is starting',
  UPSTREAM_DOWN: 'Jupyter is down',
  UPSTREAM_STOPPED: 'Jupyter is not running',
  UPSTREAM_TIMEOUT: 'Jupyter is not answering',
  UPSTREAM_REFUSED: 'Jupyter refused the gateway',
  HEADERS_TOO_LARGE: 'Too many cookies',
  INTERNAL: 'Something went wrong',
};

/** Seconds until a page about Jupyter loads itself again; scripts get the same in Retry-After. */
const retries: Partial<Record<Refusal, number>> = {
  UPSTREAM_STARTING: 2,
  UPSTREAM_DOWN: 5,
  UPSTREAM_STOPPED: 5,
  UPSTREAM_TIMEOUT: 5,
};

/** After these it is not known where the next request on the connection would begin. */
const UNFRAMED: ReadonlySet<Refusal> = new Set(['BAD_REQUEST', 'HEADERS_TOO_LARGE', 'REQUEST_TIMEOUT']);

/**
 * Tells a client that its request is refused: a page to people, `{ "code", "message" }` to programs. A
 * person who isn't logged in is sent to the login page and comes back from there. A response that has begun
 * is cut off, which is the only way left to say that it is incomplete.
 */
export function sendRefusal(req: IncomingMessage, res: ServerResponse, error: GatewayError): void {
  if (res.headersSent) {
    if (!res.writableEnded) res.destroy();
    return;
  }
  const id = requestIdOf(req);
  res.setHeader(REQUEST_ID, id);
  for (const [name, value] of Object.entries(refusalHeaders(error))) res.setHeader(name, value);
  if (error.code === 'UNAUTHENTICATED' && isNavigation(req)) {
    sendRedirect(res, loginPath(req.url));
    return;
  }
  const html = acceptsHtml(req);
  const body = html ? refusalPage(error, isNavigation(req), id) : refusalJson(error, id);
  const headers = html ? pageHeaders('no-referrer') : JSON_HEADERS;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader('content-length', Buffer.byteLength(body));
  res.statusCode = error.status;
  res.end(body);
}

/**
 * Refuses an upgrade with a plain HTTP response (RFC 6455 section 4.2.2) and closes the connection, also
 * when the client would keep its half open.
 */
export function refuseUpgrade(req: IncomingMessage, socket: Duplex, error: GatewayError): void {
  // The client may be gone; nothing else listens on this socket any more.
  socket.on('error', () => socket.destroy());
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const id = requestIdOf(req);
  const body = refusalJson(error, id);
  const headers = { connection: 'close', [REQUEST_ID]: id, ...refusalHeaders(error), ...JSON_HEADERS };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  lines.push(`content-length: ${Buffer.byteLength(body)}`);
  socket.once('finish', () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${body}`,
  );
}

/** Reports a refusal. A failure of the gateway itself is reported with its place, as the client isn't told it. */
export function refusalOf(req: IncomingMessage, address: string, error: GatewayError): RefusalEvent {
  const { code, status, message } = error;
  return {
    kind: 'refusal',
    request: requestIdOf(req),
    code,
    status,
    message,
    address,
    method: req.method,
    // Never the query, which may hold a token.
    path: req.url?.replace(/[?#].*$/s, ''),
    // Without its text: an invalid URL quotes its token.
    ...(code === 'INTERNAL' && { fault: faultOf(error.cause) }),
  };
}

/** Refuses what the gateway doesn't serve: tells it as an event, and answers the client. */
export interface Refuse {
  /** @param address the client's, where it is known already */
  request(req: IncomingMessage, res: ServerResponse, error: GatewayError, address?: string): void;
  upgrade(req: IncomingMessage, socket: Duplex, error: GatewayError): void;
}

/** @param addressOf the client's address */
export function createRefuse(tell: Tell, addressOf: (req: IncomingMessage) => string): Refuse {
  return {
    request(req, res, error, address = addressOf(req)) {
      tell(refusalOf(req, address, error));
      sendRefusal(req, res, error);
    },
    upgrade(req, socket, error) {
      tell(refusalOf(req, addressOf(req), error));
      refuseUpgrade(req, socket, error);
    },
  };
}

const JSON_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

export function refusalJson({ code, message }: GatewayError, request: string): string {
  return JSON.stringify({ code, message, request });
}

function refusalHeaders(error: GatewayError): Record<string, string> {
  const retryAfter = error.retryAfter ?? retries[error.code];
  return {
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    // RFC 9110 section 15.5.2 wants a challenge; a browser shows no dialog for this scheme (RFC 6750).
    ...(error.code === 'UNAUTHENTICATED' && { 'www-authenticate': 'Bearer realm="SPIN Runtime"' }),
    // RFC 9110 section 15.5.22.
    ...(error.code === 'TLS_REQUIRED' && { upgrade: 'TLS/1.2, HTTP/1.1', connection: 'upgrade, close' }),
    ...(UNFRAMED.has(error.code) && { connection: 'close' }),
  };
}

/** @param navigation whether the page may load itself again. @param id the request's */
export function refusalPage(error: GatewayError, navigation: boolean, id: string): string {
  const refresh = navigation ? retries[error.code] : undefined;
  const title = headings[error.code] ?? 'Bad request';
  const parts = [`<h1>${escapeHtml(title)}</h1>`];
  const busy = refresh !== undefined && error.code === 'UPSTREAM_STARTING';
  if (busy) parts.push('<div class="busy"></div>');
  parts.push(`<p>${escapeHtml(error.message)}</p>`);
  if (busy) parts.push('<p class="quiet">This page continues by itself.</p>');
  else if (refresh !== undefined)
    parts.push(`<p class="quiet">This page checks every ${refresh} seconds and continues by itself.</p>`);
  if (error.code === 'FORBIDDEN' || error.code === 'UNAUTHENTICATED')
    parts.push('<a class="button" href="/spin/login">Log in</a>');
  else if (error.code === 'NOT_FOUND' || error.code === 'PATH_NOT_ALLOWED')
    parts.push('<p><a href="/">Go to Jupyter</a></p>');
  // What to quote to the operator, who reads the log.
  parts.push(`<p class="quiet">Request <code>${escapeHtml(id)}</code></p>`);
  return renderPage({ title, body: parts.join('\n'), ...(refresh !== undefined && { refresh }) });
}

function loginPath(url: string | undefined): string {
  const next = localUrl(url);
  return next === '/' ? '/spin/login' : `/spin/login?next=${encodeURIComponent(next)}`;
}
