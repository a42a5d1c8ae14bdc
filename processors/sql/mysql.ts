import mysql, { type Connection } from 'mysql2';
import { NoAnswer } from '../no-answer.js';
import type { Page } from '../pages.js';
import { CellError } from '../processor.js';
import { Answer } from './mysql-answer.js';
import { optionsOf, refusalOf } from './mysql-login.js';
import type { Parameter, Rendered } from './parameters.js';
import { type Done, GuardedSocket, outliveNonsense, type Session, StatementError } from './session.js';
import type { Endpoint } from './settings.js';
import type { Statement } from './statements.js';

/** What a read-only cell may begin with: MariaDB's BEGIN NOT ATOMIC and CALL could start a transaction of their own. */
const READS = new Set('select with values table show describe desc explain use'.split(' '));
/** Statements that change nothing when they are stopped at the limit. */
const STOPPABLE = new Set(['select', 'values', 'table', 'show']);
/** Statements that are told with the number of rows that they changed, even none. */
const COUNTING = new Set(['insert', 'update', 'delete', 'replace']);
/** SERVER_STATUS_IN_TRANS of the protocol. */
const IN_TRANSACTION = 1;

/** @throws {CellError} saying what failed: the name, the certificate, the credential, the permission */
export async function openMysql(endpoint: Endpoint): Promise<MysqlSession> {
  const socket = new GuardedSocket();
  const connection = mysql.createConnection({ ...optionsOf(endpoint), stream: () => socket });
  connection.on('error', () => {});
  socket.setNoDelay(true);
  socket.connect(endpoint.port, endpoint.host);
  try {
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(error) : resolve()));
    });
    // Another one than the socket where there is TLS.
    const { stream } = connection as Connection & { stream: GuardedSocket };
    if (stream !== socket) outliveNonsense(stream);
    const session = new MysqlSession(connection, endpoint);
    await session.prepare();
    return session;
  } catch (error) {
    connection.destroy();
    throw refusalOf(endpoint, error);
  }
}

export class MysqlSession implements Session {
  readonly #connection: Connection;
  readonly #endpoint: Endpoint;
  #isBusy = false;
  #status = 0;

  constructor(connection: Connection, endpoint: Endpoint) {
    this.#connection = connection;
    this.#endpoint = endpoint;
  }

  async prepare(): Promise<void> {
    await this.#query("SET NAMES utf8mb4, time_zone = '+00:00'");
    this.#status = 0;
  }

  get isInTransaction(): boolean {
    return !this.#endpoint.readOnly && (this.#status & IN_TRANSACTION) !== 0;
  }

  async version(): Promise<string> {
    const rows = await this.#query('SELECT version() AS version');
    const { version = '' } = Object(Array.isArray(rows) ? rows[0] : {}) as { version?: string };
    return version.includes('MariaDB') ? `MariaDB ${version.replace(/-MariaDB.*/, '')}` : `MySQL ${version}`;
  }

  async *run(rendered: Rendered, statement: Statement, most: number): AsyncGenerator<Page, Done> {
    if (this.#endpoint.readOnly) await this.#ensureReadOnly(statement);
    const answer = new Answer(this.#connection, most);
    const { text: sql, parameters } = rendered;
    const options = { sql, rowsAsArray: true };
    this.#isBusy = true;
    try {
      answer.listen(
        parameters.length > 0
          ? this.#connection.execute({ ...options, values: parameters.map(typed) })
          : this.#connection.query(options),
      );
      let stopping = !STOPPABLE.has(statement.verb);
      for (;;) {
        const page = await answer.next();
        if (page === undefined) break;
        yield page;
        if (answer.goesOn && !stopping) {
          stopping = true;
          await this.cancel();
        }
      }
    } catch (error) {
      throw failureOf(error, this.#endpoint.host);
    } finally {
      this.#isBusy = false;
    }
    this.#status = answer.status;
    const { hasRows, goesOn } = answer;
    return { says: tagOf(statement, answer.affected), hasRows, goesOn };
  }

  /** Each statement in a read-only transaction of its own, whatever the one before it has set. */
  async #ensureReadOnly({ verb, regions }: Statement): Promise<void> {
    if (!READS.has(verb) || regions.some(({ kind }) => kind === 'executable')) {
      throw new CellError(`This connection is read-only: a statement begins with ${[...READS].join(', ')}.`);
    }
    await this.#query('START TRANSACTION READ ONLY');
  }

  async cancel(): Promise<void> {
    if (!this.#isBusy) return;
    const other = await openMysql(this.#endpoint);
    try {
      await other.#query(`KILL QUERY ${Number(this.#connection.threadId)}`);
    } finally {
      other.close();
    }
  }

  async reset(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const { reset } = this.#connection as Connection & { reset(done: (error: Error | null) => void): void };
      reset.call(this.#connection, (error) => (error ? reject(error) : resolve()));
    });
    await this.prepare();
  }

  hold(inUse: boolean): void {
    const { stream } = this.#connection as Connection & { stream: GuardedSocket };
    if (inUse) stream.ref();
    else stream.unref();
  }

  close(): void {
    this.#connection.destroy();
  }

  #query(sql: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#connection.query(sql, (error, result) => (error ? reject(error) : resolve(result)));
    });
  }
}

/** As PostgreSQL says it: `UPDATE 3`, `CREATE`. */
function tagOf({ verb }: Statement, affected: number): string {
  const counts = affected > 0 || COUNTING.has(verb);
  return [verb.toUpperCase() || 'OK', ...(counts ? [affected] : [])].join(' ');
}

function typed(parameter: Parameter) {
  if (parameter.type === 'bool') return mysql.TypedParameter.TINY(parameter.value ? 1 : 0);
  if (parameter.type !== 'number') return parameter.value;
  const { value } = parameter;
  if (!/^-?\d+$/.test(value)) {
    return /[eE]/.test(value)
      ? mysql.TypedParameter.DOUBLE(Number(value))
      : mysql.TypedParameter.NEWDECIMAL(value);
  }
  const isLong = BigInt.asIntN(64, BigInt(value)) === BigInt(value);
  return isLong ? mysql.TypedParameter.LONGLONG(value) : mysql.TypedParameter.NEWDECIMAL(value);
}

function failureOf(error: unknown, host: string): Error {
  const { errno, sqlMessage, sqlState } = Object(error) as {
    errno?: number;
    sqlMessage?: string;
    sqlState?: string;
  };
  if (error instanceof CellError || sqlMessage === undefined)
    return error instanceof CellError ? error : new NoAnswer(host, error);
  return new StatementError(`ERROR ${errno} (${sqlState ?? ''}): ${sqlMessage}`);
}
