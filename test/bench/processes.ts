import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { selfSigned } from '../support/certificate.js';
import { freePorts } from '../support/front-proxy.js';
import { until } from '../support/until.js';
import { get, TOKEN } from './client.js';

/** nginx is Debian's package; a person's PATH may lack the folder. */
export const PATH = [process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(delimiter);

/** Values that cells of the bench refer to: as many as a busy notebook may hold. */
export const VALUES: Readonly<Record<string, string>> = {
  BENCH_PASSWORD: 'correct horse "battery" staple',
  BENCH_API_KEY: 'sk-test-4f9a8c2d7e1b6a3f5c0d9e8b7a6f5e4d',
  BENCH_WEBHOOK: 'https://hooks.example.com/services/T0/B0/Xq7$Lm`{{\\z',
  BENCH_PEM: '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n',
  BENCH_USER: 'deploy-bot',
};

/** The compiled checkout that this is a part of. */
const THIS = fileURLToPath(new URL('../../../', import.meta.url));

export interface GatewayOptions {
  /** SPIN_UPSTREAM_TOKEN */
  readonly token?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly checkout?: string;
}

/** The processes of one run, their certificate, and the folder that their files are in. */
export class Processes {
  readonly folder: string;
  /** PEM files. */
  readonly cert: string;
  readonly key: string;
  readonly #children: ChildProcess[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.cert = join(folder, 'tls.crt');
    this.key = join(folder, 'tls.key');
  }

  static async open(): Promise<Processes> {
    const processes = new Processes(await mkdtemp(join(tmpdir(), 'spin-bench-')));
    const pair = selfSigned(['localhost', '127.0.0.1']);
    await writeFile(processes.cert, pair.cert);
    await writeFile(processes.key, pair.key, { mode: 0o600 });
    return processes;
  }

  /** Starts a program whose stderr goes to a file, as a service's does. */
  async start(
    name: string,
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<ChildProcess> {
    const log = await open(this.#log(name), 'a');
    const child = spawn(program, args, {
      env: { PATH, HOME: this.folder, ...env },
      stdio: ['ignore', 'pipe', log.fd],
    });
    this.#children.push(child);
    child.on('error', () => {});
    await log.close();
    return child;
  }

  /** Waits until a proxy answers. @throws {Error} with what it said when it ends instead */
  async ready(name: string, child: ChildProcess, origin: string): Promise<void> {
    child.stdout?.resume();
    await until(async () => {
      if (child.exitCode !== null || child.pid === undefined) {
        throw new Error(`${name} ended: ${await readFile(this.#log(name), 'utf8')}`);
      }
      return (await get(`${origin}/api/status`).catch(() => 0)) === 200;
    }, 30_000);
  }

  /**
   * The gateway as a person starts it, in front of `upstream`. BENCH_NODE_OPTIONS are node's, e.g. `--cpu-prof`.
   *
   * @param checkout the folder of the compiled checkout that it is started from
   */
  async startGateway(
    upstream: string,
    { token, env = {}, checkout = THIS }: GatewayOptions = {},
  ): Promise<{ readonly child: ChildProcess; readonly origin: string }> {
    const { https } = await freePorts();
    const options = (process.env.BENCH_NODE_OPTIONS ?? '').split(' ').filter((option) => option !== '');
    const cli = join(checkout, 'dist', 'gateway', 'cli.js');
    const child = await this.start('gateway', process.execPath, [...options, cli], {
      SPIN_HOME: await mkdtemp(join(this.folder, 'home-')),
      SPIN_PORT: String(https),
      SPIN_TOKEN: TOKEN,
      SPIN_UPSTREAM: upstream,
      ...(token !== undefined && { SPIN_UPSTREAM_TOKEN: token }),
      SPIN_TLS_CERT: this.cert,
      SPIN_TLS_KEY: this.key,
      ...VALUES,
      ...env,
    });
    const origin = `https://127.0.0.1:${https}`;
    await this.ready('gateway', child, origin);
    return { child, origin };
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(end));
    await rm(this.folder, { recursive: true, force: true });
  }

  #log(name: string): string {
    return join(this.folder, `${name}.log`);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const insist = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(insist);
}
