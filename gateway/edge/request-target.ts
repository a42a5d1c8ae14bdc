import { GatewayError } from '../errors.js';
import { splitTokenParameters } from '../safe-url.js';
import type { Target } from './admission.js';
import { parseAuthority } from './hosts.js';

/** Printable ASCII only (RFC 3986 section 2), and no `#`: a fragment is the browser's. */
const FORBIDDEN_IN_TARGET = /[^\x21-\x7e]|#/;
const BAD_ESCAPE = /%(?![0-9a-f]{2})/i;
/**
 * Escapes that no name needs: NUL, which no file's name can hold, and letters, digits, `-` and `_`, which no client
 * escapes (RFC 3986 section 2.3) but some servers decode, so that `%65xecute` would dodge a rule on `execute`.
 * Jupyter's router (Tornado's `PathMatches`) parts a path at its slashes first and decodes each part then, once: `%2F`,
 * `%5C` and control characters inside a segment are a name's, and pass as they were sent.
 */
const HIDING_ESCAPE = /%(?:00|2d|5f|3[0-9]|[46][1-9a-f]|[57][0-9a])/i;
/** On the path with its slashes, backslashes and dots decoded: a server that decodes before splitting it sees these. */
const DOT_SEGMENT = /[/\\]\.{1,2}(?=[/\\]|$)/;
/**
 * Jupyter's own routes have no empty segments, but a proxy in front of it may merge slashes, so that
 * `/api//kernels` would dodge a rule on `/api/kernels`.
 */
const EMPTY_SEGMENT = /^\/\/|^\/(?:api|terminals)\/.*\/\/|^\/(?:api|terminals)\/\//i;

/** A request target, and the token that came in it: apart, so that no part that gets the target gets the token. */
export interface ParsedTarget {
  readonly target: Target;
  /** The value of `?token=`, decoded; undefined when there is none, or an empty one. */
  readonly token: string | undefined;
}

/**
 * Splits a request target, once for all later stages, and refuses one that could leave the base path or dodge a rule
 * (invariant S8). Spaces, slashes, `%40`, `:` and UTF-8 in escapes, as names of files hold them, pass; the
 * escaping stays as it was sent.
 *
 * @param raw the target of the request line (`req.url`)
 * @param host the request's Host header: an absolute-form target must name the same authority
 *   (RFC 9112 section 3.2.2)
 * @throws {GatewayError} BAD_PATH; BAD_REQUEST for an absolute form that is not for this host
 */
export function parseTarget(raw: string, host: string): ParsedTarget {
  const whole = raw.startsWith('/') ? raw : originForm(raw, host);
  if (FORBIDDEN_IN_TARGET.test(whole)) throw new GatewayError('BAD_PATH');
  const mark = whole.indexOf('?');
  // Part of a name. Some servers read it as a slash (browsers never send it), but none does once it is escaped.
  const path = (mark === -1 ? whole : whole.slice(0, mark)).replaceAll('\\', '%5C');
  if (path.includes('%') && (BAD_ESCAPE.test(path) || HIDING_ESCAPE.test(path)))
    throw new GatewayError('BAD_PATH');
  if (DOT_SEGMENT.test(shapeOf(path)) || EMPTY_SEGMENT.test(path)) throw new GatewayError('BAD_PATH');
  const { query, token } = splitTokenParameters(mark === -1 ? '' : whole.slice(mark + 1));
  return { target: { path, query }, token };
}

/** A path as it looks to a server that decodes first and looks for segments then. */
function shapeOf(path: string): string {
  return path.replace(/%2f/gi, '/').replace(/%5c/gi, '\\').replace(/%2e/gi, '.');
}

function originForm(raw: string, host: string): string {
  const absolute = /^https?:\/\/([^/?#\\]+)(.*)$/is.exec(raw);
  if (absolute === null) throw new GatewayError('BAD_PATH');
  const [, authority = '', rest = ''] = absolute;
  const named = parseAuthority(authority);
  const asked = parseAuthority(host);
  if (named.name !== asked.name || named.port !== asked.port)
    throw new GatewayError('BAD_REQUEST', 'The request line names a different host than the Host header.');
  return rest.startsWith('/') ? rest : `/${rest}`;
}
