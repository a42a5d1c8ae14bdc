import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Secret } from '../../processors/secret.js';
import type { Config, Listen, RunSetting, TlsSetting, UpstreamSetting } from '../config.js';
import { type Home, homeAt } from '../home.js';
import { readAcme } from './acme.js';
import { chooseHome } from './choose-home.js';
import { checkLayout } from './layout.js';
import { refuseUnknownNames } from './names.js';
import { Mistake, Problems } from './problems.js';
import { checkMode, readRun } from './run.js';
import { createRuntimeEnv, environmentOf } from './runtime-env.js';
import { checkToken, generatedToken } from './token.js';
import { readTracing } from './tracing.js';
import {
  allowedHost,
  bindHost,
  cidr,
  drainTime,
  isLoopback,
  list,
  origin,
  pemFile,
  port,
  publicUrl,
  socketPath,
  upstreamUrl,
} from './values.js';

/**
 * `docker stop` gives ten seconds, and the embedded Jupyter takes up to five of them to end what runs in its kernels.
 */
const DRAIN_SECONDS = '4';

/** What a gateway needs that others connect to. */
const ONLY_SERVING = /^SPIN_(?:HOST|PORT|TOKEN|METRICS_TOKEN|(?:TLS|ACME)\w*)$/;

export interface Loaded {
  readonly config: Config;
  /** What whoever started the gateway should know, a log line each. */
  readonly notes: readonly string[];
}

/** A variable that is set to nothing counts as unset: Compose files and shells produce such. */
type Env = Readonly<Record<string, string>>;

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
  const paths = homeAt(home?.path ?? '/');
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
    environment: environmentOf(environment),
    runtimeEnv: createRuntimeEnv(environment, optional(env.SPIN_RUNTIME_ENV, list)),
  };
  problems.check();
  if (!listen || !upstream || !tls || !home || drainMs === undefined)
    throw new Error('a mistake was not reported');
  const token = given ?? (await generated(paths, problems, looksOnly));
  return {
    config: { ...partial, listen, upstream, tls, token, drainMs },
    notes: home.note ? [home.note] : [],
  };
}

/** A port that isn't one hides no mistake that depends on the address. */
function readListen(env: Env, problems: Problems): { listen: Listen | undefined; loopback: boolean } {
  const { SPIN_HOST: host = '127.0.0.1', SPIN_PORT: number = '8888' } = env;
  if (host.startsWith('unix:')) {
    const path = problems.try('SPIN_HOST', () => socketPath(host.slice('unix:'.length)));
    return { listen: path === undefined ? undefined : { kind: 'unix', path }, loopback: true };
  }
  const address = problems.try('SPIN_HOST', () => bindHost(host));
  const bound = problems.try('SPIN_PORT', () => port(number));
  if (address === undefined) return { listen: undefined, loopback: true };
  const tcp = { kind: 'tcp', host: address, port: bound ?? 0 } as const;
  return { listen: bound === undefined ? undefined : tcp, loopback: isLoopback(tcp) };
}

/** Before anything is made for a name, above all a certificate authority that may sign for it. */
async function refuseUnresolvable(listen: Listen | undefined, problems: Problems): Promise<void> {
  if (listen?.kind !== 'tcp') return;
  await lookup(listen.host).catch(({ code }: NodeJS.ErrnoException) =>
    problems.add(
      'SPIN_HOST',
      `"${listen.host}" is a name that this machine can't resolve (${code}).`,
      'An address of this machine: an IP address such as 127.0.0.1 or 0.0.0.0, a host name, or unix:/path.',
    ),
  );
}

function readToken({ SPIN_TOKEN: token }: Env, loopback: boolean): Secret | undefined {
  if (token !== undefined) return checkToken(token, loopback);
  if (loopback) return undefined;
  throw new Mistake(
    'It is not set, and this runtime can be reached from other machines.',
    'A secret of 16 characters or more, e.g. from: openssl rand -hex 24',
  );
}

