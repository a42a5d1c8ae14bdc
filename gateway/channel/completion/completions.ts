import type { Completion, Processors } from '../../../processors/index.js';
import type { Executions } from '../execution/executions.js';
import type { Turn } from '../execution/lane.js';
import type { KernelLanguage } from '../own/kernel-language.js';
import { codePointsBefore, indexOf } from '../wire/code-points.js';
import { type Frame, type Payload, readObject } from '../wire/frame.js';
import type { Header, MessageWriter } from '../wire/messages.js';
import type { KernelCompletions } from './kernel-completions.js';

export interface CompletionParts {
  readonly language: Pick<KernelLanguage, 'known'>;
  readonly processors: Processors;
  readonly executions: Executions;
  readonly kernelCompletions: KernelCompletions;
  readonly writer: MessageWriter;
  toKernel(payload: Payload): void;
  toClient(payload: Payload): void;
}

interface Question {
  readonly frame: Frame;
  readonly header: Header;
  readonly code: string;
  /** Index of `code`. */
  readonly cursor: number;
}

type Content = Readonly<Record<string, unknown>>;

/**
 * Answers complete_requests and inspect_requests about SPIN cells in the kernel's place, also while it runs a cell.
 * All others pass as they came.
 */
export class Completions {
  readonly #parts: CompletionParts;

  constructor(parts: CompletionParts) {
    this.#parts = parts;
  }

  /** @returns the request's turn in its lane */
  turn(frame: Frame, header: Header, payload: Payload): Turn {
    const pass = () => this.#parts.toKernel(payload);
    const question = questionIn(frame, header);
    const assists = question && this.#parts.processors.assists(question.code, question.cursor);
    return {
      bytes: payload.data.length,
      abort: () => {},
      run: assists ? () => this.#answer(question, pass) : pass,
    };
  }

  async #answer(question: Question, pass: () => void): Promise<void> {
    const { language, writer, toClient, executions } = this.#parts;
    // No other kernel has SPIN cells: its own completer knows its language.
    if ((await language.known().catch(() => '')) !== 'python') return pass();
    const content = await this.#contentFor(question).catch(() => undefined);
    if (content === undefined) return pass();
    const type = question.header.msg_type.replace('_request', '_reply');
    for (const payload of writer.answered(question.frame, question.header, type, content)) toClient(payload);
    // Clients show the state that was told last: a kernel that runs a cell isn't idle because a question is answered.
    const [running] = executions.running();
    if (running !== undefined) toClient(writer.busy(running.id, question.header));
  }

  /** @returns undefined when the kernel is the one to answer */
  async #contentFor({ code, cursor, header }: Question): Promise<Content | undefined> {
    if (header.msg_type === 'inspect_request') {
      const help = this.#parts.processors.explain(code, cursor);
      if (help === undefined) return undefined;
      const data = help === '' ? {} : { 'text/plain': help };
      return { status: 'ok', found: help !== '', data, metadata: {} };
    }
    const completion = await this.#parts.processors.complete(code, cursor);
    return completion && completeReply(code, completion, await this.#ofKernel(completion, header));
  }

  async #ofKernel({ kernel }: Completion, header: Header) {
    if (kernel === undefined) return [];
    const { kernelCompletions, executions } = this.#parts;
    const state = executions.running().length === 0 ? 'idle' : 'busy';
    const matches = await kernelCompletions.ask(kernel.code, header, state);
    return matches.filter(({ text, kind }) => kernel.accepts(text, kind));
  }
}

/** Source: https://jupyter-client.readthedocs.io/en/latest/messaging.html#completion; the types are IPython's. */
function completeReply(
  code: string,
  { from, to, items }: Completion,
  more: readonly { readonly text: string; readonly kind: string }[],
): Content {
  const [cursor_start, cursor_end] = [codePointsBefore(code, from), codePointsBefore(code, to)];
  const all = new Map([...items, ...more].map((item) => [item.text, item]));
  const types = [...all.values()].map((item) => ({
    start: cursor_start,
    end: cursor_end,
    text: item.text,
    type: item.kind,
    ...('help' in item && item.help !== undefined && { signature: item.help }),
  }));
  const metadata = { _jupyter_types_experimental: types };
  return { status: 'ok', matches: [...all.keys()], cursor_start, cursor_end, metadata };
}

/** @returns undefined for what isn't such a question: the kernel says what it thinks of it */
function questionIn(frame: Frame, header: Header): Question | undefined {
  try {
    const { code, cursor_pos } = readObject(frame, 'content');
    if (typeof code !== 'string') return undefined;
    // Without one, IPython takes the end.
    const cursor = typeof cursor_pos === 'number' ? indexOf(code, cursor_pos) : code.length;
    return { frame, header, code, cursor };
  } catch {
    return undefined;
  }
}
