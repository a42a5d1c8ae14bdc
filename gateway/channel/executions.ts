import type { Processors, Rewrite } from '../../processors/index.js';
import { asGatewayError, GatewayError } from '../errors.js';
import { faultOf } from '../fault.js';
import type { Log } from '../log.js';
import { tallyOf } from '../tally.js';
import type { Broker } from './broker.js';
import type { Cells } from './cells.js';
import type { Companions } from './companions.js';
import { type Frame, type Payload, readObject } from './frame.js';
import { withMembers } from './json-text.js';
import type { Kernel } from './kernels.js';
import type { Turn } from './lane.js';
import { type ExecuteRequest, type Header, type MessageWriter, readExecuteRequest } from './messages.js';

/**
 * What Jupyter takes in one message: Tornado drops the connection beyond it.
 * Source: tornado's `websocket_max_message_size` default.
 */
export const MAX_MESSAGE = 10 * 1024 * 1024;

export interface ExecutionParts {
  readonly kernel: Kernel;
  readonly processors: Processors;
  readonly broker: Broker;
  readonly companions: Companions;
  readonly cells: Cells;
  readonly writer: MessageWriter;
  readonly log: Log;
  toKernel(payload: Payload): void;
  toClient(payload: Payload): void;
}

/** Metadata of a refused cell is kept up to this many characters: clients put a cell's id and wishes there. */
const SMALL = 64 * 1024;

type Metadata = Readonly<Record<string, unknown>>;

/** One execute_request on its way to the kernel. */
interface Execution {
  readonly frame: Frame;
  readonly header: Header;
  readonly request: ExecuteRequest;
  readonly bytes: number;
  readonly abortHeld: () => void;
  aborted: boolean;
}

/** Takes a client's execute_requests to the kernel: unchanged, rewritten, refused, or answered `aborted`. */
export class Executions {
  readonly #parts: ExecutionParts;

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
  }

  /**
   * @param abortHeld tells every request that waits in the same lane that a cell before it failed; kept until
   *   the cell's reply, so it must not hold on to the message
   * @returns the cell's turn in its lane
   */
  turn(frame: Frame, header: Header, payload: Payload, abortHeld: () => void): Turn {
    const request = readExecuteRequest(frame);
    const bytes = payload.data.length;
    const execution: Execution = { frame, header, request, bytes, abortHeld, aborted: false };
    const onError = request.stop_on_error === false ? undefined : abortHeld;
    this.#parts.cells.started(header.msg_id, request.code, onError);
    const metadata = readObject(frame, 'metadata');
    const rewritten = bytes > MAX_MESSAGE || this.#parts.processors.matches(request.code, metadata);
    return {
      bytes,
      abort: () => {
        execution.aborted = true;
      },
      run: () => {
        if (execution.aborted) return this.#answerAborted(execution);
        if (!rewritten) return this.#parts.toKernel(payload);
        return this.#rewrite(execution, metadata);
      },
    };
  }

  /** Answers a cell, or another request that would run code, in the kernel's place: where no kernel can, or must, raise the error itself. */
  refuse(frame: Frame, header: Header, evalue = 'Code runs in cells on the shell channel only.'): void {
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

  async #rewrite(execution: Execution, metadata: Metadata): Promise<void> {
    const { kernel, processors, cells } = this.#parts;
    const { header, request } = execution;
    try {
      if ((await kernel.language()) !== 'python') return this.#answerOtherLanguage(execution);
      if (execution.bytes > MAX_MESSAGE) throw new GatewayError('MESSAGE_TOO_LARGE');
      const rewrite = await processors.rewrite(request.code, metadata);
      cells.processedBy(header.msg_id, rewrite.processor);
      if ('fault' in rewrite) this.#logFault(rewrite.fault, rewrite.processor);
      if (rewrite.refused !== undefined) return this.#sendRefused(execution, rewrite);
      await kernel.give(rewrite.delivered);
      if (await this.#helperReady(execution)) this.#send(execution, rewrite);
    } catch (error) {
      // Whatever went wrong, the cell as typed must not reach the kernel (invariant S13).
      this.#logFault(error);
      this.#sendRefused(execution, processors.refuse(asGatewayError(error).message));
    }
  }

  /** Without the error's message, which may quote the cell or a value (S10). */
  #logFault(error: unknown, processor = ''): void {
    const { log, kernel } = this.#parts;
    tallyOf(log).tell(`not rewritten ${processor} ${kernel.id}`, (more) =>
      log.error(
        { fault: faultOf(error), kernel: kernel.id, processor, ...(more > 0 && { more }) },
        'a cell could not be rewritten',
      ),
    );
  }

  /** @returns false when the cell is answered already: an earlier one failed, or the kernel is gone */
  async #helperReady(execution: Execution): Promise<boolean> {
    const { companions, processors } = this.#parts;
    const status = await companions.run(processors.helper.code, execution.header);
    if (status === 'error') {
      throw new GatewayError(
        'INTERNAL',
        'The SPIN helper could not be loaded into this kernel: is it an IPython kernel?',
      );
    }
    if (status === 'aborted') execution.abortHeld();
    if (execution.aborted) this.#answerAborted(execution);
    return !execution.aborted;
  }

  #send({ frame, header }: Execution, { code, spin, broker }: Rewrite): void {
    // A brokered cell asks the gateway on the stdin channel, whatever its client does with questions.
    const asks = broker === undefined ? {} : { allow_stdin: 'true' };
    const replaced = frame.replace({
      content: withMembers(frame.text('content'), { code: JSON.stringify(code), ...asks }),
      metadata: withMembers(frame.text('metadata'), { spin: JSON.stringify(spin) }),
    });
    if (Buffer.byteLength(replaced.data) > MAX_MESSAGE) throw new GatewayError('MESSAGE_TOO_LARGE');
    if (broker !== undefined) this.#parts.broker.expect(header.msg_id, broker);
    this.#parts.toKernel(replaced);
  }

  /** Only what decides how the kernel answers is kept of the request: neither its text nor its size. */
  #sendRefused({ frame, request }: Execution, { code }: Rewrite): void {
    const { silent, store_history, allow_stdin, stop_on_error } = request;
    const content = { code, silent, store_history, user_expressions: {}, allow_stdin, stop_on_error };
    const metadata = frame.text('metadata');
    const kept = metadata.length > SMALL ? '{}' : withMembers(metadata, { spin: undefined });
    const replaced = frame.replace({ content: JSON.stringify(content), metadata: kept }, []);
    if (Buffer.byteLength(replaced.data) > MAX_MESSAGE) throw new GatewayError('MESSAGE_TOO_LARGE');
    this.#parts.toKernel(replaced);
  }

  #answerAborted({ frame, header }: Execution): void {
    this.#parts.cells.ended(header.msg_id, 'aborted');
    for (const payload of this.#parts.writer.aborted(frame, header)) this.#parts.toClient(payload);
  }

  /** No kernel but Python's can raise the error itself, so the gateway answers in its place. */
  #answerOtherLanguage({ frame, header, bytes }: Execution): void {
    const sentence =
      bytes > MAX_MESSAGE
        ? new GatewayError('MESSAGE_TOO_LARGE').message
        : 'SPIN cells and {{…}} references need a Python kernel. Choose one, or escape the braces.';
    this.refuse(frame, header, sentence);
    this.#parts.cells.ended(header.msg_id, 'error');
  }
}
