import { startStockJupyter } from '../support/jupyter.js';
import { KernelClient, TOKEN } from './client.js';
import { median } from './measures.js';
import { Processes } from './processes.js';

/** How long a cell takes, in milliseconds. */
export interface CellTime {
  readonly cell: string;
  /** Without the gateway; undefined for what only the gateway understands. */
  readonly direct: number | undefined;
  readonly median: number;
  /** Beyond the plain cell: what the companion's round trip, the rewriting and the kernel helper take. */
  readonly extra: number;
}

const PLAIN = 'x = 1';

const CELLS: Readonly<Record<string, string>> = {
  'plain cell (`x = 1`)': PLAIN,
  'cell with a reference (`x = "{{runtime_env:…}}"`)': 'x = "{{runtime_env:BENCH_API_KEY}}"',
  '`%%shell` with `true` (starts bash)': '%%shell\ntrue',
};

/** Runs each kind of cell in turn, in a kernel of a stock Jupyter behind the gateway. */
export async function realKernel(times: number): Promise<readonly CellTime[]> {
  const jupyter = await startStockJupyter({ token: TOKEN });
  const processes = await Processes.open();
  try {
    const kernel = await startKernel(jupyter.url, jupyter.token);
    const { origin } = await processes.startGateway(jupyter.url, { token: jupyter.token });
    const direct = await KernelClient.open(jupyter.url, kernel);
    const client = await KernelClient.open(origin, kernel);
    const directly: number[] = [];
    const taken = new Map(Object.keys(CELLS).map((cell) => [cell, [] as number[]]));
    // The first run of each loads what later ones find loaded.
    for (const code of Object.values(CELLS)) await client.run(code);
    for (let i = 0; i < times; i++) {
      directly.push(await timed(() => direct.run(PLAIN)));
      for (const [cell, code] of Object.entries(CELLS)) {
        taken.get(cell)?.push(await timed(() => client.run(code)));
      }
    }
    await Promise.all([client.close(), direct.close()]);
    const medians = [...taken].map(([cell, values]) => ({ cell, median: median(values) }));
    const plain = medians[0]?.median ?? Number.NaN;
    return medians.map((time, index) => ({
      ...time,
      direct: index === 0 ? median(directly) : undefined,
      extra: time.median - plain,
    }));
  } finally {
    await processes.close();
    await jupyter.close();
  }
}

export async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export async function startKernel(url: string, token: string): Promise<string> {
  const response = await fetch(`${url}/api/kernels`, {
    method: 'POST',
    headers: { authorization: `token ${token}` },
    body: '{}',
  });
  const { id } = (await response.json()) as { id: string };
  return id;
}
