import type { Column, Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';

/** About a page of a result, in characters: a kernel takes it in one answer, and neither side holds more than a few. */
const PAGE_SIZE = 500_000;
const PAGE_ROWS = 5_000;

/** What rows come from. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/**
 * The rows of one statement as they come off the wire, cut into pages by their size. The database waits until the
 * gateway reads them. A row that is larger than a page is one page.
 */
export class RowPages<Raw> {
  /** Of the result that comes now. */
  count = 0;
  readonly #flow: Flow;
  readonly #most: number;
  readonly #pages: Page[] = [];
  #readers: readonly ((value: Raw) => Json)[] = [];
  #values: Json[][] = [];
  #size = 0;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  #wake: () => void = () => {};

  /** @param most rows of one result */
  constructor(flow: Flow, most: number) {
    this.#flow = flow;
    this.#most = most;
  }

  /** True when there are more rows than asked for. */
  get goesOn(): boolean {
    return this.count > this.#most;
  }

  /** A result begins. */
  begin(columns: readonly Column[], readers: readonly ((value: Raw) => Json)[]): void {
    this.#flush();
    this.count = 0;
    this.#readers = readers;
    this.#values = readers.map(() => []);
    this.#pages.push({ kind: 'columns', columns });
    this.#wake();
  }

  /** One row more; the first that is too many is said, the others are counted alone. */
  add(row: readonly (Raw | null)[]): void {
    this.count += 1;
    if (this.count > this.#most) {
      if (this.count === this.#most + 1) this.#say();
      return;
    }
    // Millions of rows pass here: without an iterator.
    for (let at = 0; at < this.#readers.length; at++) {
      const value = row[at] ?? null;
      this.#size += sizeOf(value);
      this.#values[at]?.push(value === null ? null : (this.#readers[at]?.(value) ?? null));
    }
    if (this.#size > PAGE_SIZE || this.count % PAGE_ROWS === 0) this.#flush();
  }

  end(): void {
    if (this.#isOver) return;
    this.#flush();
    this.#isOver = true;
    this.#wake();
  }

  /** What came before it is given first. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#failure = { error };
    this.end();
  }

  /**
   * @returns undefined at the end
   * @throws what made it fail
   */
  async next(): Promise<Page | undefined> {
    while (this.#pages.length === 0 && !this.#isOver) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#flow.resume();
      await woken;
    }
    const page = this.#pages.shift();
    if (page === undefined && this.#failure !== undefined) throw this.#failure.error;
    return page;
  }

  #say(): void {
    this.#flush();
    const text = `There are more rows. --limit ends them at ${this.#most.toLocaleString('en')}.`;
    this.#pages.push({ kind: 'note', text });
    this.#wake();
  }

  #flush(): void {
    if ((this.#values[0]?.length ?? 0) > 0) {
      this.#pages.push({ kind: 'rows', rows: this.#values });
      this.#values = this.#values.map(() => []);
      this.#size = 0;
      if (!this.#isOver) this.#flow.pause();
    }
    this.#wake();
  }
}

/** In characters or bytes, about. */
function sizeOf(value: unknown): number {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.length + 4 : 8;
}
