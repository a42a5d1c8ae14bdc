import { mentionsProvided } from '../../../processors/core/references.js';
import type { Processors, Rewrite, Taken } from '../../../processors/index.js';
import { asGatewayError, GatewayError, tooLarge } from '../../errors.js';
import { faultOf } from '../../fault.js';
import { BrokerCall, type BrokerParts } from '../broker/call.js';
import type { Kernel } from '../kernels/kernels.js';
import { runCompanion } from '../own/companion.js';
import type { KernelLanguage } from '../own/kernel-language.js';
import type { OwnRequests } from '../own/own-requests.js';
import { type Frame, type Payload, readObject } from '../wire/frame.js';
import { withMembers } from '../wire/json-text.js';
import { type ExecuteRequest, type Header, readExecuteRequest } from '../wire/messages.js';
import { NOT_TAKEN } from './execution.js';
import type { Executions } from './executions.js';
import type { Turn } from './lane.js';

export interface ExecuteRequestParts extends BrokerParts {
  readonly kernel: Kernel;
  readonly processors: Processors;
  readonly own: OwnRequests;
  readonly executions: Executions;
  readonly language: KernelLanguage;
  /** What Jupyter takes in one message, in bytes. */
  readonly maxMessage: number;
  toClient(payload: Payload): void;
}

/** Metadata of a refused cell is kept up to this many characters: clients put a cell's id and wishes there. */
const SMALL = 64 * 1024;

/** What the kernel's history keeps of a rewritten cell, in characters. */
const LONGEST_TYPED = 1024 * 1024;

type Metadata = Readonly<Record<string, unknown>>;

/** One execute_request on its way to the kernel. */
interface Cell {
  readonly frame: Frame;
  readonly header: Header;
  readonly request: ExecuteRequest;
  readonly payload: Payload;
  readonly bytes: number;
  readonly abortHeld: () => void;
  aborted: boolean;
}

/** Takes a client's execute_requests to the kernel: unchanged, rewritten, refused, or answered `aborted`. */
export class ExecuteRequests {
  readonly #parts: ExecuteRequestParts;

  constructor(parts: ExecuteRequestParts) {
    this.#parts = parts;
  }

  /**
   * @param abortHeld aborts every request that waits in the same lane, as a cell before it failed; kept until
   *   the cell's reply, so it must not keep a reference to the message
   * @returns the cell's turn in its lane
   */
  turn(frame: Frame, header: Header, payload: Payload, abortHeld: () => void): Turn {
    const request = readExecuteRequest(frame);
    const bytes = payload.data.length;
    const cell: Cell = { frame, header, request, payload, bytes, abortHeld, aborted: false };
    const onError = request.stop_on_error === false ? undefined : abortHeld;
    this.#parts.executions.start(header.msg_id, request.code, onError);
    const metadata = readObject(frame, 'metadata');
    const rewritten =
      bytes > this.#parts.maxMessage || this.#parts.processors.matches(request.code, metadata);
    return {
      bytes,
      abort: () => {
        cell.aborted = true;
      },
      run: () => {
        if (cell.aborted) return this.#answerAborted(cell);
        if (!rewritten) return this.#parts.toKernel(payload);
        return this.#rewrite(cell, metadata);
      },
    };
  }

  /** Answers a request to run code in the kernel's place, where no kernel can, or must, raise the error itself. */
  refuse(frame: Frame, header: Header, evalue: string): void {
    const { writer } = this.#parts;
    const error = { ename: 'SpinError', evalue };
    const answer =
      header.msg_type === 'execute_request'
        ? writer.failed(frame, header, readExecuteRequest(frame).code, error)
        : writer.answered(frame, header, header.msg_type.replace(/request$/, 'reply'), {
            status: 'error',
            ...error,
            traceback: [evalue],
          });
    for (const payload of answer) this.#parts.toClient(payload);
  }

