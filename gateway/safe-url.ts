import { unescape as percentDecode } from 'node:querystring';

/** A query split into what goes on and the token that came with it. */
export interface SplitQuery {
  /** Without `?` and token parameters; every other parameter keeps its bytes and its place. */
  readonly query: string;
  /** The last one that isn't empty: of several, Jupyter (Tornado's `get_argument`) takes the last too. */
  readonly token: string | undefined;
}

/**
 * Takes every `token` parameter out of a query (invariant S2), however its name is percent-encoded:
 * Jupyter would decode `%74oken` and read it.
 *
 * @param query without `?`
 */
export function splitTokenParameters(query: string): SplitQuery {
  const kept: string[] = [];
  let token: string | undefined;
  for (const parameter of query.split('&')) {
    const [name = '', ...value] = parameter.split('=');
    if (formDecode(name) !== 'token') kept.push(parameter);
    else token = formDecode(value.join('=')).trim() || token;
  }
  return { query: kept.join('&'), token };
}

function formDecode(text: string): string {
  return percentDecode(text.replaceAll('+', ' '));
}

/**
 * Where to send a browser after it has logged in: a path on this site and nothing else, whatever a link
 * asked for. Anything doubtful becomes `/`, and so do the pages that would only lead back to themselves.
 *
 * @param wanted a request target or what a `next` parameter says; its token parameters are dropped
 */
export function localUrl(wanted: string | undefined): string {
  if (wanted === undefined || !/^\/(?!\/)[^\\\x00-\x20\x7f]*$/.test(wanted)) return '/';
  const site = 'http://site.invalid';
  if (!URL.canParse(wanted, site)) return '/';
  const url = new URL(wanted, site);
  // Dot segments are gone only now: `/.//evil.example` has become `//evil.example`.
  if (url.origin !== site || url.pathname.startsWith('//') || /^\/spin\/log(in|out)$/.test(url.pathname))
    return '/';
  const { query } = splitTokenParameters(url.search.slice(1));
  return url.pathname + (query === '' ? '' : `?${query}`) + url.hash;
}
