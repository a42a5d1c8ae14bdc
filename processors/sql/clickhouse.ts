import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { Resources } from '../core/resources.js';
import type { Place } from '../http/dispatcher.js';
import { NoAnswer } from '../http/no-answer.js';
import { type OpenAnswer, open } from '../http/send.js';
import { ClickhouseAnswer } from './clickhouse-answer.js';
import { type Exception, errorOf, exceptionIn, isBound, knowsNoSetting } from './clickhouse-errors.js';
import { clickhouseText } from './clickhouse-values.js';
import type { Rendered } from './parameters.js';
import { atMost, CANCEL_MS } from './patience.js';
import { RowPages } from './row-pages.js';
import type { Done, Session } from './session.js';
import type { Endpoint } from './settings.js';
import type { Statement } from './statements.js';

/** Statements that give a table; a FORMAT of their own would make it something else. */
const READS = new Set('select with show describe desc explain exists'.split(' '));
const OWN_FORMAT = /\bformat\s{1,9}\w{1,60}\s*(?:settings\b[^;]*)?$/i;
/** What a server says of a mistake, in characters. */
const LONGEST_ERROR = 64 * 1024;
/** How long a session without a question is kept by the server, in seconds. */
const SESSION_S = 600;
/** From here on servers take parameters, and write times as instants: major and minor version. */
const PARAMETERS_FROM = [20, 1] as const;
const ISO_FROM = [21, 1] as const;
/** RFC 9110, section 5.5. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

type Settings = Readonly<Record<string, string>>;

/**
 * @param signal gives the attempt up
 * @throws {CellError} saying what failed: the name, the certificate, the credential, the permission
 */
export async function openClickhouse(
  endpoint: Endpoint,
  signal: AbortSignal,
  resources: Resources,
): Promise<ClickhouseSession> {
  const { tls, username = '', password } = endpoint;
  if (tls !== undefined && !(tls.verifies && tls.checksName))
    throw new CellError("For ClickHouse the connection's ssl_mode is disable or verify-full.");
  if (CONTROL.test(username + (password?.reveal() ?? '')))
    throw new CellError("The connection's username or password contains a control character.");
  const session = new ClickhouseSession(endpoint, resources);
  const close = () => session.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    await session.begin();
    return session;
  } catch (error) {
    session.close();
    throw error;
  } finally {
    signal.removeEventListener('abort', close);
  }
}

/** What is one session for a cell: requests by HTTP, each of them for itself until a cell has several statements. */
export class ClickhouseSession implements Session {
  endsAt?: number;
  readonly isInTransaction = false;
  readonly #endpoint: Endpoint;
  readonly #resources: Resources;
  readonly #closed = new AbortController();
  #version = '';
  /** Of the statement that runs. */
  #query: string | undefined;
  /** What a server keeps between statements: temporary tables, SET. */
  #session: string | undefined;
  /** What may be set: an old server knows less, and a user whose profile is read-only may set nothing. */
  #takes: 'all' | 'needed' | 'nothing' = 'all';

  constructor(endpoint: Endpoint, resources: Resources) {
    this.#endpoint = endpoint;
    this.#resources = resources;
  }

