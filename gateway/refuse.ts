import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { GatewayError, Refusal } from './errors.js';
import { faultOf } from './fault.js';
import type { Log } from './log.js';
import { acceptsHtml, isNavigation } from './navigation.js';
import { escapeHtml, pageHeaders, renderPage } from './page.js';
import { REQUEST_ID, requestIdOf } from './request-id.js';
import { localUrl } from './safe-url.js';
import { tallyOf } from './tally.js';

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

/** Seconds until a page about Jupyter loads itself again, and what scripts are told in Retry-After. */
const retries: Partial<Record<Refusal, number>> = {
  UPSTREAM_STARTING: 2,
  UPSTREAM_DOWN: 5,
  UPSTREAM_STOPPED: 5,
  UPSTREAM_TIMEOUT: 5,
};

/** After these nobody knows where the next request on the connection would begin. */
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
 * Sends a browser elsewhere on this site. Without a referrer: the URL it comes from may hold a token.
 *
 * @param location a path
 * @param cookie a `Set-Cookie` value
 */
export function sendRedirect(res: ServerResponse, location: string, cookie?: string): void {
  if (cookie !== undefined) res.setHeader('set-cookie', cookie);
  res.setHeader('location', location);
  res.setHeader('cache-control', 'no-store');
  res.setHeader('referrer-policy', 'no-referrer');
  res.setHeader('content-length', 0);
  res.statusCode = 302;
  res.end();
}

/**
 * Refuses an upgrade with a plain HTTP response (RFC 6455 section 4.2.2) and closes the connection, also
 * when the client would keep its half open.
 */
export function refuseUpgrade(req: IncomingMessage, socket: Duplex, error: GatewayError): void {
  // The client may be gone; nobody else listens on this socket any more.
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

/**
 * The one log line of a refusal, at most one a second for each kind and address: never the query, which may hold a token. What made the gateway itself fail
 * is logged with its place, since the client isn't told; without its text, as an invalid URL quotes its token.
 */
export function logRefusal(log: Log, req: IncomingMessage, address: string, error: GatewayError): void {
  tallyOf(log).tell(`${error.code} ${address}`, (more) => {
    const line = {
      event: 'refusal',
      request: requestIdOf(req),
      code: error.code,
      status: error.status,
      address,
      method: req.method,
      path: req.url?.replace(/[?#].*$/s, ''),
      ...(more > 0 && { more }),
    };
    if (error.code === 'INTERNAL') log.error({ ...line, fault: faultOf(error.cause) }, error.message);
    // Nobody is refused who waits for Jupyter: their page asks every two seconds.
    else if (error.code === 'UPSTREAM_STARTING') log.debug(line, error.message);
    else log.warn(line, error.message);
  });
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
  if (busy) parts.push('<p class="quiet">This page moves on by itself.</p>');
  else if (refresh !== undefined) {
    parts.push(`<p class="quiet">This page looks every ${refresh} seconds and moves on by itself.</p>`);
  }
  if (error.code === 'FORBIDDEN' || error.code === 'UNAUTHENTICATED') {
    parts.push('<a class="button" href="/spin/login">Log in</a>');
  } else if (error.code === 'NOT_FOUND' || error.code === 'PATH_NOT_ALLOWED') {
    parts.push('<p><a href="/">To Jupyter</a></p>');
  }
  // What to quote to whoever reads the log.
  parts.push(`<p class="quiet">Request <code>${escapeHtml(id)}</code></p>`);
  return renderPage({ title, body: parts.join('\n'), ...(refresh !== undefined && { refresh }) });
}

function loginPath(url: string | undefined): string {
  const next = localUrl(url);
  return next === '/' ? '/spin/login' : `/spin/login?next=${encodeURIComponent(next)}`;
}