  async #rewrite(cell: Cell, metadata: Metadata): Promise<void> {
    const { language, processors, executions, maxMessage } = this.#parts;
    const { header, request } = cell;
    try {
      const speaks = await language.of(header);
      if (speaks !== 'python') return this.#elsewhere(cell, metadata, speaks);
      if (cell.bytes > maxMessage) throw tooLarge(maxMessage);
      const rewrite = await processors.rewrite(request.code, metadata);
      executions.takenBy(header.msg_id, takenOf(rewrite));
      if ('fault' in rewrite) {
        this.#logFault(rewrite.fault, rewrite.processor);
        return this.#sendRefused(cell, rewrite);
      }
      await this.#prepared(cell, rewrite);
    } catch (error) {
      // Whatever went wrong, the cell as typed must not reach the kernel (invariant S13).
      this.#logFault(error);
      this.#sendRefused(cell, processors.refuse(asGatewayError(error).message));
    }
  }

  /** Sends a cell once the kernel has the helper, which also knows whose magic its first line names. */
  async #prepared(cell: Cell, rewrite: Rewrite): Promise<void> {
    const { kernel, own, processors, executions, toKernel } = this.#parts;
    const { header, request, payload } = cell;
    // Before any of it is sent, and before anything else that takes time.
    await kernel.give(rewrite.delivered);
    const question = rewrite.magic === undefined ? undefined : processors.helper.magicQuestion(rewrite.magic);
    const { status, isTrue } = await runCompanion(own, processors.helper.code, header, question);
    if (status === 'aborted') cell.abortHeld();
    if (cell.aborted) return this.#answerAborted(cell);
    if (isTrue || (status === 'error' && rewrite.isGuess === true)) {
      executions.takenBy(header.msg_id, NOT_TAKEN);
      if (!mentionsProvided(request.code)) return toKernel(payload);
      const own = await processors.asPython(request.code);
      executions.takenBy(header.msg_id, takenOf(own));
      await kernel.give(own.delivered);
      if (cell.aborted) this.#answerAborted(cell);
      else if (own.refused === undefined) this.#send(cell, own);
      else this.#sendRefused(cell, own, request.code);
      return;
    }
    if (rewrite.refused !== undefined)
      return this.#sendRefused(cell, rewrite, status === 'ok' ? request.code : undefined);
    if (status === 'error') throw new GatewayError('INTERNAL', await this.#noHelper(header));
    this.#send(cell, rewrite);
  }

  async #noHelper(from: Header): Promise<string> {
    const kernel = (await this.#parts.language.implementation(from)) ?? 'another';
    return kernel === 'ipython'
      ? 'The SPIN helper could not be loaded into this kernel. Restart it, and run this cell before any other.'
      : `SPIN cells and {{…}} references need IPython’s own kernel (ipykernel), and this one is ${kernel}. Choose another.`;
  }

  /** Without the error's message, which may quote the cell or a value (S10). */
  #logFault(error: unknown, processor = ''): void {
    const { tell, kernel } = this.#parts;
    const { request } = this.#parts.viewer();
    tell({ kind: 'cell not rewritten', request, kernel: kernel.id, processor, fault: faultOf(error) });
  }

  #send({ frame, header, request }: Cell, { code, spin, broker }: Rewrite): void {
    // A brokered cell asks the gateway on the stdin channel, whatever its client does with questions.
    const asks = broker === undefined ? {} : { allow_stdin: 'true' };
    const replaced = frame.replace({
      content: withMembers(frame.text('content'), { code: JSON.stringify(code), ...asks }),
      metadata: withMembers(frame.text('metadata'), {
        spin: JSON.stringify({ ...(spin as object), ...asTyped(request.code, code, LONGEST_TYPED) }),
      }),
    });
    this.#check(replaced);
    if (broker !== undefined) {
      const { executions } = this.#parts;
      const span = executions.get(header.msg_id)?.sent?.span;
      executions.expectCall(header.msg_id, new BrokerCall(this.#parts, broker, span));
    }
    this.#parts.toKernel(replaced);
  }

  /**
   * Only what decides how the kernel answers is kept of the request: neither its text nor its size.
   * @param typed the cell's text for the history, where the helper is there to take it
   */
  #sendRefused({ frame, request }: Cell, { code }: Rewrite, typed?: string): void {
    const { silent, store_history, allow_stdin, stop_on_error } = request;
    const content = { code, silent, store_history, user_expressions: {}, allow_stdin, stop_on_error };
    const metadata = frame.text('metadata');
    const spin = typed && JSON.stringify({ call: true, values: {}, ...asTyped(typed, code, SMALL) });
    const kept = withMembers(metadata.length > SMALL ? '{}' : metadata, { spin });
    const replaced = frame.replace({ content: JSON.stringify(content), metadata: kept }, []);
    this.#check(replaced);
    this.#parts.toKernel(replaced);
  }

  #answerAborted({ frame, header }: Cell): void {
    this.#parts.executions.answered(header.msg_id, 'aborted');
    for (const payload of this.#parts.writer.aborted(frame, header)) this.#parts.toClient(payload);
  }

  #check({ data }: Payload): void {
    if (Buffer.byteLength(data) > this.#parts.maxMessage) throw tooLarge(this.#parts.maxMessage);
  }

  /** No kernel but Python's can raise the error itself, so the gateway answers in its place. */
  #elsewhere(cell: Cell, metadata: Metadata, language: string): void {
    const { processors, maxMessage, toKernel, executions } = this.#parts;
    const { frame, header, request, payload, bytes } = cell;
    const rest = bytes > maxMessage ? undefined : processors.elsewhere(request.code, metadata, language);
    if (rest && 'code' in rest) {
      const code = JSON.stringify(rest.code);
      const content = withMembers(frame.text('content'), { code });
      toKernel(rest.code === request.code ? payload : frame.replace({ content }));
      return;
    }
    this.refuse(frame, header, rest?.refused ?? tooLarge(maxMessage).message);
    executions.answered(header.msg_id, 'error');
  }
}

function takenOf({ processor, connection, names }: Rewrite): Taken {
  return { processor, ...(connection !== undefined && { connection }), ...(names && { names }) };
}

/** For the kernel's history, which shows no code of the gateway. Text longer than a user types isn't sent twice. */
function asTyped(typed: string, code: string, longest: number): { readonly typed?: string } {
  if (typed === code) return {};
  return { typed: typed.length > longest ? `${typed.slice(0, longest)}…` : typed };
}
