import { Client, Connection, DatabaseError, type Notification } from 'pg';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { NoAnswer } from '../http/no-answer.js';
import { Notices } from './notices.js';
import type { Parameter, Rendered } from './parameters.js';
import { PostgresAnswer, PostgresParse } from './postgres-answer.js';
import { configOf, refusalOf } from './postgres-login.js';
import { ParameterTypes } from './postgres-parameters.js';
import { RowPages } from './row-pages.js';
import { type Done, type Session, StatementError } from './session.js';
import type { Endpoint } from './settings.js';
import { type Framing, GuardedSocket, outliveNonsense, SizeCheck } from './wire.js';

/** Values come as PostgreSQL writes them; how it writes dates and bytes is a setting that a role may have otherwise. */
const AS_READ = 'SET datestyle TO ISO; SET bytea_output TO hex; SET extra_float_digits TO 1';

/**
 * syntax_error, undefined_function, wrong_object_type, cannot_coerce: what comes of a list at a place for one value.
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const UNREAD = new Set(['42601', '42883', '42809', '42846']);

/** What is undone when the database could not tell a parameter's type. */
const SAVEPOINT = 'spin_parameters';

/** A type and the length of all that follows: https://www.postgresql.org/docs/current/protocol-overview.html */
const FRAMING: Framing = {
  header: 5,
  length: (bytes, at) => Math.max(0, bytes.readUInt32BE(at + 1) - 4),
  goesOn: () => false,
};

/** What the driver's objects have besides what its types say. */
interface Inside {
  readonly connection: Connection & { readonly stream: GuardedSocket };
  readonly processID: number | null;
  readonly secretKey: number | null;
}

/**
 * @param signal gives the attempt up
 * @throws {CellError} saying what failed: the name, the certificate, the credential, the permission
 */
export async function openPostgres(endpoint: Endpoint, signal?: AbortSignal): Promise<PostgresSession> {
  const check = new SizeCheck(FRAMING);
  const client = new Client(configOf(endpoint, () => new GuardedSocket(endpoint.tls ? undefined : check)));
  // What breaks later shows in the statement that runs then; an idle session that breaks is not given out again.
  client.on('error', () => {});
  const { connection } = inside(client);
  connection.on('sslconnect', () => outliveNonsense(connection.stream, check));
  const giveUp = () => connection.stream.destroy();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    await client.connect();
    const session = new PostgresSession(client, endpoint, check);
    await session.prepare();
    return session;
  } catch (error) {
    client.end().catch(() => {});
    connection.stream.destroy();
    throw refusalOf(endpoint, error);
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}

export class PostgresSession implements Session {
  endsAt?: number;
  readonly #client: Client;
  readonly #endpoint: Endpoint;
  readonly #check: SizeCheck;
  #isBusy = false;
  /** Whether the cell's read-only transaction has begun. */
  #hasBegun = false;

  constructor(client: Client, endpoint: Endpoint, check: SizeCheck) {
    this.#client = client;
    this.#endpoint = endpoint;
    this.#check = check;
  }

  async prepare(): Promise<void> {
    await this.#client.query(AS_READ);
    this.#hasBegun = false;
  }

  get isInTransaction(): boolean {
    return !this.#endpoint.readOnly && this.#client.getTransactionStatus() !== 'I';
  }

