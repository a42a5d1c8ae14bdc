import { indexOf } from '../wire/code-points.js';
import { type Frame, type Payload, readObject } from '../wire/frame.js';
import { type Header, type MessageWriter, parentId, readHeader } from '../wire/messages.js';

/**
 * How long a kernel has, in milliseconds: its first completion loads a library; one that runs a cell can't answer, unless
 * the cell is just ending.
 */
const PATIENCE_MS = { idle: 2_000, busy: 300 };

/** One match of the kernel's completer: the whole text with it in its place, and what the kernel calls its kind. */
export interface KernelMatch {
  readonly text: string;
  readonly kind: string;
}

interface Waiting {
  readonly id: string;
  readonly code: string;
  readonly settle: (matches: readonly KernelMatch[]) => void;
  matches: readonly KernelMatch[] | undefined;
  idle: boolean;
}

/**
 * complete_requests of the gateway's own: what they bring back is for its answers, never for the client. One at a time:
 * behind a cell that runs for long, one waits in the kernel's queue, not one for every keystroke.
 */
export class KernelCompletions {
  readonly #writer: MessageWriter;
  readonly #send: (payload: Payload) => void;
  #waiting: Waiting | undefined;

  constructor(writer: MessageWriter, send: (payload: Payload) => void) {
    this.#writer = writer;
    this.#send = send;
  }

  /** False on the hot path: then no frame needs a look. */
  get some(): boolean {
    return this.#waiting !== undefined;
  }

  /**
   * Asks for completions at the end of `code`.
   * @param state whether a cell is known to run
   * @returns none when the kernel doesn't answer in time
   */
  async ask(code: string, from: Header, state: 'idle' | 'busy'): Promise<readonly KernelMatch[]> {
    if (this.#waiting !== undefined) return [];
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<readonly KernelMatch[]>((settle) => {
      timer = setTimeout(() => settle([]), PATIENCE_MS[state]);
      const content = { code, cursor_pos: [...code].length };
      const { id, payload } = this.#writer.request('complete_request', from, content);
      this.#waiting = { id, code, settle, matches: undefined, idle: false };
      this.#send(payload);
    });
    return answer.finally(() => clearTimeout(timer));
  }

  /** @returns true when the frame belongs to such a request, and so isn't for the client */
  take(frame: Frame): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined || parentId(frame) !== waiting.id) return false;
    const { msg_type: type } = readHeader(frame);
    const content = readObject(frame, 'content');
    if (type === 'complete_reply') waiting.matches = matchesIn(content, waiting.code);
    if (type === 'status' && content.execution_state === 'idle') waiting.idle = true;
    // Reply and state come on channels of their own, in any order.
    if (waiting.matches !== undefined && waiting.idle) {
      this.#waiting = undefined;
      waiting.settle(waiting.matches);
    }
    return true;
  }

  /** The kernel restarted or the client left. */
  lost(): void {
    this.#waiting?.settle([]);
    this.#waiting = undefined;
  }
}

function matchesIn(
  { matches, cursor_start, metadata }: Record<string, unknown>,
  code: string,
): KernelMatch[] {
  if (!Array.isArray(matches)) return [];
  const before = code.slice(0, indexOf(code, typeof cursor_start === 'number' ? cursor_start : 0));
  const typed = (Object(metadata) as Record<string, unknown>)._jupyter_types_experimental;
  const kinds = new Map(
    (Array.isArray(typed) ? typed : []).map((each) => {
      const { text, type } = Object(each) as Record<string, unknown>;
      return [text, typeof type === 'string' ? type : ''];
    }),
  );
  return matches
    .filter((match) => typeof match === 'string')
    .map((match) => ({ text: before + match, kind: kinds.get(match) ?? '' }));
}
