import type { Connections } from '../../processors/connection.js';
import type { Page, Value } from '../../processors/pages.js';
import { Secret } from '../../processors/secret.js';
import { sql } from '../../processors/sql.js';
import { type Database, PASSWORD } from './databases.js';

/** Runs %%sql cells without a kernel: what it would be given. */
export function sqlCells(driver: 'postgres' | 'mysql', { port, user }: Database, more: object = {}) {
  const settings = sql.connection?.settings.parse({
    driver,
    host: '127.0.0.1',
    port,
    username: user,
    password: new Secret(PASSWORD),
    ...more,
  });
  const connections: Connections = {
    types: () => new Set(['sql']),
    names: () => ['db'],
    find: () => ({ name: 'db', type: 'sql', settings: () => settings }),
  };
  /** Every value of the result, column after column. */
  const run = async (body: string, values: Readonly<Record<string, Value>> = {}): Promise<unknown[]> => {
    const cell = { processor: 'sql', connection: undefined, options: {}, body };
    const { run } = await sql.compile(cell, {
      connections,
      resolve: () => {
        throw new Error('no values of the gateway here');
      },
    });
    if (run.kind !== 'brokered') throw new Error('not brokered');
    const pages: Page[] = [];
    for await (const page of run.perform(new Map(Object.entries(values)), new AbortController().signal)) {
      pages.push(page);
    }
    return pages.flatMap((page) => (page.kind === 'rows' ? page.rows.flat() : []));
  };
  return { run, test: () => sql.connection?.test(settings, AbortSignal.timeout(15_000)) };
}
