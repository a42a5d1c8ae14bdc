import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The header that proxies and log collectors know it by; in lower case, as node gives it. */
export const REQUEST_ID = 'x-request-id';

/** What nginx, Envoy, Caddy and HAProxy make: hexadecimal, UUIDs, or other words. */
const USUAL = /^[\w.:/+=-]{8,128}$/;

const ids = new WeakMap<IncomingMessage, string>();

/**
 * The id of a request, the same in each of its log lines, in its answer and in what Jupyter gets: made when it is asked
 * for the first time.
 */
export function requestIdOf(req: IncomingMessage): string {
  const known = ids.get(req);
  if (known !== undefined) return known;
  const id = randomUUID();
  ids.set(req, id);
  return id;
}

/**
 * Takes over the id that a trusted proxy gave the request, so that both logs can be joined; one that could break a
 * line, or is no id, is left.
 */
export function adoptRequestId(req: IncomingMessage): void {
  const given = req.headers[REQUEST_ID];
  if (typeof given === 'string' && USUAL.test(given)) ids.set(req, given);
}
