import { type Decision, type Holder, lacks, leftOut, refused } from './decision.js';
import { type RequestTreatment, rightFor } from './passes.js';
import { requestRowOf } from './paths.js';
import { actionOf } from './rights.js';
import type { Unread } from './unread.js';

/** A request that would pass to Jupyter. */
export interface RequestSubject {
  readonly kind: 'request';
  readonly method: string;
  /** Below Jupyter's base path, starting with `/`, percent-encoding as sent. */
  readonly path: string;
  readonly unread: Pick<Unread, 'lets' | 'refusal'>;
}

export type RequestDecision = Decision<{ readonly treatment: RequestTreatment }>;

/** @throws {GatewayError} BAD_PATH when the path's encoding can't be read */
export function decideRequest(
  holder: Holder | undefined,
  { method, path, unread }: RequestSubject,
): RequestDecision {
  // RFC 9110 section 9.3.8: the answer shows the request as it came, and with it Jupyter's token.
  if (method === 'TRACE') return refused('PATH_NOT_ALLOWED', 'TRACE is not allowed here.');
  const row = requestRowOf(method, path);
  const lacking = lacks(holder, rightFor(row, actionOf(method)));
  if (lacking) return lacking;
  const treatment = row?.treatment ?? 'plain';
  if (treatment === 'plain' || treatment === 'posted') return { allowed: true, treatment };
  return unread.lets(path, treatment === 'named')
    ? { allowed: true, treatment }
    : leftOut(unread.refusal(path));
}
