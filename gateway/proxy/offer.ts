import type { ClientRequest, IncomingMessage } from 'node:http';
import type { PassThrough } from 'node:stream';

/** From this size on, in bytes, a body is offered before it is sent. JupyterLab uploads in pieces that are smaller. */
const LARGE = 2 * 1024 * 1024;

/** How long the offer waits, in milliseconds, for a server that doesn't know `Expect` (RFC 9110 section 10.1.1). */
const PATIENCE_MS = 1_000;

/** Tornado says “continue” before it looks at the length, and its refusal comes right behind. */
const SECOND_THOUGHT_MS = 5;

/** True for a body of which Jupyter may say by its length alone that it is too large. */
export function isLarge({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) >= LARGE;
}

/**
 * Sends a request's head first and its body only when Jupyter hasn't refused it. Jupyter answers what is larger than
 * it takes (`ServerApp.max_body_size`) with 400 and hangs up: while a body is on its way that answer is mostly lost, since
 * a connection that is reset forgets what it has received (RFC 9112 section 9.6).
 *
 * @param asked before its head is sent
 * @param held what is sent as the body
 */
export function offer(asked: ClientRequest, req: IncomingMessage, held: PassThrough): void {
  let due = true;
  const settle = () => {
    due = false;
    clearTimeout(patience);
  };
  const send = () => {
    if (!due) return;
    settle();
    req.pipe(held);
  };
  const patience = setTimeout(send, PATIENCE_MS);
  asked.once('continue', () => setTimeout(send, SECOND_THOUGHT_MS));
  asked.once('close', settle);
  asked.once('response', (response) => {
    const refused = due;
    settle();
    // What was announced never comes: the connection is of no more use.
    if (refused) response.once('close', () => asked.destroy());
  });
  asked.setHeader('expect', '100-continue');
  asked.flushHeaders();
}
