import type { IncomingMessage } from 'node:http';

/**
 * Tells whether everybody on the way agrees where a request ends (invariant S7). Node's parser refuses what
 * is malformed; this is about what it takes and another server may read otherwise.
 *
 * @returns what is wrong; undefined when nothing is
 */
export function ambiguity(req: IncomingMessage): string | undefined {
  const codings = req.headers['transfer-encoding'];
  if (req.httpVersion !== '1.1' && req.httpVersion !== '1.0') {
    return 'HTTP version';
  }
  // RFC 9112 section 6.1: in HTTP/1.0 faulty framing; a coding before chunked nobody here understands.
  if (codings !== undefined && (req.httpVersion !== '1.1' || codings.toLowerCase() !== 'chunked')) {
    return 'Transfer-Encoding';
  }
  return undefined;
}

/** @returns what is wrong with an upgrade: node hands its body over as if it were the new protocol's bytes */
export function upgradeAmbiguity(req: IncomingMessage): string | undefined {
  const { 'content-length': length, 'transfer-encoding': codings } = req.headers;
  if ((length !== undefined && length !== '0') || codings !== undefined) {
    return 'body in an upgrade';
  }
  return ambiguity(req);
}
