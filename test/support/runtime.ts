import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kernel } from '@jupyterlab/services';
import type { Test } from 'tap';
import type { Config } from '../../gateway/config.js';
import { homeAt } from '../../gateway/home.js';
import { type Client, connect, execute, type Outcome } from './client.js';
import { startTestGateway, type TestGateway, upstreamOf } from './gateway.js';
import { jupyterEnvironment, startStockJupyter } from './jupyter.js';
import { filesBelow, memoryOf } from './traces.js';
import { until } from './until.js';

/** A Jupyter behind a gateway whose catalogue holds connections: what a processor's test needs. */
export interface Runtime {
  /** The folder that Jupyter's contents API serves. */
  readonly notebooks: string;
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
  readonly kernel: Kernel.IKernelConnection;
  run(code: string): Promise<Outcome>;
  /** What Python prints of an expression, or its error. */
  print(expression: string): Promise<string>;
}

/**
 * Starts all of it, with a stock Jupyter in front of which the gateway is put; it ends with the test.
 * @param connections the catalogue's YAML below `connections:`, one connection a line
 * @param env the gateway's environment, which the connections refer to
 * @param addOns files of `$SPIN_HOME/etc/processors`, by name
 */
export async function startRuntime(
  t: Test,
  connections: readonly string[],
  env: Readonly<Record<string, string>>,
  addOns: Readonly<Record<string, string>> = {},
): Promise<Runtime> {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env,
    connections: await catalogueOf(t, connections),
    addOns,
  });
  t.teardown(() => gateway.close());
  return runtimeOf(t, gateway, jupyter.rootDir, jupyter.home);
}

/** The same with the Jupyter that a gateway starts by itself. */
export async function startEmbeddedRuntime(
  t: Test,
  connections: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Runtime> {
  const gateway = await startTestGateway({
    upstream: { kind: 'embedded', environment: await jupyterEnvironment() },
    env,
    connections: await catalogueOf(t, connections),
  });
  t.teardown(() => gateway.close());
  await until(async () => (await fetch(`${gateway.origin}/readyz`)).ok, 60_000);
  const home = homeAt(gateway.home);
  return runtimeOf(t, gateway, home.notebooks, home.var);
}

async function catalogueOf(t: Test, connections: readonly string[]): Promise<Config['connections']> {
  const folder = t.testdir();
  const file = join(folder, 'connections.yaml');
  await mkdir(folder, { recursive: true });
  await writeFile(file, `connections:\n${connections.map((line) => `  ${line}\n`).join('')}`);
  return { file, required: true };
}

/** @param files the folder below which Jupyter writes all that it writes */
function runtimeOf(t: Test, gateway: TestGateway, notebooks: string, files: string): Runtime {
  const client = connect(gateway);
  t.teardown(() => client.close());

  const start = async (t: Test) => {
    const kernel = await client.kernels.startNew({ name: 'python3' });
    t.teardown(() => kernel.shutdown());
    return kernel;
  };
  return {
    notebooks,
    gateway,
    client,
    async startKernel(t) {
      const kernel = await start(t);
      const run = (code: string) => execute(kernel, code);
      return {
        kernel,
        run,
        async print(expression) {
          const { stdout, error } = await run(`print(${expression})`);
          return error || stdout.trim();
        },
      };
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
        files: await filesBelow(files),
      };
      const forms = values.flatMap((value) => [value, JSON.stringify(value).slice(1, -1)]);
      return Object.entries(places).flatMap(([place, bytes]) =>
        forms.filter((form) => bytes.includes(form)).map((form) => `${place}: ${form}`),
      );
    },
  };
}
