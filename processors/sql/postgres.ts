import { Client, type Connection, DatabaseError, type QueryResult } from 'pg';
import Cursor from 'pg-cursor';
import { NoAnswer } from '../no-answer.js';
import type { Page } from '../pages.js';
import { CellError, type Json } from '../processor.js';
import type { Rendered } from './parameters.js';
import { configOf, refusalOf } from './postgres-login.js';
import { readerOf } from './postgres-types.js';
import {
  type Done,
  type GuardedSocket,
  outliveNonsense,
  PAGE_ROWS,
  PAGE_SIZE,
  type Session,
  StatementError,
} from './session.js';
import type { Endpoint } from './settings.js';
import { columnOf } from './types.js';

/** Values come as PostgreSQL writes them; how it writes dates and bytes is a setting that a role may have otherwise. */
const AS_READ = 'SET datestyle TO ISO; SET bytea_output TO hex; SET extra_float_digits TO 1';
const AS_TEXT = { getTypeParser: () => (text: string) => text };
/** Of the first page: nobody knows yet how long a row is. */
const FIRST_ROWS = 50;

/** @throws {CellError} saying what failed: the name, the certificate, the credential, the permission */
export async function openPostgres(endpoint: Endpoint): Promise<PostgresSession> {
  const client = new Client(configOf(endpoint));
  // What breaks later shows in the statement that runs then; an idle session that breaks is not given out again.
  client.on('error', () => {});
  const { connection } = client as unknown as { connection: Connection & { stream: GuardedSocket } };
  connection.on('sslconnect', () => outliveNonsense(connection.stream));
  try {
    await client.connect();
    const session = new PostgresSession(client, endpoint);
    await session.prepare();
    return session;
  } catch (error) {
    client.end().catch(() => {});
    throw refusalOf(endpoint, error);
  }
}

/** What the cursor of the driver's own doesn't know, and would end the process with: COPY from or to its client. */
class RowCursor extends Cursor<(string | null)[]> {
  handleCopyInResponse(connection: Connection & { sendCopyFail(message: string): void }): void {
    connection.sendCopyFail(
      'a cell has no input to copy from: use COPY with a file of the server, or INSERT',
    );
  }

  handleCopyData(): void {}
}

export class PostgresSession implements Session {
  readonly #client: Client;
  readonly #endpoint: Endpoint;
  #isBusy = false;
  /** Whether the cell's read-only transaction has begun. */
  #hasBegun = false;

  constructor(client: Client, endpoint: Endpoint) {
    this.#client = client;
    this.#endpoint = endpoint;
  }

  async prepare(): Promise<void> {
    await this.#client.query(AS_READ);
    this.#hasBegun = false;
  }

  get isInTransaction(): boolean {
    return !this.#endpoint.readOnly && this.#client.getTransactionStatus() !== 'I';
  }

  async version(): Promise<string> {
    const { rows } = await this.#client.query<{ server_version: string }>('SHOW server_version');
    return `PostgreSQL ${rows[0]?.server_version ?? ''}`;
  }

