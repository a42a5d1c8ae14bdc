import type { Value } from '../../../processors/core/value.js';
import type { Offer } from '../../../processors/index.js';
import type { Tell } from '../../events/events.js';
import type { Span } from '../../tracing.js';
import type { Viewer } from '../viewer.js';
import { type Frame, type Payload, readObject } from '../wire/frame.js';
import { parseJson } from '../wire/json-text.js';
import { type MessageWriter, readHeader } from '../wire/messages.js';
import { BrokerJob } from './job.js';
import { cutToFit } from './pages.js';
import { readValues } from './values.js';

/** What the helper's questions begin with: everything else is a user's own `input()`. */
const PROMPT = 'spin-broker:';

/**
 * The longest question that is read, in bytes, with all variables of its cell: code in a kernel chooses its size, and
 * what is parsed takes many times that in memory and other clients' time (invariant S15).
 */
const LONGEST_QUESTION = 8 * 1024 * 1024;

/** A question of the helper. */
interface Question {
  readonly nonce: unknown;
  readonly page: unknown;
  readonly values?: unknown;
}

export interface BrokerParts {
  readonly writer: MessageWriter;
  readonly tell: Tell;
  viewer(): Viewer;
  toKernel(payload: Payload): void;
  /** A question could not be answered: the caller closes the socket. */
  onFault(error: unknown): void;
}

/**
 * Answers what one brokered cell asks on the stdin channel (mechanism 6): for what the gateway compiled the cell to,
 * once, page by page (invariant S12). The client never sees any of it.
 */
export class BrokerCall {
  readonly #parts: BrokerParts;
  readonly #job: BrokerJob;
  readonly #nonce: string;
  /** Number of the page that comes next: each is given once, in order. */
  #page = 0;
  /** A question waits for its answer: the helper asks the next one only then. */
  #isAsked = false;
  /** What the last page was too large for. */
  #rest: readonly string[] = [];
  #isOver = false;

  /** @param cell the span of its cell */
  constructor(parts: BrokerParts, { nonce, work }: Offer, cell: Span | undefined) {
    const { tell } = parts;
    const type = work.name;
    const span = cell?.child('brokered request', { 'spin.connection.type': type });
    const { request } = parts.viewer();
    this.#parts = parts;
    this.#nonce = nonce;
    this.#job = new BrokerJob(work, {
      fault: (fault) => tell({ kind: 'brokered failed', request, type, fault }),
      retry: () => tell({ kind: 'brokered retried', type }),
      end: (outcome, rows) => {
        tell({ kind: 'brokered ended', type, outcome, rows });
        span?.end({ 'spin.outcome': outcome, 'spin.rows': rows }, outcome === 'error');
      },
    });
  }

  /**
   * @param frame a message of its cell on the stdin channel
   * @returns what became of it: `client` when it isn't the helper's question, `refused` when the cell gets nothing any more
   */
  take(frame: Frame): 'taken' | 'refused' | 'client' {
    const size = frame.bytes('content').length + frame.bytes('header').length;
    if (size > LONGEST_QUESTION) return this.#refuseLong(frame, size);
    const question = questionIn(frame);
    if (question === undefined) return 'client';
    const { nonce, page, values } = question;
    if (nonce !== this.#nonce || page !== this.#page || this.#isAsked) return this.#refuseForged(frame, page);
    this.#isAsked = true;
    const given = this.#page === 0 ? readValues(values) : undefined;
    this.#answer(frame, given).catch((error: unknown) => this.#parts.onFault(error));
    return 'taken';
  }

  /** The gateway ends: the cell is told so by the next answer. */
  giveUp(): void {
    this.#job.giveUp();
  }

  /** Its cell is over, however it ended, or cannot be heard any more: its request is cancelled. */
  cancel(): void {
    this.#isOver = true;
    this.#job.cancel();
  }

  /** Code in the kernel makes up questions. */
  #refuseForged(frame: Frame, page: unknown): 'refused' {
    const { request } = this.#parts.viewer();
    this.#parts.tell({ kind: 'question forged', request, page });
    this.#reply(frame, '');
    return 'refused';
  }

  /** Nothing of it is parsed. */
  #refuseLong(frame: Frame, bytes: number): 'refused' {
    const { request } = this.#parts.viewer();
    this.#parts.tell({ kind: 'question too long', request, bytes });
    const sentence =
      `The variables of this cell are ${Math.round(bytes / 1e6)} MB; a cell takes at most ` +
      `${Math.floor(LONGEST_QUESTION / 1e6)} MB. Give fewer, or upload the data.`;
    this.#reply(frame, `${this.#nonce} ${this.#page} last\n${JSON.stringify({ kind: 'error', sentence })}`);
    return 'refused';
  }

  async #answer(frame: Frame, values: ReadonlyMap<string, Value> | undefined): Promise<void> {
    const [piece = '', ...rest] = this.#rest.length > 0 ? this.#rest : cutToFit(await this.#job.next(values));
    this.#rest = rest;
    // An answer that nothing waits for would be there for the next question.
    if (this.#isOver) return;
    const page = this.#page++;
    this.#isAsked = false;
    // A first line for the helper to know the answer by, and whether the page goes on.
    this.#reply(frame, `${this.#nonce} ${page} ${rest.length > 0 ? 'more' : 'last'}\n${piece}`);
  }

  #reply(question: Frame, value: string): void {
    this.#parts.toKernel(this.#parts.writer.inputReply(question, value));
  }
}

function questionIn(frame: Frame): Question | undefined {
  if (readHeader(frame).msg_type !== 'input_request') return undefined;
  const { prompt } = readObject(frame, 'content');
  if (typeof prompt !== 'string' || !prompt.startsWith(PROMPT)) return undefined;
  try {
    const question = parseJson(prompt.slice(PROMPT.length));
    return Object(question) as Question;
  } catch {
    return { nonce: undefined, page: undefined };
  }
}
