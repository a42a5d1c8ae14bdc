import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.js';
import type { Client } from './admission.js';
import { fitsXsrfCookie } from './xsrf.js';

/** Methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

const FOREIGN_PAGE =
  "A page of another origin must send the token. The login cookie works only on this runtime's own pages.";

/** What `Sec-Fetch-Site` says of this runtime's own pages, and of what a person typed or opened from a bookmark. */
const OWN_SITE = new Set(['same-origin', 'none']);

/**
 * Refuses what another site's page sends (invariant S5). The gateway's own check, because Jupyter skips its
 * Origin and XSRF checks for requests with a token, and behind the gateway all of them have one. It comes before
 * identity; for a cookie {@link checkCookieOrigin} follows.
 *
 * Comparison is exact: no prefix, no suffix, no wildcard; `null` (sandboxed frames, `data:` pages, `file:`)
 * is not an allowed origin unless it is listed. Several Origin headers arrive joined and match nothing.
 *
 * @throws {GatewayError} ORIGIN_NOT_ALLOWED
 */
export function checkOrigin(req: IncomingMessage, client: Client, allowedOrigins: readonly string[]): void {
  const { origin } = req.headers;
  if (origin === undefined || origin === client.origin || allowedOrigins.includes(origin)) return;
  throw new GatewayError('ORIGIN_NOT_ALLOWED', reasonFor(origin, client));
}

/**
 * What a cookie asks beyond {@link checkOrigin}, since a browser adds it for every page:
 * - it counts only on this runtime's own pages; a listed origin sends the token,
 * - what changes something or opens a websocket needs an Origin. Every browser sends one with those, so
 *   `Sec-Fetch-Site` doesn't stand in for it. The header `X-XSRFToken` that repeats the cookie `_xsrf` does: a page of
 *   another origin can't send it without a preflight, nor on a websocket at all, so that it comes from a program that
 *   logged in as Jupyter's clients do (VS Code),
 * - what a page loads without one (`<script>`, `<img>`: another port's page is of the same site, and gets the
 *   cookie sent) must be this runtime's own page; a link may be on any page. Jupyter judges `/files/` by Referer,
 *   but not where a token comes with it. Source: Fetch Metadata, https://www.w3.org/TR/fetch-metadata/
 *
 * @throws {GatewayError} ORIGIN_NOT_ALLOWED or ORIGIN_REQUIRED
 */
export function checkCookieOrigin(req: IncomingMessage, client: Client): void {
  const { origin, upgrade } = req.headers;
  if (origin === client.origin) return;
  if (origin !== undefined) throw new GatewayError('ORIGIN_NOT_ALLOWED', FOREIGN_PAGE);
  const changes = upgrade !== undefined || !SAFE_METHODS.has(req.method ?? '');
  if (changes && !fitsXsrfCookie(req, req.headers['x-xsrftoken'])) throw new GatewayError('ORIGIN_REQUIRED');
  if (isForeignLoad(req)) throw new GatewayError('ORIGIN_NOT_ALLOWED', FOREIGN_PAGE);
}

/**
 * The likeliest cause: where the page's name is the one that was asked, a proxy in front has changed port or scheme.
 *
 * @returns undefined for another site's page
 */
function reasonFor(origin: string, client: Client): string | undefined {
  if (!URL.canParse(origin) || !URL.canParse(client.origin)) return undefined;
  const [page, asked] = [new URL(origin), new URL(client.origin)];
  if (page.hostname !== asked.hostname || page.origin === 'null') return undefined;
  return `The page is from ${page.origin}, but the request arrived as one to ${asked.origin}. If there is a proxy in front, set SPIN_PUBLIC_URL=${page.origin}, or let the proxy forward Host and the scheme as the browser sent them. Any other page of that origin needs SPIN_ALLOWED_ORIGINS.`;
}

/** True when the browser says that another origin's page loads this, other than by leading its reader here. */
function isForeignLoad({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return site !== undefined && !OWN_SITE.has(String(site)) && headers['sec-fetch-mode'] !== 'navigate';
}
