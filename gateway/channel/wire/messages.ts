import { randomUUID } from 'node:crypto';
import { GatewayError } from '../../errors.js';
import { encode, type Wire } from './codec.js';
import { type Frame, type Payload, readObject } from './frame.js';

/**
 * The messages that the gateway reads or writes, by the protocol's own names.
 * Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html
 */
export interface Header {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  /** JEP 91: the subshell that a shell request is for; absent for the main shell. */
  readonly subshell_id?: string | null;
}

export interface ExecuteRequest {
  readonly code: string;
  readonly silent: boolean | undefined;
  readonly store_history: boolean | undefined;
  readonly allow_stdin: boolean | undefined;
  readonly stop_on_error: boolean | undefined;
}

/** @throws {GatewayError} MALFORMED_FRAME when the header isn't one */
export function readHeader(frame: Frame): Header {
  const header = readObject(frame, 'header');
  if (typeof header.msg_id !== 'string' || typeof header.msg_type !== 'string')
    throw new GatewayError('MALFORMED_FRAME', 'The message header has no msg_id or msg_type.');
  const session = typeof header.session === 'string' ? header.session : '';
  const subshell = typeof header.subshell_id === 'string' ? { subshell_id: header.subshell_id } : {};
  return { msg_id: header.msg_id, msg_type: header.msg_type, session, ...subshell };
}

/** @throws {GatewayError} MALFORMED_FRAME when the content isn't an execute_request's */
export function readExecuteRequest(frame: Frame): ExecuteRequest {
  const content = readObject(frame, 'content');
  const { code } = content;
  if (typeof code !== 'string') throw new GatewayError('MALFORMED_FRAME', 'The execute_request has no code.');
  const flag = (name: string) =>
    content[name] === true || content[name] === false ? content[name] : undefined;
  return {
    code,
    silent: flag('silent'),
    store_history: flag('store_history'),
    allow_stdin: flag('allow_stdin'),
    stop_on_error: flag('stop_on_error'),
  };
}

/** @returns the msg_id of the request that a kernel's message answers; empty when it answers none */
export function parentId(frame: Frame): string {
  const parent = readObject(frame, 'parent_header');
  return typeof parent.msg_id === 'string' ? parent.msg_id : '';
}

/** Code in a kernel chooses the header of its question, which is in the answer, and what it quotes (invariant S15). */
const LONGEST_PARENT = 64 * 1024;

/** What a kernel, or the server in its place, says of its life. */
export type Life = 'starting' | 'restarting' | 'dead';
const LIFE: readonly unknown[] = ['starting', 'restarting', 'dead'] satisfies Life[];

/** @returns undefined for all that a kernel says while it lives */
export function lifeIn(frame: Frame): Life | undefined {
  if (frame.channel !== 'iopub' || readHeader(frame).msg_type !== 'status') return undefined;
  const { execution_state: state } = readObject(frame, 'content');
  return LIFE.includes(state) ? (state as Life) : undefined;
}

/** Writes messages of the gateway's own, as from a kernel or to one. */
export class MessageWriter {
  readonly #wire: Wire;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** A request to the kernel in the client's session. @returns its msg_id too, to know the answers by */
  request(type: string, from: Header, content: object): { readonly id: string; readonly payload: Payload } {
    const subshell = from.subshell_id ? { subshell_id: from.subshell_id } : {};
    const header = { ...newHeader(type, from.session), ...subshell };
    return { id: header.msg_id, payload: this.#message('shell', header, '{}', content) };
  }

  /** What a kernel sends for an execute_request that is queued behind a failed one. */
  aborted(request: Frame, header: Header): Payload[] {
    return this.#answer(request, header, [['shell', 'execute_reply', { status: 'aborted' }]]);
  }

  /** What a kernel sends for a request that it answers. */
  answered(request: Frame, header: Header, type: string, content: object): Payload[] {
    return this.#answer(request, header, [[request.channel, type, content]]);
  }

  /** The state of a kernel that still runs a cell of that session. */
  busy(executeRequestId: string, { session }: Header): Payload {
    const parent = { msg_id: executeRequestId, msg_type: 'execute_request', session };
    const header = newHeader('status', session);
    return this.#message('iopub', header, JSON.stringify(parent), { execution_state: 'busy' });
  }

  /** What a cell of that session writes to its standard error. */
  stderr(executeRequestId: string, { session }: Header, text: string): Payload {
    const parent = JSON.stringify({ msg_id: executeRequestId, msg_type: 'execute_request', session });
    return this.stderrIn(parent, session, text);
  }

  /**
   * The same for a request that is known by what the kernel quoted of it.
   * @param parent its header, as JSON
   */
  stderrIn(parent: string, session: string, text: string): Payload {
    const quoted = parent.length > LONGEST_PARENT ? '{}' : parent;
    return this.#message('iopub', newHeader('stream', session), quoted, { name: 'stderr', text });
  }

  /** What a kernel sends for a cell that fails: used only where no kernel can raise the error itself. */
  failed(request: Frame, header: Header, code: string, error: { ename: string; evalue: string }): Payload[] {
    const content = { ...error, traceback: [`${error.ename}: ${error.evalue}`] };
    return this.#answer(request, header, [
      ['iopub', 'execute_input', { code, execution_count: 0 }],
      ['iopub', 'error', content],
      [request.channel, 'execute_reply', { status: 'error', execution_count: 0, ...content }],
    ]);
  }

  /** The answer to a kernel's `input_request`. */
  inputReply(question: Frame, value: string): Payload {
    const header = newHeader('input_reply', readHeader(question).session);
    const asked = question.text('header');
    // Kernels write some hundred characters, and look at none of them in an answer.
    const parent = asked.length > LONGEST_PARENT ? '{}' : asked;
    return this.#message('stdin', header, parent, { status: 'ok', value });
  }

  #answer(request: Frame, { session }: Header, messages: readonly [string, string, object][]): Payload[] {
    const parent = request.text('header');
    const status = (state: string): [string, string, object] => [
      'iopub',
      'status',
      { execution_state: state },
    ];
    return [status('busy'), ...messages, status('idle')].map(([channel, type, content]) =>
      this.#message(channel, newHeader(type, session), parent, content),
    );
  }

  /** @param parent JSON as it came: Python's holds what JavaScript's has not (NaN), and may nest deeper than can be written anew */
  #message(channel: string, header: object, parent: string, content: object): Payload {
    return encode(this.#wire, channel, {
      header: JSON.stringify(header),
      parent_header: parent,
      metadata: '{}',
      content: JSON.stringify(content),
    });
  }
}

function newHeader(type: string, session: string) {
  return {
    msg_id: randomUUID(),
    msg_type: type,
    session,
    username: '',
    date: new Date().toISOString(),
    version: '5.3',
  };
}
