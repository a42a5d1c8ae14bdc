import type { IncomingMessage } from 'node:http';

/**
 * Tells whether all servers on the way agree what a request's headers are and where it ends (invariant S7).
 * Node's parser refuses what is malformed; this is about what it takes and another server may read otherwise.
 *
 * @param upgrade node hands an upgrade's body over as if it were the new protocol's bytes: it may have none
 * @param headerCount node drops headers beyond this number without a word, a Host among them
 * @returns what is wrong, with a code like the parser's own; undefined when nothing is
 */
export function framingFault(
  req: IncomingMessage,
  upgrade: boolean,
  headerCount: number,
): NodeJS.ErrnoException | undefined {
  if (req.rawHeaders.length >= 2 * headerCount) return fault('HPE_HEADER_OVERFLOW');
  if (req.httpVersion !== '1.1' && req.httpVersion !== '1.0') return fault('HPE_INVALID_VERSION');
  const { 'transfer-encoding': codings, 'content-length': length } = req.headers;
  // RFC 9112 section 6.1: faulty framing in HTTP/1.0. No server here understands a coding before chunked.
  if (codings !== undefined && (upgrade || req.httpVersion !== '1.1' || codings.toLowerCase() !== 'chunked'))
    return fault('HPE_INVALID_TRANSFER_ENCODING');
  return upgrade && length !== undefined && length !== '0' ? fault('HPE_INVALID_CONTENT_LENGTH') : undefined;
}

function fault(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
