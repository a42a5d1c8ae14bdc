import { CellError } from '../core/processor.js';

/** How often a path is decoded: some servers do it twice. */
const DECODINGS = 4;

/**
 * The URL of a path below a connection's base URL, and of nothing else (invariants S8, S12): a path is refused if a
 * server, or a proxy before it, could read it as a step out of there, however it is encoded.
 *
 * @param base without query and fragment
 * @param target path and query, encoded; starts with `/`
 */
export function placeBelow(base: string, target: string): URL {
  const [path = ''] = target.split('?', 1);
  if (!path.startsWith('/') || path.startsWith('//'))
    throw new CellError('The path has to start with one /.');
  const root = new URL(base);
  const prefix = root.pathname.replace(/\/$/, '');
  const url = parsed(`${root.origin}${prefix}${target}`);
  if (url === undefined || leaves(path) || url.origin !== root.origin || url.pathname !== prefix + path) {
    throw new CellError(
      "The path leaves the connection's url, or contains what a server could read that way.",
    );
  }
  return url;
}

/** `host:port`, always with the port, as users often mistype it. */
export function placeOf(url: URL): string {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return `${url.hostname}:${port}`;
}

/**
 * @param link as a service writes it: absolute, or relative to the request's URL
 * @returns undefined when it isn't below the base URL
 */
export function linkBelow(base: string, link: string, from: URL): URL | undefined {
  const url = parsed(link, from);
  const root = new URL(base);
  const prefix = root.pathname.replace(/\/$/, '');
  if (url === undefined || url.origin !== root.origin || url.username + url.password !== '') return undefined;
  if (!`${url.pathname}/`.startsWith(`${prefix}/`) || leaves(url.pathname.slice(prefix.length)))
    return undefined;
  url.hash = '';
  return url;
}

function parsed(text: string, from?: URL): URL | undefined {
  return URL.canParse(text, from?.href) ? new URL(text, from) : undefined;
}

function leaves(path: string): boolean {
  let decoded = path;
  for (let round = 0; round < DECODINGS; round++) {
    if (/[\x00-\x1f\x7f]/.test(decoded)) return true;
    // Some servers cut parameters off a segment (`..;x=1`).
    if (decoded.split(/[/\\]/).some((segment) => /^\.{1,2}(?:;|$)/.test(segment))) return true;
    const next = decoded.replace(/%[0-9a-f]{2}/gi, (code) =>
      String.fromCharCode(Number.parseInt(code.slice(1), 16)),
    );
    if (next === decoded) return false;
    decoded = next;
  }
  return true;
}
