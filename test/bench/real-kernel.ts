import { startStockJupyter } from '../support/jupyter.js';
import { KernelClient } from './client.js';
import { median } from './measures.js';
import { Processes } from './processes.js';

/** How long a cell takes through the gateway, in milliseconds. */
export interface CellTime {
  readonly cell: string;
  readonly median: number;
  /** Beyond the plain cell: what the companion's round trip, the rewriting and the kernel helper take. */
  readonly extra: number;
}

const CELLS: Readonly<Record<string, string>> = {
  'plain cell (`x = 1`)': 'x = 1',
  'cell with a reference (`x = "{{runtime_env:…}}"`)': 'x = "{{runtime_env:BENCH_API_KEY}}"',
  '`%%shell` with `true` (starts bash)': '%%shell\ntrue',
};

/** Runs each kind of cell in turn, in a kernel of a stock Jupyter behind the gateway. */
export async function realKernel(times: number): Promise<readonly CellTime[]> {
  const jupyter = await startStockJupyter();
  const processes = await Processes.open();
  try {
    const kernel = await startKernel(jupyter.url, jupyter.token);
    const { origin } = await processes.startGateway(jupyter.url, jupyter.token);
    const client = await KernelClient.open(origin, kernel);
    const taken = new Map(Object.keys(CELLS).map((cell) => [cell, [] as number[]]));
    // The first run of each loads what later ones find loaded.
    for (const code of Object.values(CELLS)) await client.run(code);
    for (let i = 0; i < times; i++) {
      for (const [cell, code] of Object.entries(CELLS)) {
        const start = performance.now();
        await client.run(code);
        taken.get(cell)?.push(performance.now() - start);
      }
    }
    await client.close();
    const medians = [...taken].map(([cell, values]) => ({ cell, median: median(values) }));
    const plain = medians[0]?.median ?? Number.NaN;
    return medians.map((time) => ({ ...time, extra: time.median - plain }));
  } finally {
    await processes.close();
    await jupyter.close();
  }
}

async function startKernel(url: string, token: string): Promise<string> {
  const response = await fetch(`${url}/api/kernels`, {
    method: 'POST',
    headers: { authorization: `token ${token}` },
    body: '{}',
  });
  const { id } = (await response.json()) as { id: string };
  return id;
}
