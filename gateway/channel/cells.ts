import { createHash } from 'node:crypto';
import type { CellRecord, Log } from '../log.js';

interface Running {
  readonly record: Omit<CellRecord, 'status' | 'duration_ms'>;
  readonly startedAt: number;
  readonly onError: () => void;
}

/** The cells that one client has sent and whose reply is still to come; writes a log line for each that ends. */
export class Cells {
  readonly #running = new Map<string, Running>();
  readonly #log: Log;
  readonly #common: Pick<CellRecord, 'address' | 'principal' | 'kernel'>;

  constructor(log: Log, common: Pick<CellRecord, 'address' | 'principal' | 'kernel'>) {
    this.#log = log;
    this.#common = common;
  }

  /**
   * @param id msg_id of the execute_request
   * @param code as the user typed it; only its hash is kept
   * @param onError told when the cell fails in a way that aborts what is queued behind it
   */
  started(id: string, code: string, processor: string, onError: () => void): void {
    const source = createHash('sha256').update(code).digest('hex');
    this.#running.set(id, {
      record: { ...this.#common, processor, source },
      startedAt: performance.now(),
      onError,
    });
  }

  /** @param status the execute_reply's: `ok`, `error` or `aborted` */
  ended(id: string, status: string): void {
    const cell = this.#running.get(id);
    if (!cell) return;
    this.#running.delete(id);
    this.#write(cell, status);
    if (status === 'error') cell.onError();
  }

  /** The client is gone: the kernel goes on with its cells, unseen. */
  close(): void {
    for (const cell of this.#running.values()) this.#write(cell, 'unseen');
    this.#running.clear();
  }

  #write({ record, startedAt }: Running, status: string): void {
    const entry: CellRecord = { ...record, status, duration_ms: Math.round(performance.now() - startedAt) };
    this.#log.info(entry, 'cell');
  }
}
