import { hash } from 'node:crypto';
import type { CellRecord, Log } from '../../log.js';
import { type Metrics, outcomeOf } from '../../metrics.js';
import type { Tracing } from '../../tracing.js';
import type { Viewer } from '../viewer.js';
import type { Execution, Sent } from './execution.js';

export interface RecordParts {
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'cell'>;
  readonly tracing: Tracing;
  /** The kernel's id. */
  readonly kernelId: string;
  viewer(): Viewer;
}

/** Writes what is kept of a cell that was run: a log line, a metric and a span. No text of it and no value (invariant S10). */
export class CellRecords {
  readonly #parts: RecordParts;

  constructor(parts: RecordParts) {
    this.#parts = parts;
  }

  /** @param code as the user typed it; only its hash is kept */
  begin(code: string, onError: (() => void) | undefined): Sent {
    const { tracing, kernelId } = this.#parts;
    const from = this.#parts.viewer();
    // A trace of its own: the websocket's may have begun a week ago. The request's id joins them.
    const attributes = { 'spin.request': from.request, 'spin.kernel': kernelId };
    const span = tracing.begin('cell', attributes);
    return { from, source: hash('sha256', code), startedAt: performance.now(), onError, span };
  }

  /** @param reply the execute_reply's status, or `unseen` when it will not be heard */
  end({ sent, processor }: Execution, reply: string): void {
    if (sent === undefined) return;
    const { from, source, startedAt, span } = sent;
    const status = outcomeOf(reply);
    const duration = performance.now() - startedAt;
    this.#parts.metrics.cell(processor, status, duration / 1000);
    span.end({ 'spin.processor': processor, 'spin.outcome': status }, status === 'error');
    const record: CellRecord = {
      ...from,
      kernel: this.#parts.kernelId,
      processor,
      source,
      status,
      duration_ms: Math.round(duration),
    };
    this.#parts.log.info(record, 'cell');
  }
}
