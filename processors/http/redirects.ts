import { CellError } from '../core/processor.js';
import { linkBelow, placeOf } from './place.js';
import type { HttpAnswer, HttpRequest } from './send.js';
import { statusLine } from './status-line.js';

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** A server that redirects more often goes in circles. */
export const MOST_REDIRECTS = 10;

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/**
 * The same request to where a service sends on (RFC 9110 section 15.4; methods as in
 * https://fetch.spec.whatwg.org/#http-redirect-fetch), which has to be below the connection's URL: its credentials go
 * nowhere else (invariant S12).
 *
 * @param base of the connection
 * @returns undefined when the answer is no redirect
 * @throws {CellError} for one that leads elsewhere
 */
export function redirected(base: string, request: HttpRequest, answer: HttpAnswer): HttpRequest | undefined {
  const { status, headers } = answer;
  if (!isRedirect(status)) return undefined;
  const url = placeBelowIn(base, headers.location ?? '', request.url);
  if (url === undefined) throw notFollowed(request.url, status, headers.location);
  const { method } = request;
  const becomesGet =
    (status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST');
  if (!becomesGet) return { ...request, url };
  const kept = Object.entries(request.headers).filter(([name]) => !/^content-/i.test(name));
  return { ...request, method: 'GET', url, headers: Object.fromEntries(kept), body: undefined };
}

export function inCircles(url: URL): CellError {
  return new CellError(`${placeOf(url)} redirects in a loop: it did so ${MOST_REDIRECTS} times.`);
}

/** Also at the https of the same host: where credentials went before, and safer. */
function placeBelowIn(base: string, location: string, from: URL): URL | undefined {
  if (location === '' || /[\x00-\x20\x7f\\]/.test(location)) return undefined;
  // Bytes beyond ASCII as they came, of which undici makes characters of Latin-1.
  const link = location.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const root = new URL(base);
  const below = linkBelow(base, link, from);
  if (below !== undefined || root.protocol !== 'http:' || root.port !== '') return below;
  root.protocol = 'https:';
  return linkBelow(root.href, link, from);
}

/** Names the other server, and no other part of its address. */
function notFollowed(from: URL, status: number, location = ''): CellError {
  const to = location !== '' && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  const where =
    to === undefined || !/^https?:$/.test(to.protocol)
      ? "an address that a cell can't follow"
      : to.origin === from.origin
        ? "a path outside the connection's url"
        : `${to.protocol}//${placeOf(to)}`;
  return new CellError(
    `${placeOf(from)} redirects to ${where} (${statusLine(status)}), which is not followed with ` +
      "credentials. Ask for the final address, or put it into the connection's url.",
  );
}
