import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.js';

/**
 * Refuses a request whose body's end two readers could see in different places (invariant S7, RFC 9112 section 6.3):
 * the last check before it is written anew for Jupyter, whatever the parser in front of it let through.
 *
 * @throws {GatewayError} BAD_REQUEST
 */
export function checkFraming(req: IncomingMessage): void {
  const coding = req.headers['transfer-encoding'];
  const lengths = req.headersDistinct['content-length'] ?? [];
  const clear =
    coding === undefined
      ? lengths.length <= 1 && lengths.every((length) => /^\d+$/.test(length))
      : coding.trim().toLowerCase() === 'chunked' && lengths.length === 0 && req.httpVersion === '1.1';
  if (!clear) throw new GatewayError('BAD_REQUEST', 'The length of the request is ambiguous.');
}

/** True when the request announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
