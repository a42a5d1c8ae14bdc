import type { Value } from '../../../processors/core/value.js';
import type { Offer } from '../../../processors/index.js';
import type { Log } from '../../log.js';
import type { Metrics } from '../../metrics.js';
import { tallyOf } from '../../tally.js';
import type { Span } from '../../tracing.js';
import type { Viewer } from '../viewer.js';
import { type Frame, type Payload, readObject } from '../wire/frame.js';
import { parseJson } from '../wire/json-text.js';
import { type MessageWriter, parentId, readHeader } from '../wire/messages.js';
import { BrokerJob } from './job.js';
import { cutToFit } from './pages.js';
import { readValues } from './values.js';

/** What the helper's questions begin with: everything else is a user's own `input()`. */
const PROMPT = 'spin-broker:';

/**
 * The longest question that is read, in bytes, with all variables of its cell: code in a kernel chooses its size, and
 * what is parsed takes many times that in memory and everybody's time (invariant S15).
 */
const LONGEST_QUESTION = 8 * 1024 * 1024;

/** A question of the helper. */
interface Question {
  readonly nonce: unknown;
  readonly page: unknown;
  readonly values?: unknown;
}

interface Running {
  readonly job: BrokerJob;
  readonly nonce: string;
  /** Number of the page that comes next: each is given once, in order. */
  page: number;
  /** A question waits for its answer: the helper asks the next one only then. */
  isAsked: boolean;
  /** What the last page was too large for. */
  rest: readonly string[];
}

export interface BrokerParts {
  readonly writer: MessageWriter;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'brokered' | 'retried'>;
  viewer(): Viewer;
  /** The span of the cell with this msg_id. */
  spanOf(executeRequestId: string): Span | undefined;
  toKernel(payload: Payload): void;
  /** A question could not be answered: the caller closes the socket. */
  onFault(error: unknown): void;
  /** Told when the last brokered cell has ended. */
  onBrokered(): void;
}

/**
 * Answers what brokered cells ask on the stdin channel (mechanism 6). It honours only executions that the gateway
 * itself started, each for what its cell compiled to, once, page by page (invariant S12); the client never sees any
 * of it.
 */
export class Broker {
  readonly #parts: BrokerParts;
  /** By msg_id of the execute_request. */
  readonly #running = new Map<string, Running>();

  constructor(parts: BrokerParts) {
    this.#parts = parts;
  }

  /** False on the hot path. */
  get some(): boolean {
    return this.#running.size > 0;
  }

  /** The cell is on its way to the kernel: it may ask now. */
  expect(executeRequestId: string, { nonce, work }: Offer): void {
    const { log, metrics, spanOf } = this.#parts;
    const span = spanOf(executeRequestId)?.child('brokered request', { 'spin.connection.type': work.name });
    const { request } = this.#parts.viewer();
    const job = new BrokerJob(work, {
      fault: (fault) => log.error({ request, fault, processor: work.name }, 'a brokered request failed'),
      retry: () => metrics.retried(work.name),
      end: (outcome, rows) => {
        metrics.brokered(work.name, outcome, rows);
        span?.end({ 'spin.outcome': outcome, 'spin.rows': rows }, outcome === 'error');
      },
    });
    this.#running.set(executeRequestId, { job, nonce, page: 0, isAsked: false, rest: [] });
  }

  /** @returns true when the frame is a brokered cell's question, and so isn't for the client */
  take(frame: Frame): boolean {
    const running = this.#running.get(parentId(frame));
    if (running === undefined) return false;
    const size = frame.bytes('content').length + frame.bytes('header').length;
    if (size > LONGEST_QUESTION) return this.#refuseLong(frame, running, size);
    const question = questionIn(frame);
    if (question === undefined) return false;
    const { nonce, page, values } = question;
    if (nonce !== running.nonce || page !== running.page || running.isAsked) {
      // Somebody in the kernel makes up questions: this execution gets nothing any more.
      this.ended(parentId(frame));
      const { log } = this.#parts;
      const { request } = this.#parts.viewer();
      tallyOf(log).tell(`refused question ${request}`, (more) =>
        log.warn(
          { request, page, ...(more > 0 && { more }) },
          'a question that its cell did not ask was refused',
        ),
      );
      this.#reply(frame, '');
      return true;
    }
    running.isAsked = true;
    const given = running.page === 0 ? readValues(values) : undefined;
    this.#answer(frame, running, given).catch((error: unknown) => this.#parts.onFault(error));
    return true;
  }

  /** Nothing of it is parsed, so that the cell may ask no more. */
  #refuseLong(frame: Frame, { nonce, page }: Running, bytes: number): true {
    this.ended(parentId(frame));
    const { request } = this.#parts.viewer();
    this.#parts.log.warn({ request, bytes }, 'a question that is too long was refused');
    const sentence =
      `The variables of this cell are ${Math.round(bytes / 1e6)} MB; a cell takes at most ` +
      `${Math.floor(LONGEST_QUESTION / 1e6)} MB. Give fewer, or upload the data.`;
    this.#reply(frame, `${nonce} ${page} last\n${JSON.stringify({ kind: 'error', sentence })}`);
    return true;
  }

  /** The execution is over, however it ended: its request is cancelled. */
  ended(executeRequestId: string): void {
    this.#running.get(executeRequestId)?.job.cancel();
    if (this.#running.delete(executeRequestId) && !this.some) this.#parts.onBrokered();
  }

  /** The gateway ends: each cell is told so by the next answer. */
  giveUp(): void {
    for (const { job } of this.#running.values()) job.giveUp();
  }

  /** The kernel restarted, or nobody is left to answer. */
  close(): void {
    for (const id of [...this.#running.keys()]) this.ended(id);
  }

  async #answer(
    frame: Frame,
    running: Running,
    values: ReadonlyMap<string, Value> | undefined,
  ): Promise<void> {
    const [piece = '', ...rest] =
      running.rest.length > 0 ? running.rest : cutToFit(await running.job.next(values));
    running.rest = rest;
    // An answer that nobody waits for would be there for the next question.
    if (this.#running.get(parentId(frame)) !== running) return;
    const page = running.page++;
    running.isAsked = false;
    // A first line for the helper to know the answer by, and whether the page goes on.
    this.#reply(frame, `${running.nonce} ${page} ${rest.length > 0 ? 'more' : 'last'}\n${piece}`);
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
