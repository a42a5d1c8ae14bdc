import { brokered, type Job } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { completeSql } from './sql/completion.js';
import { openSession, Sessions } from './sql/database-sessions.js';
import { type Rendered, render } from './sql/parameters.js';
import { Results } from './sql/results.js';
import type { Dialect } from './sql/scanner.js';
import { type Session, StatementError } from './sql/session.js';
import { endpointOf, type SqlSettings, settings } from './sql/settings.js';
import { type Statement, split } from './sql/statements.js';

/** Rows that a cell gets where it doesn't say: a DataFrame of them is some hundred MB. */
const DEFAULT_LIMIT = 1_000_000;
const LARGEST_LIMIT = 100_000_000;

export const sql = brokered<SqlSettings>({
  name: 'sql',
  summary: 'queries PostgreSQL, MySQL, MariaDB or ClickHouse',
  example: '%%sql shop --out orders\nselect id, total from orders where day >= {{since}} limit 10',
  options: {
    limit: { type: 'number', help: `at most this many rows; default ${DEFAULT_LIMIT.toLocaleString('en')}` },
    timeout: TIMEOUT,
    out: OUT,
    exact: {
      type: 'flag',
      help: 'keep numeric columns of --out as Decimals, even where floats would be exact',
    },
    raw: RAW,
  },
  connection: {
    settings,
    async test({ settings, signal, resources }) {
      const endpoint = endpointOf(settings);
      const session = await openSession(endpoint, signal, resources);
      const close = () => session.close();
      signal.addEventListener('abort', close, { once: true });
      try {
        return (await session.version()) + (endpoint.readOnly ? ', read-only' : '');
      } finally {
        signal.removeEventListener('abort', close);
        close();
      }
    },
  },

  complete: completeSql,

  compile({ body, options }) {
    const { limit = DEFAULT_LIMIT, raw } = options;
    if (body.trim() === '') throw new CellError('A %%sql cell needs a statement, e.g. SELECT 1.');
    if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > LARGEST_LIMIT)
      throw new CellError(`--limit takes a number of rows from 1 to ${LARGEST_LIMIT.toLocaleString('en')}.`);
    return {
      args: {
        sql: body.trim(),
        ...(options.limit !== undefined && { limit }),
        ...(options.exact === true && { exact: true }),
      },
      variables: variablesIn(body, options, 'SQL: databases log statements and values'),
      perform: (job) => perform(job, body, limit, raw !== true, options.out),
    };
  },
});

function perform(
  { settings, values, signal, resources, endsAt }: Job<SqlSettings>,
  body: string,
  limit: number,
  withReferences: boolean,
  out: unknown,
): AsyncGenerator<Page> {
  const endpoint = endpointOf(settings);
  // All of them before the first is sent: a mistake in the last one must not leave the others done.
  const statements = split(body, endpoint.dialect, withReferences).map((statement) => ({
    statement,
    rendered: render(body, statement.regions, endpoint.dialect, values, withReferences),
  }));
  if (statements.length === 0) throw new CellError('A %%sql cell needs a statement, e.g. SELECT 1.');
  const cell: Whole = { body, statements, limit, out, dialect: endpoint.dialect };
  return resources.of(Sessions).in(endpoint, signal, (session) => {
    session.endsAt = endsAt;
    return runAll(session, cell);
  });
}

interface Prepared {
  readonly statement: Statement;
  readonly rendered: Rendered;
}

interface Whole {
  readonly body: string;
  readonly statements: readonly Prepared[];
  readonly limit: number;
  /** The variable that gets the last result. */
  readonly out: unknown;
  readonly dialect: Dialect;
}

async function* runAll(session: Session, cell: Whole): AsyncGenerator<Page> {
  const { statements, body, limit, out, dialect } = cell;
  const said: string[] = [];
  const results = new Results(statements.length);
  for (const [at, { statement, rendered }] of statements.entries()) {
    const next = statements[at + 1]?.rendered.text;
    try {
      const done = yield* results.of(session.run(rendered, statement, limit, next), at + 1);
      if (!done.hasRows) said.push(done.says);
    } catch (error) {
      yield* results.before(at + 1);
      if (!(error instanceof StatementError)) throw error;
      const which = statements.length > 1 ? `Statement ${at + 1} of ${statements.length}: ` : '';
      throw new CellError(which + told(error, rendered, body, dialect), { cause: error });
    }
  }
  const notes = [
    ...results.notes(out),
    ...(said.length > 0 ? [`${said.join(', ')}.`] : []),
    ...(session.isInTransaction
      ? ['The cell left a transaction open, so it was rolled back. End it with COMMIT.']
      : []),
  ];
  const note = notes.join(' ');
  if (results.count > 0) yield { kind: 'end', note };
  else yield { kind: 'end', displays: [{ 'text/plain': note }] };
}

/** How a list may stand in a statement. */
const LISTS: Readonly<Record<Dialect, (reference: string) => string>> = {
  postgres: (list) => `Write a list as in ({{${list}}}), = any({{${list}}}) or array[{{${list}}}].`,
  mysql: (list) => `Write a list as in ({{${list}}}).`,
  clickhouse: (list) => `Write a list as in ({{${list}}}).`,
};

/** The database's message, with the line and a caret below the place where there is one. */
function told(
  { message: says, offset, isUnread }: StatementError,
  { text, origin, list }: Rendered,
  body: string,
  dialect: Dialect,
): string {
  const message = isUnread && list !== undefined ? `${says}\nHINT: ${LISTS[dialect](list)}` : says;
  if (offset === undefined) return message;
  // PostgreSQL counts characters, JavaScript UTF-16 units.
  const units = [...text].slice(0, offset).join('').length;
  const place = origin(units);
  const before = body.slice(0, place).split('\n');
  const column = before.at(-1)?.length ?? 0;
  const line = body.split('\n')[before.length - 1] ?? '';
  return `${message} (line ${before.length}, column ${column + 1})\n  ${line}\n  ${' '.repeat(column)}^`;
}
