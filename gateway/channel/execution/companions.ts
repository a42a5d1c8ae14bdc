import { type Frame, type Payload, readObject } from '../wire/frame.js';
import { type Header, type MessageWriter, parentId, readHeader } from '../wire/messages.js';

/** How a companion request ended: `ok`, or the kernel's `error` or `aborted`. */
export type CompanionStatus = 'ok' | 'error' | 'aborted';

export interface CompanionEnd {
  readonly status: CompanionStatus;
  /** Whether its question was answered with True. */
  readonly isTrue: boolean;
}

interface Waiting {
  readonly code: string;
  readonly question: string | undefined;
  readonly from: Header;
  readonly settle: (end: CompanionEnd) => void;
  /** How often it has been sent. */
  readonly sent: number;
  replied: boolean;
  idle: boolean;
}

const ABORTED: CompanionEnd = { status: 'aborted', isTrue: false };

/** So often one is sent to kernels that start before they answer: what starts more often is no kernel (invariant S15). */
const MOST_SENT = 10;

/**
 * The gateway's own silent requests: each runs before a rewritten cell and makes sure that the kernel helper
 * is there. Awaited, never pipelined: a companion aborted behind a failing cell would leave its cell alone.
 */
export class Companions {
  readonly #waiting = new Map<string, Waiting>();
  readonly #writer: MessageWriter;
  readonly #send: (payload: Payload) => void;

  constructor(writer: MessageWriter, send: (payload: Payload) => void) {
    this.#writer = writer;
    this.#send = send;
  }

  /**
   * Runs `code` silently in the session and subshell of a client's request.
   * @param question an expression that is evaluated after it
   */
  run(code: string, from: Header, question?: string): Promise<CompanionEnd> {
    return new Promise((settle) =>
      this.#ask({ code, question, from, settle, sent: 1, replied: false, idle: false }),
    );
  }

  #ask(waiting: Waiting): void {
    const content = {
      code: waiting.code,
      silent: true,
      store_history: false,
      user_expressions: waiting.question === undefined ? {} : { question: waiting.question },
      allow_stdin: false,
      stop_on_error: false,
    };
    const { id, payload } = this.#writer.request('execute_request', waiting.from, content);
    this.#waiting.set(id, waiting);
    this.#send(payload);
  }

  /** False on the hot path: then no frame needs a look. */
  get some(): boolean {
    return this.#waiting.size > 0;
  }

  /** @returns true when the frame belongs to a companion, and so isn't for the client */
  take(frame: Frame): boolean {
    const id = parentId(frame);
    const waiting = this.#waiting.get(id);
    if (!waiting) return false;
    const { msg_type: type } = readHeader(frame);
    if (type === 'execute_reply') {
      waiting.replied = true;
      const { status, user_expressions } = readObject(frame, 'content');
      waiting.settle({
        status: status === 'ok' || status === 'aborted' ? status : 'error',
        isTrue: isTrue(user_expressions),
      });
    }
    if (type === 'status' && readObject(frame, 'content').execution_state === 'idle') waiting.idle = true;
    if (waiting.idle) this.#over(id);
    return true;
  }

  /**
   * A kernel has started. What waits may have been sent to the one before it, or wait in the queue of this one:
   * it is asked again, and whichever answer comes first counts.
   */
  again(): void {
    for (const waiting of [...this.#waiting.values()].filter(({ replied }) => !replied)) {
      waiting.replied = true;
      if (waiting.sent < MOST_SENT)
        this.#ask({ ...waiting, sent: waiting.sent + 1, replied: false, idle: false });
      else waiting.settle(ABORTED);
    }
  }

  /** A kernel's idle can be lost when it restarts: those that came before and have their answer are over too. */
  #over(id: string): void {
    for (const [each, { replied }] of this.#waiting) {
      if (replied) this.#waiting.delete(each);
      if (each === id) return;
    }
  }

  /** The kernel restarted or the client left: no answer will come. */
  lost(): void {
    for (const { settle } of this.#waiting.values()) settle(ABORTED);
    this.#waiting.clear();
  }
}

/** The answers to `user_expressions`, as a kernel shows them. */
function isTrue(answers: unknown): boolean {
  const { question } = Object(answers) as { question?: unknown };
  const { data } = Object(question) as { data?: unknown };
  return (Object(data) as Record<string, unknown>)['text/plain'] === 'True';
}