  get isOpen(): boolean {
    const { stream } = inside(this.#client).connection;
    return stream.readable && stream.writable;
  }

  async version(): Promise<string> {
    const { rows } = await this.#client.query<{ server_version: string }>('SHOW server_version');
    return `PostgreSQL ${rows[0]?.server_version ?? ''}`;
  }

  async *run({ text, parameters }: Rendered, _: unknown, most: number): AsyncGenerator<Page, Done> {
    if (this.#endpoint.readOnly) await this.#ensureReadOnly();
    const types = new ParameterTypes(parameters);
    // Where an error ends a transaction, the database is asked first.
    if (types.canChange && this.#client.getTransactionStatus() === 'T') await this.#infer(text, types);
    try {
      return yield* this.#run(text, parameters, types, most);
    } catch (error) {
      // Nothing of it has run.
      if (!(error instanceof StatementError && types.takeHint(error.cause))) throw error;
    }
    await this.#infer(text, types);
    return yield* this.#run(text, parameters, types, most);
  }

  /** Has the database read a statement, until it knows the types of all of its parameters. */
  async #infer(text: string, types: ParameterTypes): Promise<void> {
    const isInTransaction = this.#client.getTransactionStatus() === 'T';
    for (let isKnown = false; !isKnown; ) {
      if (isInTransaction) await this.#client.query(`SAVEPOINT ${SAVEPOINT}`);
      const error = await this.#parse(text, types);
      if (isInTransaction) {
        if (error !== undefined) await this.#client.query(`ROLLBACK TO SAVEPOINT ${SAVEPOINT}`);
        await this.#client.query(`RELEASE SAVEPOINT ${SAVEPOINT}`);
      }
      // Another error comes again when the statement runs, and is told then.
      isKnown = !types.takeHint(error);
    }
  }

  #parse(text: string, types: ParameterTypes): Promise<Error | undefined> {
    return new Promise((resolve) => {
      this.#client.query(new PostgresParse(text, types.oids, resolve));
    });
  }

  async *#run(
    text: string,
    parameters: readonly Parameter[],
    { oids }: ParameterTypes,
    most: number,
  ): AsyncGenerator<Page, Done> {
    const { stream } = inside(this.#client).connection;
    const pages = new RowPages<string>(stream, most);
    const answer = new PostgresAnswer(text, parameters, oids, most, pages);
    const notices = new Notices();
    const note = (notice: Said) => notices.add(textOf(notice));
    const told = ({ channel, payload = '' }: Notification) => notices.add(`NOTIFY ${channel}: ${payload}`);
    this.#client.on('notice', note).on('notification', told);
    this.#check.restart();
    this.#isBusy = true;
    try {
      this.#client.query(answer);
      for (;;) {
        const page = await pages.next();
        if (page === undefined) break;
        yield page;
      }
      stream.resume();
    } catch (error) {
      yield* notices.pages();
      if (error instanceof CellError) throw error;
      throw error instanceof DatabaseError
        ? failureOf(error)
        : new NoAnswer(this.#endpoint.host, withCode(error));
    } finally {
      this.#isBusy = false;
      this.#client.off('notice', note).off('notification', told);
    }
    if (answer.isCopied) notices.add('COPY … TO STDOUT shows nothing here. Run its query without COPY.');
    yield* notices.pages();
    return { says: tagOf(answer.tag), hasRows: answer.hasRows };
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
      'This connection is read-only, so a cell stays in one transaction. Leave COMMIT and ROLLBACK out.',
    );
  }

  /**
   * By the protocol's own request, which needs no login, so that it works where the role may have one connection, and
   * which poolers pass on to the server that runs the statement.
   *
   * Source: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
   */
  async cancel(): Promise<void> {
    if (!this.#isBusy) return;
    const { processID, secretKey } = inside(this.#client);
    const { host, port } = this.#endpoint;
    const config = configOf(this.#endpoint, () => new GuardedSocket());
    const other = new Connection(config) as Connection & {
      readonly stream: GuardedSocket;
      connect(port: number, host: string): void;
      requestSsl(): void;
      cancel(processID: number | null, secretKey: number | null): void;
    };
    try {
      await new Promise<void>((resolve, reject) => {
        const send = () => other.cancel(processID, secretKey);
        other.once('connect', () => (config.ssl ? other.requestSsl() : send()));
        other.once('sslconnect', send);
        other.on('error', reject);
        // It answers by closing.
        other.once('end', resolve);
        other.connect(port, host);
      });
    } finally {
      other.stream.destroy();
    }
  }

  async reset(): Promise<void> {
    if (this.#client.getTransactionStatus() !== 'I') await this.#client.query('ROLLBACK');
    await this.#client.query('DISCARD ALL');
    await this.prepare();
  }

  hold(inUse: boolean): void {
    const { stream } = inside(this.#client).connection;
    if (inUse) stream.ref();
    else stream.unref();
  }

  close(): void {
    this.#client.end().catch(() => {});
    inside(this.#client).connection.stream.destroy();
  }
}

function inside(client: Client): Inside {
  return client as unknown as Inside;
}

/** `INSERT 0 2` as `INSERT 2`, and `CREATE TABLE` as `CREATE`. */
function tagOf(tag: string): string {
  const [, verb = tag, count] = /^([A-Za-z]+)(?:.* (\d+))?/.exec(tag) ?? [];
  return count === undefined ? verb : `${verb} ${count}`;
}

/** The driver gives no code when a connection ends and the gateway did not end it. */
function withCode(error: unknown): unknown {
  const isKnown = error instanceof Error && 'code' in error;
  return isKnown ? error : Object.assign(new Error('ended', { cause: error }), { code: 'ECONNRESET' });
}

/** What an error and a notice have in common. */
type Said = Pick<DatabaseError, 'severity' | 'detail' | 'hint'> & { readonly message?: string | undefined };

function textOf({ message = '', severity, detail, hint }: Said): string {
  const sentences = [
    `${severity ?? 'ERROR'}: ${message}`,
    ...(detail === undefined ? [] : [`DETAIL: ${detail}`]),
    ...(hint === undefined ? [] : [`HINT: ${hint}`]),
  ];
  return sentences.join('\n');
}

function failureOf(error: DatabaseError): StatementError {
  const { position, code = '' } = error;
  const offset = position === undefined ? undefined : Number(position) - 1;
  return new StatementError(textOf(error), { offset, isUnread: UNREAD.has(code), cause: error });
}
