import type { JsonObject } from '../wire/frame.js';
import type { Header } from '../wire/messages.js';
import type { OwnRequests } from './own-requests.js';

/** How a companion request ended. */
export interface CompanionEnd {
  /** `ok`, or the kernel's `error` or `aborted`; `aborted` also when no answer will come. */
  readonly status: 'ok' | 'error' | 'aborted';
  /** Whether its question was answered with True. */
  readonly isTrue: boolean;
}

/**
 * Runs code silently before a rewritten cell, which makes sure that the kernel has the helper. Awaited, never pipelined: a
 * companion aborted behind a failing cell would leave its cell alone.
 *
 * @param from the cell's execute_request: it runs in the same session and subshell
 * @param question an expression that is evaluated after it
 */
export async function runCompanion(
  own: OwnRequests,
  code: string,
  from: Header,
  question?: string,
): Promise<CompanionEnd> {
  const content = {
    code,
    silent: true,
    store_history: false,
    user_expressions: question === undefined ? {} : { question },
    allow_stdin: false,
    stop_on_error: false,
  };
  const reply = await own.ask({ type: 'execute_request', from, content, again: true });
  if (reply === undefined) return { status: 'aborted', isTrue: false };
  const { status } = reply;
  return { status: status === 'ok' || status === 'aborted' ? status : 'error', isTrue: isTrue(reply) };
}

/** The answers to `user_expressions`, as a kernel shows them. */
function isTrue({ user_expressions }: JsonObject): boolean {
  const { question } = Object(user_expressions) as { question?: unknown };
  const { data } = Object(question) as { data?: unknown };
  return (Object(data) as Record<string, unknown>)['text/plain'] === 'True';
}
