import type { Connection } from 'mysql2';
import type { Page } from '../pages.js';
import type { Json } from '../processor.js';
import { readerOf } from './mysql-types.js';
import { PAGE_ROWS, PAGE_SIZE } from './session.js';
import { columnOf } from './types.js';

/** What comes of one statement, as pages; the database waits while nobody takes them. */
export class Answer {
  hasRows = false;
  goesOn = false;
  count = 0;
  affected = 0;
  status = 0;
  readonly #connection: Connection;
  readonly #most: number;
  readonly #pages: Page[] = [];
  #readers: ReturnType<typeof readerOf>[] = [];
  #values: Json[][] = [];
  #size = 0;
  #failure: unknown;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(connection: Connection, most: number) {
    this.#connection = connection;
    this.#most = most;
  }

  listen(query: ReturnType<Connection['query']>): void {
    query.on('fields', (fields: unknown) => {
      this.#flush();
      if (Array.isArray(fields)) this.#begin(fields);
    });
    query.on('result', (result: unknown) => {
      if (Array.isArray(result)) this.#add(result);
      else {
        const header = Object(result) as { affectedRows?: number; serverStatus?: number };
        this.affected = header.affectedRows ?? 0;
        this.status = header.serverStatus ?? 0;
      }
    });
    query.on('error', (error: unknown) => {
      // Stopped at the limit: that is no failure.
      if (!this.goesOn) this.#failure = error;
    });
    query.on('end', () => {
      this.#isOver = true;
      this.#flush();
      this.#wake();
    });
  }

  /** @returns undefined at the end */
  async next(): Promise<Page | undefined> {
    while (this.#pages.length === 0 && !this.#isOver) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#connection.resume();
      await woken;
    }
    const page = this.#pages.shift();
    if (page === undefined && this.#failure !== undefined) throw this.#failure;
    return page;
  }

  #begin(
    fields: readonly { name: string; type?: number; columnType?: number; characterSet?: number }[],
  ): void {
    this.#readers = fields.map(({ columnType = 0, characterSet = 0 }) =>
      readerOf({ type: columnType, characterSet }),
    );
    this.#values = fields.map(() => []);
    this.hasRows = true;
    this.count = 0;
    const columns = fields.map(({ name }, at) =>
      columnOf(name, (this.#readers[at] ?? readerOf({ type: 0, characterSet: 0 })).reader, false),
    );
    this.#push({ kind: 'columns', columns });
  }

  #add(row: readonly unknown[]): void {
    if (this.count >= this.#most) {
      if (!this.goesOn) {
        this.goesOn = true;
        this.#flush();
        this.#wake();
      }
      return;
    }
    this.count += 1;
    for (const [at, reader] of this.#readers.entries()) {
      const value = row[at] ?? null;
      const read = value === null ? null : reader.read(value);
      this.#values[at]?.push(read);
      this.#size += typeof read === 'string' ? read.length + 4 : 8;
    }
    if (this.#size > PAGE_SIZE || (this.#values[0]?.length ?? 0) >= PAGE_ROWS) this.#flush();
  }

  #flush(): void {
    if ((this.#values[0]?.length ?? 0) === 0) return;
    this.#push({ kind: 'rows', rows: this.#values });
    this.#values = this.#values.map(() => []);
    this.#size = 0;
  }

  #push(page: Page): void {
    this.#pages.push(page);
    if (page.kind === 'rows' && !this.#isOver) this.#connection.pause();
    this.#wake();
  }
}
