import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createRuntimeEnv } from '../../gateway/config/runtime-env.js';
import type { Config, RuntimeEnv } from '../../gateway/config.js';
import { homeAt } from '../../gateway/home.js';
import { type Gateway, startGateway } from '../../gateway/main.js';
import { Secret } from '../../processors/core/secret.js';
import type { StockJupyter } from './jupyter.js';

/** A gateway in this process, in front of a real Jupyter, with a temporary home. */
export interface TestGateway {
  readonly gateway: Gateway;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly token: string;
  readonly home: string;
  /** Everything that was logged, as text. */
  log(): string;
  /** The log's lines with this message. */
  lines(message: string): Record<string, unknown>[];
  close(): Promise<void>;
}

export const TOKEN = 'test-token-0123456789';

export interface TestGatewayOptions extends Partial<Omit<Config, 'runtimeEnv'>> {
  /** What `{{runtime_env:NAME}}` gives. */
  readonly env?: Readonly<Record<string, string>>;
  /** `silent` keeps nothing of the log, for a test that watches memory; default `info`. */
  readonly logLevel?: 'info' | 'silent';
  /** SPIN_RUNTIME_ENV; absent: cells may use everything in `env`. */
  readonly runtimeEnvList?: readonly string[];
  /** Files of `$home/etc/processors`, by name. */
  readonly addOns?: Readonly<Record<string, string>>;
}

export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const { env = {}, addOns = {}, logLevel = 'info', runtimeEnvList, ...overrides } = options;
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const home = homeAt(folder);
  await mkdir(home.processors, { recursive: true, mode: 0o700 });
  for (const [name, source] of Object.entries(addOns)) {
    await writeFile(join(home.processors, name), source, { mode: 0o600 });
  }
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const config: Config = {
    home,
    token: new Secret(TOKEN),
    metricsToken: undefined,
    tracing: undefined,
    shared: undefined,
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    upstream: { kind: 'embedded', environment: home.jupyter },
    tls: { mode: 'auto', files: undefined },
    acme: undefined,
    publicUrl: undefined,
    allowedHosts: [],
    allowedOrigins: [],
    trustedProxies: [],
    connections: { file: home.connections, required: false },
    drainMs: 0,
    unread: undefined,
    maxMessage: 10 * 1024 * 1024,
    environment: new Map(Object.entries(env).map(([name, value]) => [name, new Secret(value)])),
    runtimeEnv: runtimeEnvList ? createRuntimeEnv({ ...env }, runtimeEnvList) : runtimeEnvOf(env),
    ...overrides,
  };
  const remove = () => rm(folder, { recursive: true, force: true });
  const gateway = await startGateway(config, pino({ level: logLevel }, sink), () => {}).catch(
    async (error) => {
      await remove();
      throw error;
    },
  );
  return {
    gateway,
    origin: `http://127.0.0.1:${gateway.url.port}`,
    token: TOKEN,
    home: folder,
    log: () => text,
    lines: (message) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter(({ msg }) => msg === message),
    async close() {
      await gateway.close();
      await remove();
    },
  };
}

/** The upstream setting of a stock Jupyter that a test started. */
export function upstreamOf({ url, token }: Pick<StockJupyter, 'url' | 'token'>) {
  return { kind: 'http' as const, url: new URL(url), token: new Secret(token), ca: undefined };
}

function runtimeEnvOf(env: Readonly<Record<string, string>>): RuntimeEnv {
  return {
    get: (name) => (env[name] === undefined ? undefined : new Secret(env[name])),
    names: () => Object.keys(env).sort(),
    lists: () => false,
    explain: (name) => `{{runtime_env:${name}}}: no variable of that name is set for this runtime.`,
  };
}
