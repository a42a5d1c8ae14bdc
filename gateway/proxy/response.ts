import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Admission } from '../edge/admission.js';
import { GatewayError } from '../errors.js';
import { towardsClient } from './headers.js';
import { checkHub } from './hub.js';
import { belowBase } from './paths.js';
import { createScrubber } from './scrub.js';
import type { Upstream } from './upstream.js';

/** The content codings that can be undone here (RFC 9110 section 8.4.1). */
const decoders: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/**
 * Asks Jupyter for nothing that couldn't be scrubbed: a page load for plain text, everything else for the codings
 * that can be undone, should a script ask for a page. Without a token to scrub, the client's codings are asked for.
 *
 * @param headers towards the upstream; names in lower case
 */
export function answersAcceptable(headers: IncomingHttpHeaders, { token }: Upstream): IncomingHttpHeaders {
  if (!token) return headers;
  if (/\btext\/html\b/i.test(headers.accept ?? '')) return { ...headers, 'accept-encoding': 'identity' };
  const wish = (headers['accept-encoding'] ?? '').split(',').map((coding) => coding.trim());
  const known = wish.filter((coding) => decoders.has((coding.split(';')[0] ?? '').trim().toLowerCase()));
  return { ...headers, 'accept-encoding': known.join(', ') || 'identity' };
}

/**
 * Sends Jupyter's response on as it comes: compressed as it is, nothing held back. From a page the upstream's token is
 * taken out, decompressed where Jupyter compressed it unasked.
 *
 * @throws {GatewayError} UPSTREAM_REFUSED when Jupyter asks for its own login, or sends a page that can't be read;
 *   nothing has been sent then
 */
export function sendResponse(
  response: IncomingMessage,
  req: IncomingMessage,
  res: ServerResponse,
  { client, target }: Admission,
  upstream: Upstream,
): void {
  if (isLogin(response, upstream)) throw new GatewayError('UPSTREAM_REFUSED');
  checkHub(response.statusCode, response.headers, upstream);
  // A parser takes any three digits, and what is set before a failure would stand in the refusal.
  if ((response.statusCode ?? 0) < 100) throw new GatewayError('UPSTREAM_REFUSED');
  const headers = towardsClient(response.headers, client, upstream);
  const scrubbed =
    upstream.token && hasPage(response, req) && mayHoldToken(belowBase(target.path, upstream.basePath));
  const filters = upstream.token && scrubbed ? scrubbing(headers, upstream.token.reveal()) : [];
  setHeaders(res, headers);
  // People see the reason phrase: Tornado and JupyterLab put their explanations there.
  res.writeHead(response.statusCode ?? 502, response.statusMessage?.replace(/[^\t\x20-\x7e\x80-\xff]/g, ''));
  // A stream's first event may be long in coming; its reader waits for the head alone.
  if (headers['content-length'] === undefined) res.flushHeaders();
  // Without filters http-proxy itself ends each end with the other: a pipeline costs more than all else here.
  if (filters.length === 0) response.pipe(res);
  else pipeline([response, ...filters, res], () => {});
}

/** Jupyter sends a user it doesn't know to `/login?next=…`: a login there could never succeed from here. */
function isLogin({ statusCode = 0, headers: { location } }: IncomingMessage, upstream: Upstream): boolean {
  if (statusCode < 300 || statusCode > 399 || location === undefined) return false;
  if (!URL.canParse(location, upstream.origin)) return false;
  const { origin, pathname, searchParams } = new URL(location, upstream.origin);
  return origin === upstream.origin && pathname === `${upstream.basePath}/login` && searchParams.has('next');
}

/**
 * Where people's own files come from, also converted, and what other servers say (jupyter-server-proxy): nothing there
 * is a page that Jupyter writes its token into, and what looks like the token is a user's text.
 */
const OTHERS = /^\/(?:files|nbconvert|view|proxy|static|api)(?:\/|$)/i;

/**
 * True where Jupyter's own pages are, or an extension's.
 *
 * @param path below the base path
 */
export function mayHoldToken(path: string): boolean {
  return !OTHERS.test(path);
}

/** A part of a page, by ranges, is a file's: what Jupyter makes for each request comes whole (RFC 9110 section 15.3.7). */
function hasPage({ statusCode, headers }: IncomingMessage, { method }: IncomingMessage): boolean {
  if (method === 'HEAD' || statusCode === 204 || statusCode === 206 || statusCode === 304) return false;
  if (/^attachment\b/i.test(headers['content-disposition']?.trim() ?? '')) return false;
  return /^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers['content-type']?.trim() ?? '');
}

/** Changes `headers` to fit what the returned filters make of the body. */
function scrubbing(headers: IncomingHttpHeaders, token: string): Transform[] {
  const coding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const decoder = decoders.get(coding);
  if (coding !== 'identity' && decoder === undefined) {
    throw new GatewayError(
      'UPSTREAM_REFUSED',
      'Jupyter sent a page in an encoding that this gateway cannot read.',
    );
  }
  delete headers['content-encoding'];
  delete headers['content-length'];
  return decoder ? [decoder(), createScrubber(token)] : [createScrubber(token)];
}

/** What the gateway has set already wins; lists are joined. */
function setHeaders(res: ServerResponse, headers: IncomingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const own = res.getHeader(name);
    if (own === undefined) res.setHeader(name, value);
    else if (name === 'set-cookie') res.setHeader(name, [own, value].flat().map(String));
    else if (name === 'vary') res.setHeader(name, `${own}, ${value}`);
  }
}
