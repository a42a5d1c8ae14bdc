import { hash } from 'node:crypto';
import type { CellRecord, Log } from '../../log.js';
import { type Metrics, outcomeOf } from '../../metrics.js';
import type { Span, Tracing } from '../../tracing.js';
import type { Viewer } from '../viewer.js';

interface Running {
  readonly from: Viewer;
  readonly source: string;
  readonly startedAt: number;
  readonly onError: (() => void) | undefined;
  readonly span: Span;
  processor: string;
}

export interface CellsParts {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'cell'>;
  readonly tracing: Tracing;
  viewer(): Viewer;
}

/** Cells whose reply is awaited, per client; the record of one that is over the limit is written without it. */
const MOST_RUNNING = 10_000;

/** The cells that one client has sent and whose reply is still to come; writes a log line for each that ends. */
export class Cells {
  readonly #running = new Map<string, Running>();
  readonly #parts: CellsParts;
  readonly #kernel: string;

  /** @param kernel its id */
  constructor(parts: CellsParts, kernel: string) {
    this.#parts = parts;
    this.#kernel = kernel;
  }

  /**
   * @param id msg_id of the execute_request
   * @param code as the user typed it; only its hash is kept
   * @param onError told when the cell fails; must not hold on to the message
   */
  started(id: string, code: string, onError: (() => void) | undefined): void {
    const source = hash('sha256', code);
    // An id that is used again would take the first cell's line; both are run.
    const same = this.#running.get(id);
    if (same) this.#write(same, 'unseen');
    const from = this.#parts.viewer();
    // A trace of its own: the websocket's may have begun a week ago. The request's id joins them.
    const attributes = { 'spin.request': from.request, 'spin.kernel': this.#kernel };
    const span = this.#parts.tracing.begin('cell', attributes);
    this.#running.set(id, { from, source, startedAt: performance.now(), onError, span, processor: 'none' });
    if (this.#running.size <= MOST_RUNNING) return;
    const [oldest] = this.#running;
    if (!oldest) return;
    this.#running.delete(oldest[0]);
    this.#write(oldest[1], 'unseen');
  }

  /** Those whose reply is still to come, by msg_id, as they were sent; it changes with them. */
  get running(): ReadonlyMap<string, unknown> {
    return this.#running;
  }

  /** The span of a cell whose reply is to come. */
  spanOf(id: string): Span | undefined {
    return this.#running.get(id)?.span;
  }

  /** The cell is taken by a processor. */
  processedBy(id: string, processor: string): void {
    const cell = this.#running.get(id);
    if (cell) cell.processor = processor;
  }

  /** @param status the execute_reply's: `ok`, `error` or `aborted` */
  ended(id: string, status: string): void {
    const cell = this.#running.get(id);
    if (!cell) return;
    this.#running.delete(id);
    this.#write(cell, status);
    if (status === 'error') cell.onError?.();
  }

  /** The client is gone: the kernel goes on with its cells, unseen. */
  close(): void {
    for (const cell of this.#running.values()) this.#write(cell, 'unseen');
    this.#running.clear();
  }

  #write({ from, source, startedAt, span, processor }: Running, reply: string): void {
    const status = outcomeOf(reply);
    const duration = performance.now() - startedAt;
    const duration_ms = Math.round(duration);
    this.#parts.metrics.cell(processor, status, duration / 1000);
    span.end({ 'spin.processor': processor, 'spin.outcome': status }, status === 'error');
    const record: CellRecord = { ...from, kernel: this.#kernel, processor, source, status, duration_ms };
    this.#parts.log.info(record, 'cell');
  }
}
