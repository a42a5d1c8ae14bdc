import { type Decision, type Holder, lacks, leftOut, refused } from './decision.js';
import { rightFor, type SocketTreatment } from './passes.js';
import { socketRowOf } from './paths.js';
import type { Unread } from './unread.js';

/** A websocket that would be opened at Jupyter. */
export type SocketSubject = {
  readonly kind: 'websocket';
  /** Below Jupyter's base path, starting with `/`, percent-encoding as sent. */
  readonly path: string;
} & (
  | { /** A kernel's: the gateway reads it message by message. */ readonly read: true }
  | { readonly read: false; readonly unread: Pick<Unread, 'lets' | 'refusal'> }
);

export type SocketDecision = Decision<{ readonly treatment: SocketTreatment }>;

/** @throws {GatewayError} BAD_PATH when the path's encoding can't be read */
export function decideSocket(holder: Holder | undefined, subject: SocketSubject): SocketDecision {
  if (subject.read) return lacks(holder, 'kernels:execute') ?? { allowed: true, treatment: 'channel' };
  const { path, unread } = subject;
  const row = socketRowOf(path);
  const lacking = lacks(holder, rightFor(row, 'execute'));
  if (lacking) return lacking;
  const treatment = row?.treatment ?? 'opaque';
  // A server in between may take it for a kernel's, and then the gateway would not read it.
  if (treatment === 'channel')
    return refused('PATH_NOT_ALLOWED', 'That is not a valid path of a kernel’s websocket.');
  return unread.lets(path, treatment === 'named')
    ? { allowed: true, treatment }
    : leftOut(unread.refusal(path));
}
