import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startStockJupyter } from '../support/jupyter.js';
import { SMALL } from '../support/synthetic-upstream.js';
import { get, KernelClient, TOKEN } from './client.js';
import { ports, residentBytes } from './contenders.js';
import { idleMemory } from './measures.js';
import { Processes, VALUES } from './processes.js';
import { startKernel } from './real-kernel.js';
import type { Row } from './table.js';

/** Column of the table. */
export const REPLICA = 'one replica';

const KIB = 1024;
const MIB = 1024 * KIB;
/** proc(5): times are in ticks, of which Linux shows a hundred a second. */
const TICK_US = 10_000;

/**
 * What one gateway costs, in memory and in its own time on a processor (which other processes' work changes less than
 * it changes what a clock on the wall shows).
 */
export async function capacity(channels: number, scale: number): Promise<readonly Row[]> {
  return [...(await synthetic(channels, scale)), ...(await realCells(Math.ceil(200 * scale)))];
}

async function synthetic(channels: number, scale: number): Promise<Row[]> {
  const processes = await Processes.open();
  try {
    const program = fileURLToPath(new URL('upstream.js', import.meta.url));
    const { port } = await ports(
      await processes.start('upstream', process.execPath, [program, processes.cert, processes.key]),
    );
    const { child, origin } = await processes.startGateway(`http://127.0.0.1:${port}`);
    const memory = () => residentBytes(child.pid);
    const started = await memory();
    const idle = await idleMemory({ name: REPLICA, origin, kernel: 'plain' }, memory, channels);

    const demanding = await KernelClient.open(origin, 'demanding');
    const references = Object.keys(VALUES).map((name) => `"{{runtime_env:${name}}}"`);
    await demanding.execute(`values = [${references.join(', ')}]`);
    const plain = await KernelClient.open(origin, 'plain');
    const count = Math.ceil(100_000 * scale);
    const stream = async (client: KernelClient) => {
      await client.execute(`drip ${Math.ceil(count / 20)} ${SMALL}`);
      return processorTime(child.pid, count, () => client.execute(`drip ${count} ${SMALL}`));
    };
    const each = await stream(plain);
    const hiding = await stream(demanding);
    const megabytes = Math.ceil(800 * scale);
    const large = await processorTime(child.pid, megabytes, () =>
      plain.execute(`stream ${megabytes} ${MIB}`),
    );
    const asked = Math.ceil(3000 * scale);
    const request = await processorTime(child.pid, asked, async () => {
      for (let i = 0; i < asked; i++) await get(`${origin}/api/status`);
    });
    await Promise.all([plain.close(), demanding.close()]);
    return [
      row('memory after its start (MiB)', started / MIB),
      row(`memory for each idle kernel channel, of ${channels} (KiB)`, idle),
      row('processor time for each 1 KB message of a stream (µs)', each),
      row(`– the same, with ${references.length} values to hide (µs)`, hiding),
      row('processor time for each MB in 1 MB messages (µs)', large),
      row('processor time for each small GET on a TLS connection of its own (µs)', request),
    ];
  } finally {
    await processes.close();
  }
}

/** Cells in a kernel of a stock Jupyter; the service of the brokered one answers at once. */
async function realCells(times: number): Promise<Row[]> {
  const processes = await Processes.open();
  const jupyter = await startStockJupyter({ token: TOKEN });
  const result = [{ metric: { job: 'bench' }, value: [1_700_000_000, '7'] }];
  const body = JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
  const service = createServer((_, res) => res.end(body)).listen(0, '127.0.0.1');
  try {
    await new Promise((resolve) => service.once('listening', resolve));
    const { port } = service.address() as AddressInfo;
    const file = join(processes.folder, 'connections.yaml');
    await writeFile(file, `connections: {bench: {type: prometheus, url: "http://127.0.0.1:${port}"}}`);
    const { child, origin } = await processes.startGateway(jupyter.url, {
      token: jupyter.token,
      env: { SPIN_CONNECTIONS: file },
    });
    const client = await KernelClient.open(origin, await startKernel(jupyter.url, jupyter.token));
    const cells: Readonly<Record<string, string>> = {
      'processor time for each plain cell (ms)': 'x = 1',
      'processor time for each cell with a reference (ms)': 'x = "{{runtime_env:BENCH_API_KEY}}"',
      // The client writes padding behind a cell: a comment there.
      'processor time for each brokered cell (ms)': '%%prometheus --out df\nup\n#',
    };
    const rows: Row[] = [];
    for (const [label, code] of Object.entries(cells)) {
      // The first run of each loads what later ones find loaded.
      for (let i = 0; i < 10; i++) await client.run(code);
      const time = await processorTime(child.pid, times, async () => {
        for (let i = 0; i < times; i++) await client.run(code);
      });
      rows.push(row(label, time / 1000));
    }
    await client.close();
    return rows;
  } finally {
    service.close();
    service.closeAllConnections();
    await processes.close();
    await jupyter.close();
  }
}

function row(label: string, value: number): Row {
  return { label, values: new Map([[REPLICA, value]]) };
}

/** @returns what the process spent on each of `count` pieces of the work, in microseconds. Source: proc(5) */
async function processorTime(
  pid: number | undefined,
  count: number,
  work: () => Promise<void>,
): Promise<number> {
  const spent = async () => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Behind the program's name, which may hold anything: utime and stime are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  };
  const before = await spent();
  await work();
  return ((await spent()) - before) / count;
}
