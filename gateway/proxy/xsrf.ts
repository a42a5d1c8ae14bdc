import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Methods that Tornado asks no proof for (`RequestHandler._execute`). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** `2|mask|masked token|time`, or a token of Tornado's first version (`RequestHandler._decode_xsrf_token`). */
const READABLE = /^(?:2\|[\da-f]{8}\|(?:[\da-f]{2})+\|\d+|[^|]+)$/i;

/**
 * Gives a request the proof that a Jupyter without a token asks for: a header equal to the cookie `_xsrf`
 * (https://www.tornadoweb.org/en/stable/guide/security.html). Where a token comes with the request Jupyter asks for none.
 * Whether another site's page has sent the request the gateway has judged already, by Origin (invariant S5).
 *
 * A cookie that the client has stays: the field of a form that Jupyter made fits to that one. One that Tornado can't read,
 * of another program at the same host, would be refused; a new one behind it counts in its place.
 *
 * @param headers towards Jupyter; names in lower case
 */
export function withXsrfProof(method: string, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  if (SAFE.has(method)) return headers;
  const found = cookieIn(headers.cookie ?? '');
  const own = found !== undefined && READABLE.test(found) ? found : undefined;
  const proof = own ?? randomBytes(16).toString('hex');
  const cookie =
    own === undefined ? [headers.cookie, `_xsrf=${proof}`].filter(Boolean).join('; ') : undefined;
  return { ...headers, ...(cookie !== undefined && { cookie }), 'x-xsrftoken': proof };
}

/** The last of several, for other paths or ports, as Python's cookie parser has it. */
function cookieIn(header: string): string | undefined {
  const values = header
    .split(';')
    .map((pair) => /^\s*_xsrf=\s*"?([^"]*?)"?\s*$/.exec(pair)?.[1])
    .filter((value) => value !== undefined && value !== '');
  return values.at(-1);
}