  /** Asks for the version, which shows that the login works too. */
  async begin(): Promise<void> {
    this.#version = await this.#ask('SELECT version() FORMAT TabSeparated');
    if (!/^\d+\.\d+/.test(this.#version))
      throw new CellError(
        `${this.#host} is not ClickHouse's HTTP interface: is the connection's port right (8123, or 8443 with TLS)?`,
      );
    await this.#trySettings();
  }

  /**
   * Which settings the server takes, by a statement of the gateway's own: what a cell's statement makes of them must not
   * decide whether it is read-only.
   */
  async #trySettings(): Promise<void> {
    const sql = "SELECT value FROM system.settings WHERE name = 'readonly' FORMAT TabSeparated";
    for (;;) {
      const answer = await this.#post(sql, new URLSearchParams(), this.#settings());
      if (answer.status === 200) {
        const readonly = (await textOf(answer.body)).trim();
        if (!this.#endpoint.readOnly || /^[12]$/.test(readonly)) return;
        throw new CellError(`${this.#host}: the database doesn't make this connection read-only.`);
      }
      const refused = await this.#exceptionOf(answer);
      if (this.#takes === 'all' && knowsNoSetting(refused)) this.#takes = 'needed';
      else if (this.#takes !== 'nothing' && isBound(refused)) this.#takes = 'nothing';
      else throw errorOf(refused, this.#host);
    }
  }

  get isOpen(): boolean {
    return !this.#closed.signal.aborted;
  }

  get #host(): string {
    return `${this.#endpoint.host}:${this.#endpoint.port}`;
  }

  async version(): Promise<string> {
    return `ClickHouse ${this.#version}`;
  }

  async *run(
    rendered: Rendered,
    statement: Statement,
    most: number,
    next?: string,
  ): AsyncGenerator<Page, Done> {
    const { text, parameters } = rendered;
    const { verb } = statement;
    if (READS.has(verb) && OWN_FORMAT.test(text.slice(-200)))
      throw new CellError('Leave out FORMAT: the result is shown as a table.');
    if (parameters.length > 0 && !this.#isSince(PARAMETERS_FROM))
      throw new CellError(
        `ClickHouse ${this.#version} takes no parameters: {{…}} needs version 20.1 or later.`,
      );
    if (next !== undefined) this.#session ??= randomUUID();
    const query = new URLSearchParams();
    for (const [at, each] of parameters.entries()) query.set(`param_p${at + 1}`, clickhouseText(each));
    this.#query = randomUUID();
    try {
      const { body } = await this.#send(text, query);
      return yield* this.#rows(body, verb, most);
    } finally {
      this.#query = undefined;
    }
  }

  async *#rows(body: Readable, verb: string, most: number): AsyncGenerator<Page, Done> {
    const rows = new RowPages<unknown>(body, most);
    const answer = new ClickhouseAnswer(rows, this.#isIso);
    const guarded = (work: () => void) => {
      try {
        work();
      } catch (error) {
        rows.fail(error);
        body.destroy();
      }
    };
    body.on('data', (bytes: Buffer) => guarded(() => answer.take(bytes)));
    body.on('end', () =>
      guarded(() => {
        answer.end();
        rows.end();
      }),
    );
    body.on('error', (error) => rows.fail(new NoAnswer(this.#host, error)));
    let isStopped = false;
    try {
      for (;;) {
        const page = await rows.next();
        if (page === undefined) break;
        yield page;
        if (!rows.goesOn || isStopped || !READS.has(verb)) continue;
        isStopped = true;
        // What has been read is given, and the sentence about the limit.
        rows.end();
        body.destroy();
        await atMost(CANCEL_MS, this.cancel());
      }
    } finally {
      body.destroy();
    }
    const { exception, hasRows, totals } = answer;
    if (exception !== undefined && !isStopped) throw errorOf(exception, this.#host);
    if (totals !== '') yield { kind: 'note', text: `Totals: ${totals}.` };
    return { says: verb.toUpperCase() || 'OK', hasRows };
  }

  /**
   * Stops the running statement at the database: a closed connection alone stops none.
   * Source: https://clickhouse.com/docs/sql-reference/statements/kill
   */
  async cancel(): Promise<void> {
    if (this.#query === undefined) return;
    await this.#ask(`KILL QUERY WHERE query_id = '${this.#query}' ASYNC`, true);
  }

  /** The next cell gets nothing of this one. */
  async reset(): Promise<void> {
    this.#session = undefined;
  }

  hold(): void {}

  close(): void {
    this.#closed.abort();
  }

  get #isIso(): boolean {
    return this.#takes === 'all' && this.#isSince(ISO_FROM);
  }

  #isSince([major, minor]: readonly [number, number]): boolean {
    const [ownMajor = 0, ownMinor = 0] = this.#version.split('.').map(Number);
    return ownMajor > major || (ownMajor === major && ownMinor >= minor);
  }

  /** @throws {StatementError} or a {CellError} what the server says before it has rows */
  async #send(sql: string, parameters: URLSearchParams): Promise<OpenAnswer> {
    const answer = await this.#post(sql, parameters, this.#settings());
    if (answer.status === 200) return answer;
    throw errorOf(await this.#exceptionOf(answer), this.#host);
  }

  #settings(): Settings {
    if (this.#takes === 'nothing') return {};
    const left = this.endsAt === undefined ? 0 : Math.ceil((this.endsAt - Date.now()) / 1000);
    return {
      // 2: no write, and this setting can't be changed back; others can.
      ...(this.#endpoint.readOnly && { readonly: '2' }),
      ...(left > 0 && { max_execution_time: String(left) }),
      ...(this.#takes === 'all' && { output_format_json_quote_denormals: '1' }),
      ...(this.#isIso && { date_time_output_format: 'iso' }),
    };
  }

  /** The one value that a query gives. @param isAside not in the session, which has one statement at a time */
  async #ask(sql: string, isAside = false): Promise<string> {
    const answer = await this.#post(sql, new URLSearchParams(), {}, isAside);
    if (answer.status !== 200) throw errorOf(await this.#exceptionOf(answer), this.#host);
    return (await textOf(answer.body)).trim();
  }

  async #exceptionOf({ status, body }: OpenAnswer): Promise<Exception> {
    const found = exceptionIn(await textOf(body));
    if (found !== undefined) return found;
    if (status === 401 || status === 403) return { code: 516, message: '' };
    throw new CellError(
      `${this.#host} answered ${status}, and not as ClickHouse's HTTP interface: is the connection's port right?`,
    );
  }

  #post(sql: string, parameters: URLSearchParams, settings: Settings, isAside = false): Promise<OpenAnswer> {
    const { database, username, password } = this.#endpoint;
    const query = new URLSearchParams({
      default_format: 'JSONCompact',
      ...(database !== undefined && { database }),
      ...(this.#query !== undefined && !isAside && { query_id: this.#query }),
      ...(this.#session !== undefined &&
        !isAside && { session_id: this.#session, session_timeout: String(SESSION_S) }),
      ...settings,
    });
    for (const [name, value] of parameters) query.set(name, value);
    const place = this.#place();
    return open(place, {
      method: 'POST',
      url: new URL(`${place.url}/?${query}`),
      headers: {
        'content-type': 'text/plain; charset=utf-8',
        ...(username !== undefined && { 'x-clickhouse-user': latin1(username) }),
        ...(password !== undefined && { 'x-clickhouse-key': latin1(password.reveal()) }),
      },
      body: sql,
      signal: this.#closed.signal,
      resources: this.#resources,
    });
  }

  #place(): Place {
    const { host, port, tls, files } = this.#endpoint;
    const name = host.includes(':') ? `[${host}]` : host;
    return { url: `${tls ? 'https' : 'http'}://${name}:${port}`, ...(tls && files) };
  }
}

/** Headers are bytes: the server reads them as UTF-8. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

async function textOf(body: Readable): Promise<string> {
  let text = '';
  for await (const bytes of body) {
    text += String(bytes);
    if (text.length > LONGEST_ERROR) break;
  }
  return text.slice(0, LONGEST_ERROR);
}
