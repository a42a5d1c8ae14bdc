import { createHash } from 'node:crypto';
import type { Page } from '../pages.js';
import { type MysqlSession, openMysql } from './mysql.js';
import { Pool } from './pool.js';
import { openPostgres, type PostgresSession } from './postgres.js';
import type { Endpoint } from './settings.js';

type DatabaseSession = PostgresSession | MysqlSession;

const pool = new Pool<DatabaseSession>();

/** @throws {CellError} why the database can't be reached, or doesn't let the gateway in */
export function openSession(endpoint: Endpoint): Promise<DatabaseSession> {
  return endpoint.dialect === 'mysql' ? openMysql(endpoint) : openPostgres(endpoint);
}

/**
 * Works in a session that nobody else has meanwhile, and keeps it for the next one when that went well.
 * @param signal stops what is running at the database
 */
export async function* inSession<Result>(
  endpoint: Endpoint,
  signal: AbortSignal,
  work: (session: DatabaseSession) => AsyncGenerator<Page, Result>,
): AsyncGenerator<Page, Result> {
  const key = keyOf(endpoint);
  const session = await pool.take(key, () => openSession(endpoint));
  const stop = () =>
    void session
      .cancel()
      .catch(() => {})
      .finally(() => session.close());
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let isAsNew = false;
  try {
    const result = yield* work(session);
    isAsNew = true;
    return result;
  } finally {
    signal.removeEventListener('abort', stop);
    if (!signal.aborted) {
      if (isAsNew) pool.give(key, session).catch(() => session.close());
      else session.close();
    }
  }
}

/** All that makes a session what it is; a hash, since the password is among it. */
function keyOf(endpoint: Endpoint): string {
  const { password, ...rest } = endpoint;
  return createHash('sha256')
    .update(JSON.stringify([rest, password?.reveal() ?? null]))
    .digest('hex');
}
