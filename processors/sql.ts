import { brokered, type Job } from './brokered.js';
import { completeSql } from './completion/sql.js';
import { OUT, RAW, TIMEOUT } from './options.js';
import type { Page } from './pages.js';
import { CellError } from './processor.js';
import { variablesIn } from './references.js';
import { type Rendered, render } from './sql/parameters.js';
import { type Session, StatementError } from './sql/session.js';
import { inSession, openSession } from './sql/sessions.js';
import { endpointOf, type SqlSettings, settings } from './sql/settings.js';
import { type Statement, split } from './sql/statements.js';

/** Rows that a cell gets where it doesn't say: a DataFrame of them is some hundred MB. */
const DEFAULT_LIMIT = 1_000_000;
const LARGEST_LIMIT = 100_000_000;

export const sql = brokered<SqlSettings>({
  name: 'sql',
  summary: 'asks PostgreSQL, MySQL or MariaDB',
  example: '%%sql shop --out orders\nselect id, total from orders where day >= {{since}} limit 10',
  options: {
    limit: { type: 'number', help: `at most so many rows; default ${DEFAULT_LIMIT.toLocaleString('en')}` },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: {
    settings,
    async test({ settings, signal }) {
      const endpoint = endpointOf(settings);
      const session = await openSession(endpoint);
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
      args: { sql: body.trim(), ...(options.limit !== undefined && { limit }) },
      variables: variablesIn(body, options, 'SQL: databases log statements and values'),
      perform: (job) => perform(job, body, limit, raw !== true),
    };
  },
});

function perform(
  { settings, values, signal }: Job<SqlSettings>,
  body: string,
  limit: number,
  withReferences: boolean,
): AsyncGenerator<Page> {
  const endpoint = endpointOf(settings);
  // All of them before the first is sent: a mistake in the last one must not leave the others done.
  const statements = split(body, endpoint.dialect, withReferences).map((statement) => ({
    statement,
    rendered: render(body, statement.regions, endpoint.dialect, values, withReferences),
  }));
  if (statements.length === 0) throw new CellError('A %%sql cell needs a statement, e.g. SELECT 1.');
  return inSession(endpoint, signal, (session) => runAll(session, statements, body, limit));
}

interface Prepared {
  readonly statement: Statement;
  readonly rendered: Rendered;
}

async function* runAll(
  session: Session,
  statements: readonly Prepared[],
  body: string,
  limit: number,
): AsyncGenerator<Page> {
  const said: string[] = [];
  let hasTable = false;
  let goesOn = false;
  for (const [at, { statement, rendered }] of statements.entries()) {
    const which = statements.length > 1 ? `Statement ${at + 1} of ${statements.length}: ` : '';
    try {
      const done = yield* session.run(rendered, statement, limit);
      if (done.hasRows) {
        hasTable = true;
        goesOn = done.goesOn;
      } else said.push(done.says);
    } catch (error) {
      if (!(error instanceof StatementError)) throw error;
      throw new CellError(which + told(error, rendered, body), { cause: error });
    }
  }
  const notes = [
    ...(goesOn ? [`There are more rows: they end at --limit ${limit.toLocaleString('en')}.`] : []),
    ...(said.length > 0 ? [`${said.join(', ')}.`] : []),
    ...(session.isInTransaction
      ? ['The cell left a transaction open, which was rolled back: end it with COMMIT.']
      : []),
  ];
  const note = notes.join(' ');
  if (hasTable) yield { kind: 'end', note };
  else yield { kind: 'end', displays: [{ 'text/plain': note }] };
}

/** The database's message, with the line and a caret below the place where there is one. */
function told({ message, offset }: StatementError, { text, origin }: Rendered, body: string): string {
  if (offset === undefined) return message;
  // PostgreSQL counts characters, JavaScript UTF-16 units.
  const units = [...text].slice(0, offset).join('').length;
  const place = origin(units);
  const before = body.slice(0, place).split('\n');
  const column = before.at(-1)?.length ?? 0;
  const line = body.split('\n')[before.length - 1] ?? '';
  return `${message} (line ${before.length}, column ${column + 1})\n  ${line}\n  ${' '.repeat(column)}^`;
}
