import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseHome } from '../../gateway/config/choose-home.js';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { homeAt } from '../../gateway/home.js';
import { ensureEnvironment } from '../../gateway/jupyter/environment.js';
import { findIsolation } from '../../gateway/jupyter/user.js';
import { freePort } from './free-port.js';

/** How long a cold start may take on a small, busy machine. */
const START_LIMIT_MS = 90_000;

/**
 * The folder of a stock Jupyter environment (it contains `bin/jupyter`): the one that SPIN_JUPYTER names,
 * else the same one that `npm start` makes and uses, so that nothing is downloaded twice.
 */
export async function jupyterEnvironment(): Promise<string> {
  const named = process.env.SPIN_JUPYTER;
  if (named !== undefined && named !== '') return named;
  const isolation = await findIsolation();
  const folder = homeAt(chooseHome(process.env).path).jupyter;
  await ensureEnvironment(folder, {
    inherited: environmentOf(process.env),
    user: isolation.kind === 'own-user' ? isolation.user : undefined,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  return folder;
}

export interface StockJupyterOptions {
  /** `unix`: listens on a unix socket; default `tcp`, on a free port of 127.0.0.1. */
  readonly listen?: 'tcp' | 'unix';
  /** Empty for a server without a token; default `upstream-token-0123456789`. */
  readonly token?: string;
  /** E.g. `/user/me`; default none. */
  readonly basePath?: string;
  /** Program and leading arguments; default `<environment>/bin/jupyter-server`. */
  readonly command?: readonly [string, ...string[]];
  /** Further arguments, e.g. `--ServerApp.certfile=…`. */
  readonly args?: readonly string[];
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Scheme in `url` and of the readiness check; give the certificate in `args`. Default `http`. */
  readonly scheme?: 'http' | 'https';
}

export interface StockJupyter {
  /** Origin and base path without a trailing slash; `http://localhost…` for a unix socket. */
  readonly url: string;
  readonly socketPath: string | undefined;
  readonly token: string;
  /** The folder that its contents API serves. */
  readonly rootDir: string;
  /** HOME of the server; its history is below `.ipython`, its settings are below `.jupyter`. */
  readonly home: string;
  readonly pid: number;
  /** What it has logged so far. */
  log(): string;
  /** Ends it with its kernels and removes its folders. */
  close(): Promise<void>;
}

/**
 * Starts an unmodified Jupyter server with its own folders, so that tests never touch the user's.
 * @throws {Error} with the server's log when it ends or isn't ready in time
 */
export async function startStockJupyter(options: StockJupyterOptions = {}): Promise<StockJupyter> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const home = join(folder, 'home');
  const rootDir = join(folder, 'notebooks');
  const runtime = join(folder, 'runtime');
  await Promise.all([home, rootDir, runtime].map((path) => mkdir(path, { mode: 0o700 })));

  const environment = await jupyterEnvironment();
  const [program, ...leading] = options.command ?? [join(environment, 'bin', 'jupyter-server')];
  const token = options.token ?? 'upstream-token-0123456789';
  const basePath = options.basePath ?? '';
  const scheme = options.scheme ?? 'http';
  const socketPath = options.listen === 'unix' ? join(folder, 'jupyter.sock') : undefined;
  const port = socketPath === undefined ? await freePort() : 0;
  const where =
    socketPath === undefined
      ? ['--ServerApp.ip=127.0.0.1', `--ServerApp.port=${port}`, '--ServerApp.port_retries=0']
      : [`--ServerApp.sock=${socketPath}`];

  const server = spawn(
    program,
    [
      ...leading,
      '--no-browser',
      '--allow-root',
      ...where,
      `--ServerApp.root_dir=${rootDir}`,
      `--ServerApp.base_url=${basePath}/`,
      // The option's name in jupyter_server 1.x and 2.x; new versions still understand the old one.
      `--ServerApp.token=${token}`,
      ...(options.args ?? []),
    ],
    {
      cwd: rootDir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: [...(options.command ? [] : [join(environment, 'bin')]), process.env.PATH ?? ''].join(
          delimiter,
        ),
        LANG: 'C.UTF-8',
        HOME: home,
        JUPYTER_RUNTIME_DIR: runtime,
        JUPYTER_DATA_DIR: join(home, '.local', 'share', 'jupyter'),
        JUPYTER_CONFIG_DIR: join(home, '.jupyter'),
        IPYTHONDIR: join(home, '.ipython'),
        ...options.env,
      },
    },
  );
  let output = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-100_000);
    });
  }
  server.on('error', (error) => {
    output += `${error.message}\n`;
  });
  const endWithTest = () => server.kill('SIGKILL');
  process.once('exit', endWithTest);

  const close = async () => {
    process.off('exit', endWithTest);
    await end(server);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const origin = socketPath === undefined ? `${scheme}://127.0.0.1:${port}` : 'http://localhost';
  try {
    await until(
      async () => {
        if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) {
          throw new Error(`Jupyter ended while it started:\n${output}`);
        }
        return (await status(origin, `${basePath}/api/status`, token, socketPath)) === 200;
      },
      () => `Jupyter was not ready in time:\n${output}`,
    );
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url: origin + basePath,
    socketPath,
    token,
    rootDir,
    home,
    pid: server.pid ?? 0,
    log: () => output,
    close,
  };
}

async function until(condition: () => Promise<boolean>, explain: () => string): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(explain());
    await sleep(100);
  }
}

/** The HTTP status; 0 while nothing answers. It does not check the certificate of a test's https server. */
function status(
  origin: string,
  path: string,
  token: string,
  socketPath: string | undefined,
): Promise<number> {
  return new Promise((resolve) => {
    const url = new URL(path, origin);
    const options = {
      agent: false as const,
      headers: { authorization: `token ${token}` },
      rejectUnauthorized: false,
      timeout: 5_000,
      ...(socketPath === undefined ? {} : { socketPath }),
    };
    const asked = url.protocol === 'https:' ? httpsRequest(url, options) : request(url, options);
    asked
      .on('response', (response) => {
        response.resume().on('error', () => resolve(0));
        resolve(response.statusCode ?? 0);
      })
      .on('timeout', () => asked.destroy())
      .on('error', () => resolve(0))
      .end();
  });
}

/** Asks, waits for kernels to be shut down, and insists after ten seconds. */
async function end(server: ChildProcess): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  server.kill('SIGTERM');
  const insist = setTimeout(() => server.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(insist);
}
