import mysql, { type Connection, type ConnectionOptions } from 'mysql2';
import type { Page } from '../pages.js';
import { CellError, type Json } from '../processor.js';
import { readerOf } from './mysql-types.js';
import type { Parameter, Rendered } from './parameters.js';
import {
  type Done,
  GREETING_MS,
  GuardedSocket,
  PAGE_ROWS,
  PAGE_SIZE,
  type Session,
  StatementError,
  unreachable,
} from './session.js';
import type { Endpoint } from './settings.js';
import type { Statement } from './statements.js';
import { columnOf } from './types.js';

/** What a read-only cell may begin with: MariaDB's BEGIN NOT ATOMIC and CALL could start a transaction of their own. */
const READS = new Set('select with values table show describe desc explain use'.split(' '));
/** Statements that change nothing when they are stopped at the limit. */
const STOPPABLE = new Set(['select', 'values', 'table', 'show']);
/** Statements that are told with the number of rows that they changed, even none. */
const COUNTING = new Set(['insert', 'update', 'delete', 'replace']);
/** SERVER_STATUS_IN_TRANS of the protocol. */
const IN_TRANSACTION = 1;
/** ER_ACCESS_DENIED_ERROR */
const ACCESS_DENIED = 1045;

/** What OpenSSL says, and node's code for it, which the driver puts its own in place of. */
const TLS_CODES: readonly (readonly [says: RegExp, code: string])[] = [
  [/altnames/, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [/expired/, 'CERT_HAS_EXPIRED'],
  [/self-signed|unable to (?:get|verify)/, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
];

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
    const session = new MysqlSession(connection, endpoint);
    await session.prepare();
    return session;
  } catch (error) {
    connection.destroy();
    throw refusalOf(endpoint, error);
  }
}

function optionsOf({ host, port, database, username, password, tls }: Endpoint): ConnectionOptions {
  return {
    host,
    port,
    user: username ?? '',
    password: password?.reveal() ?? '',
    ...(database !== undefined && { database }),
    charset: 'utf8mb4',
    connectTimeout: GREETING_MS,
    // Values as they are, not as JavaScript's types could hold them.
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
    jsonStrings: true,
    // One statement a request, no files of the gateway's machine, no code made of column names.
    multipleStatements: false,
    flags: ['-LOCAL_FILES'],
    disableEval: true,
    ...(tls !== undefined && {
      ssl: {
        rejectUnauthorized: tls.verifies,
        verifyIdentity: tls.checksName,
        ...(tls.ca !== undefined && { ca: tls.ca }),
        ...(tls.cert !== undefined && { cert: tls.cert }),
        ...(tls.key !== undefined && { key: tls.key }),
      },
    }),
  };
}

function refusalOf({ host }: Endpoint, error: unknown): CellError {
  const { code, errno, sqlMessage } = Object(error) as { code?: string; errno?: number; sqlMessage?: string };
  if (errno === ACCESS_DENIED)
    return new CellError(`${host}: the connection's username or password is not accepted.`);
  if (sqlMessage !== undefined) return new CellError(`${host}: ${sqlMessage}.`);
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT')
    return new CellError(`${host} speaks no TLS: only ssl_mode: disable would reach it, in the clear (TLS).`);
  if (code === 'ETIMEDOUT')
    return new CellError(`${host} can't be reached: it does not answer (a firewall?).`);
  if (code === 'HANDSHAKE_SSL_ERROR' && error instanceof Error) {
    const known = TLS_CODES.find(([says]) => says.test(error.message))?.[1];
    return unreachable(host, Object.assign(new Error('TLS'), { code: known ?? 'ERR_SSL' }));
  }
  return unreachable(host, error);
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

/** What comes of one statement, as pages; the database waits while nobody takes them. */
class Answer {
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
    return error instanceof CellError ? error : unreachable(host, error);
  return new StatementError(`ERROR ${errno} (${sqlState ?? ''}): ${sqlMessage}`);
}
