import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { homeAt } from '../../gateway/home.js';
import { type Client, connect, execute, type Outcome } from './client.js';
import { startTestGateway, type TestGateway, upstreamOf } from './gateway.js';
import { type StockJupyter, startStockJupyter } from './jupyter.js';

/** A stock Jupyter behind a gateway whose catalogue holds connections: what a processor's test needs. */
export interface Runtime {
  readonly jupyter: StockJupyter;
  readonly gateway: TestGateway;
  readonly client: Client;
  /** A new kernel, ended with the test; `run` gives what a notebook would show of a cell. */
  startKernel(t: Test): Promise<RuntimeKernel>;
  /**
   * Runs cells under the eyes of a second client, then looks for values wherever one could have been left: frames of
   * both clients, the kernel's memory, its history, Jupyter's files, the log. It needs the right to read that memory.
   *
   * @returns what was found: the place and the value
   */
  findLeaks(t: Test, cells: readonly string[], values: readonly string[]): Promise<string[]>;
}

export interface RuntimeKernel {
  run(code: string): Promise<Outcome>;
}

/**
 * Starts all of it; it ends with the test.
 * @param connections the catalogue's YAML below `connections:`, one connection a line
 * @param env the gateway's environment, which the connections refer to
 */
export async function startRuntime(
  t: Test,
  connections: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Runtime> {
  const folder = t.testdir();
  const file = join(folder, 'connections.yaml');
  await mkdir(folder, { recursive: true });
  await writeFile(file, `connections:\n${connections.map((line) => `  ${line}\n`).join('')}`);
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env,
    connections: { file, required: true },
    home: homeAt(folder),
  });
  t.teardown(() => gateway.close());
  const client = connect(gateway);
  t.teardown(() => client.close());

  const start = async (t: Test) => {
    const kernel = await client.kernels.startNew({ name: 'python3' });
    t.teardown(() => kernel.shutdown());
    return kernel;
  };
  return {
    jupyter,
    gateway,
    client,
    async startKernel(t) {
      const kernel = await start(t);
      return { run: (code) => execute(kernel, code) };
    },
    async findLeaks(t, cells, values) {
      const kernel = await start(t);
      const other = connect(gateway, 'legacy');
      t.teardown(() => other.close());
      const frames: string[] = [];
      const watching = other.kernels.connectTo({ model: kernel.model });
      watching.anyMessage.connect((_, { msg }) => void frames.push(JSON.stringify(msg)));
      kernel.anyMessage.connect((_, { msg }) => void frames.push(JSON.stringify(msg)));
      await watching.info;
      for (const cell of cells) await execute(kernel, cell);
      const pid = Number((await execute(kernel, 'import os; print(os.getpid())')).stdout);
      const history = await execute(kernel, 'import linecache; print(In, linecache.cache)');
      t.ok(frames.length > cells.length * 4, 'both clients saw frames');
      const memory = await memoryOf(pid);
      t.ok(memory.includes('__spin__'), 'the memory was really read');
      const places: Readonly<Record<string, Buffer>> = {
        frames: Buffer.from(frames.join('\n')),
        log: Buffer.from(gateway.log()),
        history: Buffer.from(history.stdout),
        memory,
        files: await filesBelow(jupyter.home),
      };
      const forms = values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
      return Object.entries(places).flatMap(([place, bytes]) =>
        forms.filter((form) => bytes.includes(form)).map((form) => `${place}: ${form}`),
      );
    },
  };
}

/** All writable memory of a process. */
async function memoryOf(pid: number): Promise<Buffer> {
  const memory = await open(`/proc/${pid}/mem`);
  const parts: Buffer[] = [];
  for (const line of (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (from === '') continue;
    const start = Number.parseInt(from, 16);
    const buffer = Buffer.alloc(Number.parseInt(to, 16) - start);
    // A page that is guarded or gone can't be read, and holds nothing.
    const read = await memory.read(buffer, 0, buffer.length, start).catch(() => undefined);
    if (read) parts.push(buffer.subarray(0, read.bytesRead));
  }
  await memory.close();
  return Buffer.concat(parts);
}

async function filesBelow(folder: string): Promise<Buffer> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Buffer.concat(await Promise.all(files.map((file) => readFile(file))));
}
