import { hash } from 'node:crypto';
import type { Tell } from '../../events/events.js';
import { outcomeOf } from '../../metrics.js';
import type { Tracing } from '../../tracing.js';
import type { Viewer } from '../viewer.js';
import type { Execution, Sent } from './execution.js';

export interface RecordParts {
  readonly tell: Tell;
  readonly tracing: Tracing;
  /** The kernel's id. */
  readonly kernelId: string;
  viewer(): Viewer;
}

/** Writes the record of a cell that was run. It contains no text of the cell and no value (invariant S10). */
export class CellRecords {
  readonly #parts: RecordParts;

  constructor(parts: RecordParts) {
    this.#parts = parts;
  }

  /** @param code as the user typed it; only its hash is kept */
  begin(code: string, onError: (() => void) | undefined): Sent {
    const { tracing, kernelId } = this.#parts;
    const from = this.#parts.viewer();
    // A new trace, as the websocket's may have begun a week ago. The request's id joins them.
    const attributes = { 'spin.request': from.request, 'spin.kernel': kernelId };
    const span = tracing.begin('cell', attributes);
    return { from, source: hash('sha256', code), startedAt: performance.now(), onError, span };
  }

  /** @param reply the execute_reply's status, or `unseen` when it will not be heard */
  end({ sent, taken }: Execution, reply: string): void {
    if (sent === undefined) return;
    const { from, source, startedAt, span } = sent;
    const outcome = outcomeOf(reply);
    span.end({ 'spin.processor': taken.processor, 'spin.outcome': outcome }, outcome === 'error');
    const seconds = (performance.now() - startedAt) / 1000;
    const kernel = this.#parts.kernelId;
    this.#parts.tell({ kind: 'cell ended', ...from, kernel, ...taken, source, outcome, seconds });
  }
}
