import type { Connection, FieldDef, Submittable } from 'pg';
import type { Parameter } from './parameters.js';
import { readerOf } from './postgres-types.js';
import type { RowPages } from './row-pages.js';
import { columnOf } from './types.js';

/** What the driver's own connection can besides what its types say. */
interface Wire {
  parse(query: { readonly text: string; readonly types: readonly number[] }): void;
  bind(config: { readonly values: readonly string[] }): void;
  describe(what: { readonly type: 'P'; readonly name: string }): void;
  execute(config: { readonly portal: string; readonly rows: number }): void;
  sync(): void;
  sendCopyFail(message: string): void;
}

/**
 * One statement of the extended query protocol, all of it sent at once: the database always ends it with
 * ReadyForQuery, so the gateway does not need to know in which state an error finds it.
 *
 * Source: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
 */
export class PostgresAnswer implements Submittable {
  hasRows = false;
  /** As the database says it: `INSERT 0 2`. */
  tag = '';
  /** Whether rows came that are no result: COPY … TO STDOUT. */
  isCopied = false;
  readonly #text: string;
  readonly #parameters: readonly Parameter[];
  readonly #types: readonly number[];
  readonly #most: number;
  readonly #pages: RowPages<string>;
  /** Whether the database has been told that there is no input. */
  #isRefused = false;

  /**
   * @param types object ids of the parameters' types; 0 where the database infers it
   * @param most rows
   */
  constructor(
    text: string,
    parameters: readonly Parameter[],
    types: readonly number[],
    most: number,
    pages: RowPages<string>,
  ) {
    this.#text = text;
    this.#parameters = parameters;
    this.#types = types;
    this.#most = most;
    this.#pages = pages;
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    wire.parse({ text: this.#text, types: this.#types });
    wire.bind({ values: this.#parameters.map(({ value }) => String(value)) });
    wire.describe({ type: 'P', name: '' });
    // One more than allowed shows whether there are more.
    wire.execute({ portal: '', rows: this.#most + 1 });
    wire.sync();
  }

  handleRowDescription({ fields }: { readonly fields: readonly FieldDef[] }): void {
    if (fields.length === 0) return;
    this.hasRows = true;
    const readers = fields.map(({ dataTypeID }) => readerOf(dataTypeID));
    const columns = fields.map(({ name }, at) => {
      const { reader, isArray } = readers[at] ?? readerOf(0);
      return columnOf(name, reader, isArray);
    });
    this.#pages.begin(
      columns,
      readers.map(({ read }) => read),
    );
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    if (this.#pages.goesOn) throw new Error('more rows than were asked for');
    this.#pages.add(fields);
  }

  handlePortalSuspended(): void {}

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.tag = text;
  }

  handleEmptyQuery(): void {}

  /** The database reads input then, and has passed over the end of the request in it. */
  handleCopyInResponse(connection: Connection): void {
    if (this.#isRefused) throw new Error('it asks for input again');
    this.#isRefused = true;
    const wire = connection as unknown as Wire;
    wire.sendCopyFail('a cell has no input to copy from. Use COPY with a file of the server, or INSERT');
    wire.sync();
  }

  handleCopyData(): void {
    this.isCopied = true;
  }

  handleReadyForQuery(): void {
    this.#pages.end();
  }

  handleError(error: Error): void {
    this.#pages.fail(error);
  }
}

/** Has the database read a statement, and do nothing with it. */
export class PostgresParse implements Submittable {
  readonly #text: string;
  readonly #types: readonly number[];
  readonly #done: (error: Error | undefined) => void;

  /** @param done told once, with the error that there is */
  constructor(text: string, types: readonly number[], done: (error: Error | undefined) => void) {
    this.#text = text;
    this.#types = types;
    this.#done = done;
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    wire.parse({ text: this.#text, types: this.#types });
    wire.sync();
  }

  handleReadyForQuery(): void {
    this.#done(undefined);
  }

  handleError(error: Error): void {
    this.#done(error);
  }
}
