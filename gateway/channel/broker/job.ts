import type { End, Page } from '../../../processors/core/pages.js';
import type { Brokered } from '../../../processors/core/processor.js';
import type { Secret } from '../../../processors/core/secret.js';
import type { Value } from '../../../processors/core/value.js';
import { type Fault, faultOf } from '../../fault.js';
import type { BrokeredOutcome } from '../../metrics.js';
import { type Answer, PageMask } from './mask.js';

/** After so long, in milliseconds, a kernel that asks gets at least the progress. */
const PATIENCE_MS = 500;

/** How long a request may take where its cell doesn't say, in seconds. */
const TIMEOUT_S = 300;

/** The time for an abandoned request to end, in milliseconds. After it the kernel waits no longer. */
const GRACE_MS = 2_000;

/** What one cell may bring into a kernel (invariant S12). */
const MOST_ROWS = 20_000_000;
const MOST_BYTES = 4 * 1024 ** 3;

const FAULT = 'The gateway failed while it fetched the result of this cell; its log says more.';

/** Listens to a request's life. */
export interface JobListener {
  /** A failure that the cell's author can't correct. */
  fault(fault: Fault): void;
  /** It is sent again. */
  retry(): void;
  /** It is over. Called once, and never for a request that was not begun. */
  end(outcome: BrokeredOutcome, rows: number): void;
}

/** One request of a brokered cell, from its first page to its last; the kernel sets the pace. */
export class BrokerJob {
  readonly #work: Brokered;
  readonly #tell: JobListener;
  readonly #cancelled = new AbortController();
  readonly #mask = new PageMask();
  readonly #startedAt = performance.now();
  #pages: AsyncIterator<Page> | undefined;
  /** The answer that is being made: one ahead of the kernel. */
  #coming: Promise<Answer> | undefined;
  #timeLimit: NodeJS.Timeout | undefined;
  #rows = 0;
  #isOver = false;
  #bytes = 0;
  #progress = 'no answer yet';
  /** Ends the wait for a page that doesn't come soon. */
  #abandon: () => void = () => {};

  constructor(work: Brokered, tell: JobListener) {
    this.#work = work;
    this.#tell = tell;
    this.#cancelled.signal.addEventListener('abort', () => this.#abandon(), { once: true });
  }

  /**
   * The JSON of the next answer, or of the progress when there is none in time. Never rejects.
   * @param values of the kernel's variables, with the first question
   */
  async next(values: ReadonlyMap<string, Value> = new Map()): Promise<string> {
    this.#coming ??= this.#make(values);
    const answer = await within(PATIENCE_MS, this.#coming);
    if (answer === undefined) return this.#mask.json({ kind: 'progress', text: this.#told() });
    const json = this.#json(answer);
    if (answer.kind === 'rows') this.#rows += answer.rows[0]?.length ?? 0;
    if (answer.kind === 'rows' || answer.kind === 'content') this.#bytes += json.length;
    this.#coming =
      this.#rows > MOST_ROWS || this.#bytes > MOST_BYTES ? Promise.resolve(this.#cut()) : this.#make(values);
    return json;
  }

  /** Ends the request with an error that the kernel gets. */
  giveUp(): void {
    this.#cancelled.abort(new GatewayEnds());
  }

  /** Ends the request and whatever it started at the service. */
  cancel(): void {
    clearTimeout(this.#timeLimit);
    this.#cancelled.abort(new Error('the cell has ended'));
    this.#pages?.return?.().catch(() => {});
    this.#over('cancelled');
  }

  /** An answer that can't be written as JSON, e.g. because of its size, is an error of its cell only. */
  #json(answer: Answer): string {
    try {
      return this.#mask.json(answer);
    } catch (error) {
      this.#tell.fault(faultOf(error));
      this.#over('error');
      this.cancel();
      return this.#mask.json({ kind: 'error', sentence: FAULT });
    }
  }

  async #make(values: ReadonlyMap<string, Value>): Promise<Answer> {
    try {
      this.#pages ??= this.#start(values);
      for (;;) {
        const { done, value } = await this.#within(this.#pages);
        if (done) {
          this.#over('ok');
          return { kind: 'end' };
        }
        if (value.kind === 'end') this.#over('ok');
        if (value.kind !== 'progress') return value;
        this.#progress = value.text;
        if (value.retry) this.#tell.retry();
      }
    } catch (error) {
      this.#over('error');
      return { kind: 'error', sentence: this.#sentenceOf(error) };
    }
  }

  /** The next page, or the reason why the request was given up where that doesn't end it. */
  #within(pages: AsyncIterator<Page>): Promise<IteratorResult<Page>> {
    const { signal } = this.#cancelled;
    return new Promise((resolve, reject) => {
      const abandon = () => setTimeout(() => reject(signal.reason as Error), GRACE_MS).unref();
      // By its name: a function that is written right where a property gets it is made in V8's old generation, and what it
      // holds on to, the page that comes, would stay until the next full collection.
      this.#abandon = abandon;
      if (signal.aborted) abandon();
      pages.next().then(resolve, reject);
    });
  }

  #start(values: ReadonlyMap<string, Value>): AsyncIterator<Page> {
    const seconds = this.#work.timeout ?? TIMEOUT_S;
    const tooLong = () => this.#cancelled.abort(new TookTooLong(seconds));
    this.#timeLimit = setTimeout(tooLong, seconds * 1000).unref();
    const limits = {
      hide: (credential: Secret) => this.#mask.hide(credential),
      endsAt: Date.now() + seconds * 1000,
    };
    const { signal } = this.#cancelled;
    return this.#mask.pages(this.#work.perform(values, signal, limits), signal);
  }

  #over(outcome: BrokeredOutcome): void {
    if (this.#isOver || this.#pages === undefined) return;
    this.#isOver = true;
    this.#tell.end(outcome, this.#rows);
  }

  #cut(): End {
    this.#over('ok');
    this.cancel();
    return {
      kind: 'end',
      note: `The result goes on: a cell takes at most ${MOST_ROWS.toLocaleString('en')} rows and ${size(MOST_BYTES)}.`,
    };
  }

  #sentenceOf(error: unknown): string {
    const reason: unknown = this.#cancelled.signal.reason;
    if (reason instanceof TookTooLong || reason instanceof GatewayEnds) return reason.message;
    if (error instanceof Error && error.name === 'CellError') return error.message;
    if (!this.#cancelled.signal.aborted) this.#tell.fault(faultOf(error));
    return FAULT;
  }

  #told(): string {
    const seconds = `${Math.round((performance.now() - this.#startedAt) / 1000)} s`;
    if (this.#rows === 0) return `${this.#progress}, ${seconds}`;
    return `${this.#rows.toLocaleString('en')} rows, ${size(this.#bytes)}, ${seconds}`;
  }
}

class TookTooLong extends Error {
  constructor(seconds: number) {
    super(`The service took longer than ${seconds} s. Ask for less, or allow more with --timeout.`);
  }
}

class GatewayEnds extends Error {
  constructor() {
    super('The gateway was restarted in the middle of this cell. Run it again.');
  }
}

/** @returns undefined when it takes longer */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
