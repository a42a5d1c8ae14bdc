import mysql, { type Connection } from 'mysql2';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { NoAnswer } from '../http/no-answer.js';
import { hasOffset } from './arrays.js';
import { Answer, type Inside } from './mysql-answer.js';
import { optionsOf, refusalOf } from './mysql-login.js';
import { typed, utcText } from './mysql-values.js';
import { Notices } from './notices.js';
import type { Parameter, Rendered } from './parameters.js';
import { atMost, CANCEL_MS } from './patience.js';
import { type Done, type Session, StatementError } from './session.js';
import type { Endpoint } from './settings.js';
import type { Statement } from './statements.js';
import { type Framing, GuardedSocket, outliveNonsense, SizeCheck } from './wire.js';

const UTC = '+00:00';
/** What a read-only cell may begin with. MariaDB's BEGIN NOT ATOMIC and CALL could start their own transaction. */
const READS = new Set('select with values table show describe desc explain use'.split(' '));
/** Statements that change nothing when they are stopped at the limit. */
const STOPPABLE = new Set(['select', 'values', 'table', 'show']);
/** Statements that are told with the number of rows that they changed, even none. */
const COUNTING = new Set(['insert', 'update', 'delete', 'replace']);
/** ER_PARSE_ERROR */
const PARSE_ERROR = 1064;
/** SERVER_STATUS_IN_TRANS of the protocol. */
const IN_TRANSACTION = 1;
/** What tells of the statement before it: another one must not come between. */
const LOOKS_BACK = /\b(?:found_rows|row_count|warnings|errors|warning_count|error_count|diagnostics)\b/i;

/** Three bytes of length, whose largest says that the packet goes on, and a number: mysql's page on packets. */
const FRAMING: Framing = {
  header: 4,
  length: (bytes, at) => (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16),
  goesOn: (length) => length === 0xff_ff_ff,
};

/**
 * @param signal gives the attempt up
 * @throws {CellError} saying what failed: the name, the certificate, the credential, the permission
 */
