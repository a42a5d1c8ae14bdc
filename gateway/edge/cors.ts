import type { IncomingMessage } from 'node:http';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
/** What `@jupyterlab/services` sets (serverconnection.ts) beyond the safelisted ones. */
const REQUEST_HEADERS = 'authorization, content-type, x-xsrftoken';
/** What Jupyter clients may want to read beyond the safelisted ones: created items, downloads, paging, waits. */
const RESPONSE_HEADERS = 'content-disposition, date, etag, link, location, retry-after, x-request-id';
/** Seconds that a browser keeps a preflight's answer; Chromium's own upper bound. */
const PREFLIGHT_AGE = '7200';

/**
 * The CORS headers of a response (https://fetch.spec.whatwg.org/#http-cors-protocol), in place of Jupyter's
 * own. They allow credentials, since some pages (Colab) ask with cookies whatever the server is; the login's cookie still
 * doesn't count there (invariant S5): from another origin only a token does. `Vary` comes also where no Origin was sent, so that no cache answers a
 * listed origin with what it kept for another page.
 */
export function corsHeaders(
  req: IncomingMessage,
  allowedOrigins: readonly string[],
): Readonly<Record<string, string>> {
  if (allowedOrigins.length === 0) return {};
  const { origin } = req.headers;
  if (origin === undefined || !allowedOrigins.includes(origin)) return { vary: 'Origin' };
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': RESPONSE_HEADERS,
  };
}

/**
 * The answer to a preflight of a listed origin; Jupyter never sees it (it would want a token, which preflights
 * can't carry).
 *
 * @returns undefined when this is something else
 */
export function preflightHeaders(
  req: IncomingMessage,
  allowedOrigins: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const { origin } = req.headers;
  const asked = req.headers['access-control-request-method'];
  if (req.method !== 'OPTIONS' || origin === undefined || asked === undefined) return undefined;
  if (!allowedOrigins.includes(origin)) return undefined;
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': METHODS,
    'access-control-allow-headers': REQUEST_HEADERS,
    'access-control-max-age': PREFLIGHT_AGE,
  };
}