  async *run({ text, parameters }: Rendered, _: unknown, most: number): AsyncGenerator<Page, Done> {
    if (this.#endpoint.readOnly) await this.#ensureReadOnly();
    const cursor = new RowCursor(
      text,
      parameters.map(({ value }) => String(value)),
      { rowMode: 'array', types: AS_TEXT },
    );
    this.#client.query(cursor);
    let readers: ReturnType<typeof readerOf>[] | undefined;
    let count = 0;
    for (let want = FIRST_ROWS; ; ) {
      // One more than allowed shows whether there are more.
      want = Math.min(want, most + 1 - count);
      const { rows, result } = await this.#read(cursor, want);
      if (readers === undefined && result.fields.length > 0) {
        readers = result.fields.map(({ dataTypeID }) => readerOf(dataTypeID));
        const columns = result.fields.map(({ name }, at) => {
          const { reader, isArray } = readers?.[at] ?? readerOf(0);
          return columnOf(name, reader, isArray);
        });
        yield { kind: 'columns', columns };
      }
      const taken = Math.min(rows.length, most - count);
      count += taken;
      if (readers !== undefined && taken > 0) {
        yield { kind: 'rows', rows: byColumn(rows, taken, readers) };
        want = nextSize(rows);
      }
      const goesOn = rows.length > taken;
      if (goesOn) await cursor.close();
      if (goesOn || result.command !== null) {
        return { says: tagOf(result), hasRows: readers !== undefined, goesOn };
      }
    }
  }

  async #read(cursor: RowCursor, most: number) {
    this.#isBusy = true;
    try {
      return await new Promise<{ rows: (string | null)[][]; result: QueryResult }>((resolve, reject) => {
        cursor.read(most, (error, rows, result) => (error ? reject(error) : resolve({ rows, result })));
      });
    } catch (error) {
      throw error instanceof DatabaseError ? failureOf(error) : new NoAnswer(this.#endpoint.host, error);
    } finally {
      this.#isBusy = false;
    }
  }

  /**
   * The whole cell is in one read-only transaction, which has read something already: PostgreSQL lets nothing make it
   * read-write any more. A cell that ended it gets no further.
   */
  async #ensureReadOnly(): Promise<void> {
    if (!this.#hasBegun) await this.#client.query('BEGIN TRANSACTION READ ONLY');
    this.#hasBegun = true;
    const { rows } = await this.#client.query<{ on: string }>(
      "SELECT current_setting('transaction_read_only') AS on",
    );
    if (rows[0]?.on === 'on' && this.#client.getTransactionStatus() === 'T') return;
    throw new CellError(
      'This connection is read-only: its cells stay in one transaction. Leave COMMIT and ROLLBACK out.',
    );
  }

  async cancel(): Promise<void> {
    if (!this.#isBusy) return;
    const { processID } = this.#client as unknown as { processID: number };
    const other = await openPostgres({ ...this.#endpoint, readOnly: false });
    try {
      await other.#client.query('SELECT pg_cancel_backend($1)', [processID]);
    } finally {
      other.close();
    }
  }

  async reset(): Promise<void> {
    if (this.#client.getTransactionStatus() !== 'I') await this.#client.query('ROLLBACK');
    await this.#client.query('DISCARD ALL');
    await this.prepare();
  }

  hold(inUse: boolean): void {
    const { connection } = this.#client as unknown as { connection: { stream: GuardedSocket } };
    if (inUse) connection.stream.ref();
    else connection.stream.unref();
  }

  close(): void {
    this.#client.end().catch(() => {});
    const { connection } = this.#client as unknown as { connection: { stream: GuardedSocket } };
    connection.stream.destroy();
  }
}

function byColumn(
  rows: readonly (string | null)[][],
  count: number,
  readers: readonly { read(text: string): Json }[],
): Json[][] {
  return readers.map(({ read }, column) => {
    const values = new Array<Json>(count);
    for (let row = 0; row < count; row++) {
      const text = rows[row]?.[column] ?? null;
      values[row] = text === null ? null : read(text);
    }
    return values;
  });
}

/** @returns how many rows such as these make a page */
function nextSize(rows: readonly (string | null)[][]): number {
  let size = 0;
  for (const row of rows) for (const text of row) size += 4 + (text?.length ?? 0);
  return Math.max(
    1,
    Math.min(PAGE_ROWS, Math.floor((PAGE_SIZE * rows.length) / (size + 1)), rows.length * 20),
  );
}

function tagOf({ command, rowCount }: QueryResult): string {
  return [command, ...(rowCount === null || rowCount === undefined ? [] : [rowCount])].join(' ');
}

function failureOf({ message, severity, detail, hint, position }: DatabaseError): StatementError {
  const sentences = [
    `${severity ?? 'ERROR'}: ${message}`,
    ...(detail === undefined ? [] : [`DETAIL: ${detail}`]),
    ...(hint === undefined ? [] : [`HINT: ${hint}`]),
  ];
  return new StatementError(sentences.join('\n'), position === undefined ? undefined : Number(position) - 1);
}
