import { randomBytes } from 'node:crypto';
import type { Secret } from '../../processors/core/secret.js';
import type { Config, RunSetting } from '../config.js';
import { type Home, homeAt } from '../home.js';
import { MESSAGE_BYTES } from '../jupyter-limits.js';
import { readAcme } from './acme.js';
import { chooseHome } from './choose-home.js';
import { type Env, optional } from './env.js';
import { checkLayout } from './layout.js';
import { readListen, refuseUnresolvable } from './listen.js';
import { refuseUnknownNames } from './names.js';
import { readNotebooks } from './notebooks.js';
import { Problems } from './problems.js';
import { checkMode, readRun } from './run-setting.js';
import { createRuntimeEnv, environmentOf } from './runtime-env.js';
import { sharedFolder } from './shared.js';
import { readTls } from './tls.js';
import { generatedToken, readMetricsToken, readToken } from './token.js';
import { readTracing } from './tracing.js';
import { readUpstream } from './upstream-setting.js';
import { allowedHost, cidr, drainTime, list, messageSize, origin, publicUrl, unreadGlob } from './values.js';

/**
 * `docker stop` gives ten seconds, and the embedded Jupyter takes up to five of them to end what runs in its kernels.
 */
const DRAIN_SECONDS = '4';

const MESSAGE_MB = String(MESSAGE_BYTES / 1024 ** 2);

/** What a gateway needs that others connect to. */
const ONLY_SERVING = /^SPIN_(?:HOST|PORT|TOKEN|METRICS_TOKEN|(?:TLS|ACME)\w*)$/;

export interface Loaded {
  readonly config: Config;
  /** What the user who started the gateway should know, a log line each. */
  readonly notes: readonly string[];
}

/**
 * Reads the whole environment. Makes SPIN_HOME and, for a loopback-only runtime, its token.
 *
 * @param looksOnly for a command that only looks, perhaps as another user: makes and changes nothing
 * @throws {ConfigError} with every mistake at once
 */
export async function loadConfig(environment: NodeJS.ProcessEnv, looksOnly = false): Promise<Loaded> {
  return load(environment, new Problems(), looksOnly);
}

/**
 * The same for one run of one notebook: the gateway listens on a private socket and nowhere else, so that neither
 * SPIN_TOKEN nor an address is needed.
 *
 * @param socket where it listens
 * @param notebook path or URL; undefined: NOTEBOOK_URL
 * @throws {ConfigError} with every mistake at once
 */
export async function loadRun(
  environment: NodeJS.ProcessEnv,
  socket: string,
  notebook: string | undefined,
): Promise<Loaded & { readonly run: RunSetting }> {
  const problems = new Problems();
  const run = readRun(environment, notebook, problems);
  const others = Object.entries(environment).filter(([name]) => !ONLY_SERVING.test(name));
  const token = randomBytes(24).toString('base64url');
  const own = { SPIN_HOST: `unix:${socket}`, SPIN_TLS: 'off', SPIN_TOKEN: token };
  const loaded = await load({ ...Object.fromEntries(others), ...own }, problems, false);
  if (!run) throw new Error('a mistake was not reported');
  return { ...loaded, run };
}

async function load(environment: NodeJS.ProcessEnv, problems: Problems, looksOnly: boolean): Promise<Loaded> {
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value)) as Env;
  refuseUnknownNames(env, problems);
  checkMode(env.RUNTIME_MODE, problems);

  const home = problems.try('SPIN_HOME', () => chooseHome(env, looksOnly));
  const usual = homeAt(home?.path ?? '/');
  const notebooks = problems.try('SPIN_NOTEBOOKS', () => readNotebooks(env, usual));
  const paths = { ...usual, notebooks: notebooks ?? usual.notebooks };
  if (home) problems.try('SPIN_HOME', () => checkLayout(paths));
  const { listen, loopback } = readListen(env, problems);
  await refuseUnresolvable(listen, problems);
  const given = problems.try('SPIN_TOKEN', () => readToken(env, loopback));
  const metricsToken = problems.try('SPIN_METRICS_TOKEN', () => readMetricsToken(env, loopback));
  const upstream = readUpstream(env, paths, problems);
  const tls = readTls(env, loopback, problems);
  const drainMs = problems.try('SPIN_DRAIN_SECONDS', () =>
    drainTime(env.SPIN_DRAIN_SECONDS ?? DRAIN_SECONDS),
  );
  const maxMessage = problems.try('SPIN_MAX_MESSAGE_MB', () =>
    messageSize(env.SPIN_MAX_MESSAGE_MB ?? MESSAGE_MB),
  );
  const several = <T>(name: string, read: (part: string) => T) =>
    list(env[name]).flatMap((part) => problems.try(name, () => read(part)) ?? []);
  const url = problems.try('SPIN_PUBLIC_URL', () => optional(env.SPIN_PUBLIC_URL, publicUrl));
  const allowedHosts = several('SPIN_ALLOWED_HOSTS', allowedHost);
  const partial = {
    home: paths,
    shared: problems.try('SPIN_SHARED', () => optional(env.SPIN_SHARED, (path) => sharedFolder(path, env))),
    metricsToken,
    tracing: readTracing(env, problems),
    publicUrl: url,
    allowedHosts,
    acme: readAcme(env, { publicUrl: url, allowedHosts }, problems),
    allowedOrigins: several('SPIN_ALLOWED_ORIGINS', origin),
    trustedProxies: several('SPIN_TRUSTED_PROXIES', cidr),
    connections: {
      file: env.SPIN_CONNECTIONS ?? paths.connections,
      required: env.SPIN_CONNECTIONS !== undefined,
    },
    unread: env.SPIN_UNREAD === undefined ? undefined : several('SPIN_UNREAD', unreadGlob),
    environment: environmentOf(environment),
    runtimeEnv: createRuntimeEnv(environment, optional(env.SPIN_RUNTIME_ENV, list)),
  };
  problems.check();
  if (!listen || !upstream || !tls || !home || drainMs === undefined || maxMessage === undefined)
    throw new Error('a mistake was not reported');
  const token = given ?? (await generated(paths, problems, looksOnly));
  return {
    config: { ...partial, listen, upstream, tls, token, drainMs, maxMessage },
    notes: home.note ? [home.note] : [],
  };
}

async function generated(paths: Home, problems: Problems, looksOnly: boolean): Promise<Secret> {
  try {
    return await generatedToken(paths.tokenFile, looksOnly);
  } catch (error) {
    problems.try('SPIN_TOKEN', () => {
      throw error;
    });
    problems.check();
    throw error;
  }
}
