import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PASSWORD, startPostgres } from '../support/databases.js';
import { jupyterEnvironment, startStockJupyter } from '../support/jupyter.js';
import { KernelClient, TOKEN } from './client.js';
import { median } from './measures.js';
import { Processes } from './processes.js';
import { startKernel, timed } from './real-kernel.js';
import type { Row } from './table.js';

const QUERY = 'select * from bench';
/** The client writes padding behind a cell: for SQL it has to be a comment. */
const END = '\n--';
const DRIVER = 'psycopg[binary]==3.2.9';

/** Ten columns of what tables are made of. */
const CREATE = (rows: number) => `create table bench as select
  n as id, n * 4294967296 as big, sqrt(n) as root, n / 7.0::float8 as part, 'name ' || n as name,
  md5(n::text) as hash, n % 3 = 0 as flag, timestamptz '2026-01-01' + n * interval '1 second' as at,
  date '2026-01-01' + n % 365 as day, 'group ' || n % 100 as label
from generate_series(1, ${rows}) n`;

/** Rows per second (thousands) of one query as a DataFrame: by the driver in the kernel, and by a cell. */
export async function sqlRows(rows: number, rounds: number): Promise<Row> {
  const processes = await Processes.open();
  const [postgres, jupyter] = await Promise.all([startPostgres(), startStockJupyter({ token: TOKEN })]);
  try {
    const packages = join(processes.folder, 'packages');
    const python = join(await jupyterEnvironment(), 'bin', 'python');
    await promisify(execFile)(python, ['-m', 'pip', 'install', '--quiet', '--target', packages, DRIVER]);
    const connections = join(processes.folder, 'connections.yaml');
    const dsn = `postgres://${postgres.user}@127.0.0.1:${postgres.port}/postgres`;
    await writeFile(
      connections,
      `connections: {db: {type: sql, dsn: "${dsn}", password: "{{runtime_env:BENCH_DB}}"}}`,
    );
    const env = { SPIN_CONNECTIONS: connections, BENCH_DB: PASSWORD };
    const { origin } = await processes.startGateway(jupyter.url, { token: jupyter.token, env });
    const kernel = await startKernel(jupyter.url, jupyter.token);
    const client = await KernelClient.open(origin, kernel);
    const password = JSON.stringify(PASSWORD);
    await client.run(`import sys; sys.path.insert(0, ${JSON.stringify(packages)}); import pandas, psycopg`);
    await client.run(`%%sql\n${CREATE(rows)}${END}`);
    const byDriver = `
with psycopg.connect("${dsn}", password=${password}) as connection:
    cursor = connection.execute("${QUERY}")
    df = pandas.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])
assert len(df) == ${rows}`;
    const byCell = `%%sql --limit ${rows} --out df\n${QUERY}${END}`;
    const taken: { readonly driver: number[]; readonly cell: number[] } = { driver: [], cell: [] };
    for (let round = 0; round < rounds; round++) {
      taken.driver.push(await timed(() => client.run(byDriver)));
      await client.run('del df');
      taken.cell.push(await timed(() => client.run(byCell)));
      await client.run(`assert len(df) == ${rows} and len(df.columns) == 10; del df`);
    }
    await client.close();
    const perSecond = (times: readonly number[]) => rows / median(times);
    return {
      label: `${rows.toLocaleString('en')} rows × 10 columns of PostgreSQL into a DataFrame (1000 rows/s)`,
      values: new Map([
        ['psycopg in the kernel', perSecond(taken.driver)],
        ['%%sql', perSecond(taken.cell)],
      ]),
    };
  } finally {
    await processes.close();
    await Promise.all([postgres.close(), jupyter.close()]);
  }
}

/** Whether Debian's PostgreSQL is there. */
export function hasPostgres(): boolean {
  return existsSync('/usr/lib/postgresql');
}
