import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { sql } from '../../processors/sql.js';
import { oneConnection, performCell, resources, weighCell } from './brokered.js';
import { type Database, PASSWORD } from './databases.js';

/** Runs %%sql cells without a kernel: what it would be given. */
export function sqlCells(driver: 'postgres' | 'mysql', { port, user }: Database, more: object = {}) {
  const settings = {
    driver,
    host: '127.0.0.1',
    port,
    username: user,
    password: new Secret(PASSWORD),
    ...more,
  };
  const connections = oneConnection('sql', settings);
  const perform = (body: string, values: Readonly<Record<string, Value>> = {}, options = '') =>
    performCell(`%%sql ${options}\n${body}`, connections, values);
  /** Every value of the result, column after column. */
  const run = async (body: string, values: Readonly<Record<string, Value>> = {}): Promise<unknown[]> => {
    const { answers, error } = await perform(body, values);
    if (error !== '') throw new Error(error);
    return answers.flatMap(({ kind, rows }) => (kind === 'rows' ? (rows as unknown[][]).flat() : []));
  };
  const { connection } = sql;
  return {
    run,
    /** All that the kernel would be given. */
    perform,
    weigh: (body: string, options = '') => weighCell(`%%sql ${options}\n${body}`, connections),
    test: () =>
      connection?.test({
        settings: connection.settings.parse(settings),
        signal: AbortSignal.timeout(15_000),
        resources,
        hide: () => {},
      }),
  };
}