/** Whoever has it must not have the other. */
function readMetricsToken(env: Env, loopback: boolean): Secret | undefined {
  const { SPIN_METRICS_TOKEN: token } = env;
  if (token === undefined) return undefined;
  if (token === env.SPIN_TOKEN)
    throw new Mistake(
      'It is the same as SPIN_TOKEN.',
      'A secret of its own, which reads metrics and nothing else.',
    );
  return checkToken(token, loopback);
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

function readUpstream(env: Env, home: Home, problems: Problems): UpstreamSetting | undefined {
  const { SPIN_UPSTREAM: address, SPIN_UPSTREAM_CA: caFile, SPIN_JUPYTER: jupyter } = env;
  if (address === undefined) {
    for (const name of ['SPIN_UPSTREAM_TOKEN', 'SPIN_UPSTREAM_CA']) {
      if (env[name] !== undefined)
        problems.add(name, 'It is set without SPIN_UPSTREAM.', 'Set SPIN_UPSTREAM too, or unset this.');
    }
    const environment = problems.try('SPIN_JUPYTER', () => optional(jupyter, jupyterFolder) ?? home.jupyter);
    return environment === undefined ? undefined : { kind: 'embedded', environment };
  }
  if (jupyter !== undefined) {
    problems.add(
      'SPIN_JUPYTER',
      'It names a Jupyter to start, and SPIN_UPSTREAM one that runs.',
      'Set one of the two.',
    );
  }
  const token = optional(env.SPIN_UPSTREAM_TOKEN, (text) => new Secret(text));
  if (address.startsWith('unix:')) {
    if (caFile !== undefined) problems.add('SPIN_UPSTREAM_CA', 'A unix socket needs no CA.', 'Unset it.');
    return problems.try('SPIN_UPSTREAM', () => ({
      kind: 'unix' as const,
      path: socketPath(address.slice('unix:'.length)),
      token,
    }));
  }
  const url = problems.try('SPIN_UPSTREAM', () => upstreamUrl(address));
  const ca = problems.try('SPIN_UPSTREAM_CA', () =>
    optional(caFile, (path) => pemFile(path, /-----BEGIN CERTIFICATE-----/)),
  );
  if (caFile !== undefined && url?.protocol === 'http:') {
    problems.add(
      'SPIN_UPSTREAM_CA',
      'It is set for an http upstream.',
      'Use https in SPIN_UPSTREAM, or unset it.',
    );
  }
  return url && { kind: 'http', url, token, ca };
}

function readTls(env: Env, loopback: boolean, problems: Problems): TlsSetting | undefined {
  const { SPIN_TLS: mode = 'auto', SPIN_TLS_CERT: cert, SPIN_TLS_KEY: key } = env;
  if (mode !== 'auto' && mode !== 'required' && mode !== 'off') {
    problems.add('SPIN_TLS', `"${mode}" is not a mode.`, 'auto, required or off.');
    return undefined;
  }
  if (mode === 'off' && !loopback) {
    problems.add(
      'SPIN_TLS',
      'off would send tokens over the network in the clear.',
      'auto or required; off only with a loopback SPIN_HOST or a unix socket.',
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    problems.add(
      cert === undefined ? 'SPIN_TLS_CERT' : 'SPIN_TLS_KEY',
      'Only the other half of the pair is set.',
      'Set SPIN_TLS_CERT and SPIN_TLS_KEY together.',
    );
  }
  if (cert === undefined || key === undefined) return { mode, files: undefined };
  problems.try('SPIN_TLS_CERT', () => pemFile(cert, /-----BEGIN CERTIFICATE-----/));
  problems.try('SPIN_TLS_KEY', () => pemFile(key, /-----BEGIN [A-Z ]*PRIVATE KEY-----/));
  return { mode, files: { cert, key } };
}

/** Replicas that don't have all of this in common would each be a runtime of its own. */
function sharedFolder(path: string, { SPIN_TOKEN, SPIN_UPSTREAM, SPIN_PUBLIC_URL }: Env): string {
  if (!isAbsolute(path) || !statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Mistake(
      `"${path}" is not a folder that exists.`,
      'The absolute path of a folder that all replicas mount; it is never made, so that a missing mount is seen.',
    );
  }
  if (SPIN_TOKEN === undefined || SPIN_UPSTREAM === undefined || SPIN_PUBLIC_URL === undefined) {
    throw new Mistake(
      'Replicas share more than a folder.',
      'Set SPIN_TOKEN, SPIN_UPSTREAM and SPIN_PUBLIC_URL too, to the same on all replicas.',
    );
  }
  return path;
}

function jupyterFolder(path: string): string {
  const program = join(path, 'bin', 'jupyter');
  if (!isAbsolute(path) || !statSync(program, { throwIfNoEntry: false })?.isFile()) {
    throw new Mistake(
      `"${path}" holds no bin/jupyter.`,
      'The absolute path of a Python environment with JupyterLab in it.',
    );
  }
  return path;
}

function optional<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text);
}
