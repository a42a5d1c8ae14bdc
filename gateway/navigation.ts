import type { IncomingMessage } from 'node:http';

/** True when the client reads HTML: a browser's page load or form post, not its scripts. */
export function acceptsHtml(req: IncomingMessage): boolean {
  return /\btext\/html\b/i.test(req.headers.accept ?? '');
}

/**
 * True when a person's browser loads this as a page, so that a redirect or a cookie reaches them. Browsers
 * that send Fetch Metadata (https://www.w3.org/TR/fetch-metadata/) say so; the others are known by Accept.
 * A prefetch (`Sec-Purpose`, and `Purpose` of older browsers) is not a click.
 */
export function isNavigation(req: IncomingMessage): boolean {
  const { headers } = req;
  return (
    req.method === 'GET' &&
    headers.upgrade === undefined &&
    acceptsHtml(req) &&
    (headers['sec-fetch-mode'] ?? 'navigate') === 'navigate' &&
    !/prefetch|preview/i.test(`${headers['sec-purpose'] ?? ''} ${headers.purpose ?? ''}`)
  );
}
