import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { Command, Option } from 'commander';
import { capacity, REPLICA } from './capacity.js';
import { BEFORE, type Contender, type Field, GATEWAY, startField } from './contenders.js';
import { idleMemory, type Measure, measures, median } from './measures.js';
import { type CellTime, realKernel } from './real-kernel.js';
import { hasPostgres, sqlRows } from './sql-rows.js';
import { type Row, table } from './table.js';

const MEMORY = 'memory';
const CELLS = 'cells';
const SQL = 'sql';
const CAPACITY = 'capacity';
const IDLE_CHANNELS = 1000;

interface Options {
  readonly quick?: true;
  readonly only?: string[];
  readonly before?: string;
}

const tell = (line: string) => process.stderr.write(`${line}\n`);

async function bench({ quick, only, before }: Options): Promise<void> {
  const wanted = (id: string) => only === undefined || only.includes(id);
  const rounds = quick ? 1 : 5;
  const scale = quick ? 0.1 : 1;
  const chosen = measures.filter(({ id }) => wanted(id));
  const rows: Row[] = [];
  let names: readonly string[] = [];
  const withField = async (work: (field: Field) => Promise<void>) => {
    const field = await startField(before);
    names = field.contenders.map(({ name }) => name);
    try {
      await work(field);
    } finally {
      await field.close();
    }
  };

  if (chosen.length > 0)
    await withField(async ({ contenders }) => {
      for (const measure of chosen) rows.push(...(await compare(measure, contenders, rounds, scale)));
    });
  // In processes that have done nothing yet.
  if (wanted(MEMORY)) await withField(async ({ contenders }) => void rows.push(await memoryRow(contenders)));
  if (names.length > 0 && !names.includes('nginx')) tell('nginx is not installed: its column is left out.');
  const cells = wanted(CELLS) ? await realKernel(quick ? 20 : 200) : [];
  const sql = wanted(SQL) && hasPostgres() ? [await sqlRows(quick ? 10_000 : 1_000_000, rounds)] : [];
  if (wanted(SQL) && sql.length === 0) tell('PostgreSQL is not installed: rows of SQL are left out.');
  const sizes = wanted(CAPACITY) ? await capacity(quick ? 100 : IDLE_CHANNELS, scale) : [];
  process.stdout.write(report(rows, names, cells, sql, sizes));
}

/** The contenders take turns, so that what changes on the machine meanwhile favours none of them. */
async function compare(
  measure: Measure,
  contenders: readonly Contender[],
  rounds: number,
  scale: number,
): Promise<Row[]> {
  const taken = contenders.filter(({ kernelOnly }) => !kernelOnly || measure.perKernel);
  const results = new Map<string, (readonly number[])[]>(taken.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of taken) {
      const numbers = await measure.run(contender, scale);
      results.get(contender.name)?.push(numbers);
      tell(
        `${measure.id} ${round}/${rounds} ${contender.name}: ${numbers.map((n) => n.toFixed(2)).join(', ')}`,
      );
    }
  }
  return measure.rows.map((label, index) => ({
    label,
    values: new Map(
      [...results].map(([name, all]) => [name, median(all.map((numbers) => numbers[index] ?? Number.NaN))]),
    ),
  }));
}

async function memoryRow(contenders: readonly Contender[]): Promise<Row> {
  const values = new Map<string, number>();
  for (const contender of contenders) {
    if (!contender.memory) continue;
    const perChannel = await idleMemory(contender, contender.memory, IDLE_CHANNELS);
    tell(`${MEMORY} ${contender.name}: ${perChannel.toFixed(1)} KiB`);
    values.set(contender.name, perChannel);
  }
  return { label: `memory per idle kernel channel of ${IDLE_CHANNELS} (KiB)`, values };
}

function report(
  rows: readonly Row[],
  names: readonly string[],
  cells: readonly CellTime[],
  sql: readonly Row[],
  sizes: readonly Row[],
): string {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}, Node.js ${process.versions.node}`;
  const parts = [`Measured on ${new Date().toISOString().slice(0, 10)}: ${machine}.`];
  if (rows.length > 0) {
    parts.push(
      'The same client over TLS through each proxy (a process of its own, one thread each) to the same upstream: a synthetic one that speaks the v1 subprotocol, because a stock Jupyter would be what limits all of them. Medians; the contenders took turns.',
      table(rows, names, GATEWAY, ['direct', 'nginx', 'CHP', BEFORE]),
    );
  }
  if (cells.length > 0) {
    parts.push(
      'Cells in a kernel of a stock Jupyter over TCP (median, ms). Direct is slower because Jupyter waits for acknowledgements that the gateway sends at once.',
      table(
        cells.map(({ cell, direct, median, extra }) => ({
          label: cell,
          values: new Map([
            ['direct', direct ?? Number.NaN],
            [GATEWAY, median],
            ['beyond the plain cell', extra],
          ]),
        })),
        ['direct', GATEWAY, 'beyond the plain cell'],
        '',
        [],
      ),
    );
  }
  if (sql.length > 0)
    parts.push(table(sql, ['psycopg in the kernel', '%%sql'], '%%sql', ['psycopg in the kernel']));
  if (sizes.length > 0) {
    const [load = 0] = loadavg();
    parts.push(`Load average when it ended: ${load.toFixed(1)}.`, table(sizes, [REPLICA], REPLICA, []));
  }
  return `${parts.join('\n\n')}\n`;
}

const ids = [...measures.map(({ id }) => id), MEMORY, CELLS, SQL, CAPACITY];
await new Command('bench')
  .description(
    'Compares the gateway with nginx, configurable-http-proxy and nothing at all. The table goes to stdout, progress to stderr. Linux only.',
  )
  .option('--quick', 'one short round: says whether it works, not how fast it is')
  .option(
    '--before <folder>',
    'measure the gateway of another compiled checkout too, e.g. of the last release',
  )
  .addOption(new Option('--only <measure...>', 'measure only these').choices(ids))
  .action(bench)
  .parseAsync();
