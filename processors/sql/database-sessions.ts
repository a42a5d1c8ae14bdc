import { createHash } from 'node:crypto';
import type { Environment } from '../core/environment.js';
import type { Page } from '../core/pages.js';
import { type Closable, Resources } from '../core/resources.js';
import { type ClickhouseSession, openClickhouse } from './clickhouse.js';
import { type MysqlSession, openMysql } from './mysql.js';
import { atMost, CANCEL_MS } from './patience.js';
import { Pool } from './pool.js';
import { openPostgres, type PostgresSession } from './postgres.js';
import type { Endpoint } from './settings.js';

type DatabaseSession = PostgresSession | MysqlSession | ClickhouseSession;

/**
 * @param signal gives the attempt up
 * @param resources of HTTP
 * @throws {CellError} why the database can't be reached, or refuses the login
 */
export function openSession(
  endpoint: Endpoint,
  signal: AbortSignal,
  resources: Resources,
): Promise<DatabaseSession> {
  if (endpoint.dialect === 'clickhouse') return openClickhouse(endpoint, signal, resources);
  return endpoint.dialect === 'mysql' ? openMysql(endpoint, signal) : openPostgres(endpoint, signal);
}

/** The sessions of cells at databases: kept for the next cell when that went well. */
export class Sessions implements Closable {
  readonly #pool = new Pool<DatabaseSession>();
  /** Of databases that are asked by HTTP. */
  readonly #resources: Resources;

  constructor(environment: Environment) {
    this.#resources = new Resources(environment);
  }

  /**
   * Works in a session that no other cell uses meanwhile, and saves it for the next cell when that went well.
   * @param signal stops what is running at the database, and ends the session whatever that does
   */
  async *in<Result>(
    endpoint: Endpoint,
    signal: AbortSignal,
    work: (session: DatabaseSession) => AsyncGenerator<Page, Result>,
  ): AsyncGenerator<Page, Result> {
    const key = keyOf(endpoint);
    const session = await this.#pool.take(key, () => openSession(endpoint, signal, this.#resources));
    const stop = () => {
      atMost(CANCEL_MS, session.cancel())
        .then(() => session.close())
        .catch(() => {});
    };
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
        if (isAsNew) this.#pool.give(key, session).catch(() => session.close());
        else session.close();
      }
    }
  }

  close(): void {
    this.#pool.close();
    this.#resources.close();
  }
}

/** All that makes a session what it is; a hash, since the password is among it. */
function keyOf(endpoint: Endpoint): string {
  const { password, ...rest } = endpoint;
  return createHash('sha256')
    .update(JSON.stringify([rest, password?.reveal() ?? null]))
    .digest('hex');
}