export async function openMysql(endpoint: Endpoint, signal?: AbortSignal): Promise<MysqlSession> {
  const check = new SizeCheck(FRAMING);
  const socket = new GuardedSocket(endpoint.tls ? undefined : check);
  const connection = mysql.createConnection({ ...optionsOf(endpoint), stream: () => socket });
  connection.on('error', () => {});
  checkAfterTls(connection, check);
  socket.setNoDelay(true);
  socket.connect(endpoint.port, endpoint.host);
  const giveUp = () => socket.destroy();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(error) : resolve()));
    });
    const session = new MysqlSession(connection, endpoint, check);
    await session.begin();
    return session;
  } catch (error) {
    connection.destroy();
    throw refusalOf(endpoint, error);
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

/** With TLS, what comes is read from another socket than the one that was opened. */
function checkAfterTls(connection: Connection, check: SizeCheck): void {
  const inner = connection as Connection & { stream: GuardedSocket; startTLS(done: () => void): void };
  const { startTLS } = inner;
  inner.startTLS = (done) => {
    startTLS.call(connection, done);
    outliveNonsense(inner.stream, check);
  };
}

export class MysqlSession implements Session {
  endsAt?: number;
  readonly #connection: Connection;
  readonly #endpoint: Endpoint;
  readonly #check: SizeCheck;
  #isBusy = false;
  #status = 0;
  /** Whether nothing has run since the session was set to UTC. */
  #isNew = true;
  /** As far as it is known. */
  #zone = UTC;
  #answer: Answer | undefined;
  /** That which the login gave. */
  #role = '';

  constructor(connection: Connection, endpoint: Endpoint, check: SizeCheck) {
    this.#connection = connection;
    this.#endpoint = endpoint;
    this.#check = check;
    const inner = connection as Inside;
    const { handlePacket } = inner;
    inner.handlePacket = (packet) => {
      if (packet !== undefined && this.#answer !== undefined) {
        // The driver would write a line for each of them, and read on.
        if (!inner._paused && packet.sequenceId !== inner.sequenceId) {
          this.#stream.destroy(Object.assign(new Error('out of order'), { code: 'NONSENSE' }));
          return;
        }
        this.#answer.see(packet);
      }
      handlePacket.call(connection, packet);
    };
    // The driver tells a statement nothing of its connection's end.
    connection.on('error', (error) => this.#answer?.fail(error));
    this.#stream.once('close', () => this.#answer?.fail(Object.assign(new Error(), { code: 'ECONNRESET' })));
  }

  /** After the login. */
  async begin(): Promise<void> {
    await this.#prepare();
    this.#role = await this.#currentRole();
  }

  async #prepare(): Promise<void> {
    await this.#query(`SET NAMES utf8mb4, time_zone = '${UTC}'`);
    this.#status = 0;
    this.#isNew = true;
    this.#zone = UTC;
  }

  get isInTransaction(): boolean {
    return !this.#endpoint.readOnly && (this.#status & IN_TRANSACTION) !== 0;
  }

  get isOpen(): boolean {
    return this.#stream.readable && this.#stream.writable;
  }

  get #stream(): GuardedSocket {
    return (this.#connection as Inside).stream;
  }

  async version(): Promise<string> {
    const version = await this.#ask('SELECT version()');
    return version.includes('MariaDB') ? `MariaDB ${version.replace(/-MariaDB.*/, '')}` : `MySQL ${version}`;
  }

  async *run(rendered: Rendered, statement: Statement, most: number, next = ''): AsyncGenerator<Page, Done> {
    if (this.#endpoint.readOnly) await this.#ensureReadOnly(statement);
    const { text: sql } = rendered;
    const isUtc = await this.#isUtc(sql);
    this.#isNew = false;
    const parameters = isUtc ? rendered.parameters : await this.#inItsZone(rendered.parameters);
    const answer = new Answer(this.#connection, most, isUtc && !setsZone(statement, sql));
    const options = { sql, rowsAsArray: true };
    let timer: NodeJS.Timeout | undefined;
    this.#check.restart();
    this.#answer = answer;
    this.#isBusy = true;
    try {
      answer.listen(
        parameters.length > 0
          ? this.#connection.execute({ ...options, values: parameters.map(typed) })
          : this.#connection.query(options),
      );
      for (;;) {
        const page = await answer.next();
        if (page === undefined) break;
        yield page;
        if (answer.goesOn && timer === undefined && STOPPABLE.has(statement.verb)) {
          await atMost(CANCEL_MS, this.cancel());
          timer = setTimeout(() => this.close(), CANCEL_MS);
        }
      }
      if (this.isOpen) this.#connection.resume();
    } catch (error) {
      throw failureOf(error, this.#endpoint.host);
    } finally {
      clearTimeout(timer);
      this.#isBusy = false;
      this.#answer = undefined;
    }
    const { hasRows, status, affected, warnings, zone } = answer;
    this.#status = status;
    this.#zone = zone ?? this.#zone;
    const isAlone = !LOOKS_BACK.test(sql) && !LOOKS_BACK.test(next);
    if (warnings > 0 && timer === undefined && isAlone) yield* this.#warnings(warnings);
    return { says: tagOf(statement, affected), hasRows };
  }

  /** Each statement gets its own read-only transaction, whatever the one before it has set. */
  async #ensureReadOnly({ verb, regions }: Statement): Promise<void> {
    if (!READS.has(verb) || regions.some(({ kind }) => kind === 'executable')) {
      throw new CellError(
        `This connection is read-only. A statement has to begin with one of these: ${[...READS].join(', ')}.`,
      );
    }
    await this.#query('START TRANSACTION READ ONLY');
  }

  /**
   * Whether the session still is in UTC: statements, and routines that they call, may have set another zone. Before a
   * statement that looks back nothing can be asked: then it counts what the server has told of itself.
   */
  async #isUtc(sql: string): Promise<boolean> {
    if (!this.#isNew && !LOOKS_BACK.test(sql)) this.#zone = await this.#ask('SELECT @@session.time_zone');
    return this.#zone === UTC;
  }

  /** Instants as a clock in the session's zone shows them: what is compared with a TIMESTAMP is read so. */
  async #inItsZone(parameters: readonly Parameter[]): Promise<Parameter[]> {
    const result: Parameter[] = [];
    for (const parameter of parameters) {
      const isInstant = parameter.type === 'time' && hasOffset(parameter.value);
      if (!isInstant) result.push(parameter);
      else {
        const converted = "SELECT CAST(CONVERT_TZ(?, '+00:00', @@session.time_zone) AS CHAR)";
        result.push({ ...parameter, value: await this.#ask(converted, [utcText(parameter.value)]) });
      }
    }
    return result;
  }

  async *#warnings(count: number): AsyncGenerator<Page> {
    const notices = new Notices();
    const rows: unknown = await this.#query('SHOW WARNINGS');
    const lines: readonly unknown[] = Array.isArray(rows) ? rows : [];
    for (const line of lines) {
      const [level, code, message] = Array.isArray(line) ? (line as unknown[]) : [];
      notices.add(`${level} ${code}: ${message}`);
    }
    // It keeps the first max_error_count alone.
    notices.skip(Math.max(0, count - lines.length));
    yield* notices.pages();
  }

  async cancel(): Promise<void> {
    if (!this.#isBusy) return;
    const other = await openMysql(this.#endpoint, AbortSignal.timeout(CANCEL_MS));
    try {
      await atMost(CANCEL_MS, other.#query(`KILL QUERY ${Number(this.#connection.threadId)}`));
    } finally {
      other.close();
    }
  }

  /**
   * As a login makes it, since what only resets a connection leaves the database that a cell chose.
   * @throws where that isn't the same: MariaDB leaves a role, and runs its init_connect at a real login alone
   */
  async reset(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#connection.changeUser({ charset: 'utf8mb4' }, (error) => (error ? reject(error) : resolve()));
    });
    if ((await this.#ask('SELECT @@global.init_connect')) !== '') throw new Error('init_connect is set');
    if ((await this.#currentRole()) !== this.#role) throw new Error('a role is left');
    await this.#prepare();
  }

  /** The same text for every role on servers that have none: MySQL before 8.0. */
  #currentRole(): Promise<string> {
    return this.#ask('SELECT CURRENT_ROLE()').catch((error: unknown) => {
      if (error instanceof Error && 'sqlMessage' in error) return '';
      throw error;
    });
  }

  hold(inUse: boolean): void {
    if (inUse) this.#stream.ref();
    else this.#stream.unref();
  }

  close(): void {
    this.#connection.destroy();
  }

  #query(sql: string, values: readonly string[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const options = { sql, values: [...values], rowsAsArray: true };
      this.#connection.query(options, (error, result) => (error ? reject(error) : resolve(result)));
    });
  }

  /** The one value that a query gives. */
  async #ask(sql: string, values: readonly string[] = []): Promise<string> {
    const rows: unknown = await this.#query(sql, values);
    const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
    return String((Array.isArray(row) ? row[0] : undefined) ?? '');
  }
}

/** Whether a statement sets its own time zone: SET STATEMENT … FOR, or a hint. */
function setsZone({ verb, regions }: Statement, sql: string): boolean {
  const canSet = verb === 'set' || regions.some(({ kind }) => kind === 'comment' || kind === 'executable');
  return canSet && /time_zone/i.test(sql);
}

/** As PostgreSQL says it: `UPDATE 3`, `CREATE`. */
function tagOf({ verb }: Statement, affected: number): string {
  const counts = affected > 0 || COUNTING.has(verb);
  return [verb.toUpperCase() || 'OK', ...(counts ? [affected] : [])].join(' ');
}

function failureOf(error: unknown, host: string): Error {
  const { errno, sqlMessage, sqlState } = Object(error) as {
    errno?: number;
    sqlMessage?: string;
    sqlState?: string;
  };
  if (error instanceof CellError || sqlMessage === undefined)
    return error instanceof CellError ? error : new NoAnswer(host, error);
  const message = `ERROR ${errno} (${sqlState ?? ''}): ${sqlMessage}`;
  return new StatementError(message, { isUnread: errno === PARSE_ERROR, cause: error });
}
