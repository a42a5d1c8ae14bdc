import { lookup } from 'node:dns/promises';
import { access, constants, lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { statusOf } from '../ask-once.js';
import type { Config } from '../config.js';
import { tryAddress } from '../edge/address.js';
import { isLoopbackName } from '../edge/hosts.js';
import { codeOf } from '../error-code.js';
import { type Finding, failed, ok, warning } from './finding.js';

/** How long a gateway that runs may take to say so, in milliseconds. */
const PATIENCE_MS = 5_000;

/**
 * Who gets in: the address, the names that it answers to, the origins and proxies that it believes.
 *
 * @param url of the gateway, from this machine, should one run already
 */
export async function checkExposure(config: Config, url: URL): Promise<Finding[]> {
  return [
    await checkAddress(config, url),
    await checkNames(config),
    ...checkOrigins(config),
    ...checkProxies(config),
  ];
}

async function checkAddress({ listen }: Config, url: URL): Promise<Finding> {
  if (listen.kind === 'unix') return checkSocket(listen.path);
  const where = `${listen.host}:${listen.port}`;
  try {
    await tryAddress(listen);
    return ok('address', `${where} is free.`);
  } catch (error) {
    const code = codeOf(error) ?? 'unknown';
    if ((await answerOf(new URL('/healthz', url))) !== 200)
      return failed(
        'address',
        `${where} cannot be used (${code}).`,
        'Choose another with SPIN_HOST and SPIN_PORT.',
      );
    const ready = (await answerOf(new URL('/readyz', url))) === 200;
    if (ready) return ok('address', `A gateway answers at ${url}, and Jupyter behind it.`);
    return failed('address', `A gateway answers at ${url}, but no Jupyter behind it.`, 'See its log.');
  }
}

async function checkSocket(path: string): Promise<Finding> {
  const status = (page: string) => answerOf(new URL(page, 'http://localhost'), path);
  const remedy = 'Set SPIN_HOST to unix: and a path in an existing folder that the gateway can write to.';
  if ((await status('/healthz')) === 200) {
    if ((await status('/readyz')) === 200)
      return ok('address', `A gateway answers at unix:${path}, and Jupyter behind it.`);
    return failed('address', `A gateway answers at unix:${path}, but no Jupyter behind it.`, 'See its log.');
  }
  const there = await lstat(path).catch(() => undefined);
  if (there?.isSocket() === false) return failed('address', `${path} exists and is not a socket.`, remedy);
  try {
    await access(dirname(path), constants.W_OK | constants.X_OK);
    return ok('address', `unix:${path}`);
  } catch (error) {
    return failed(
      'address',
      `No socket can be created in ${dirname(path)} (${codeOf(error) ?? 'unknown'}).`,
      remedy,
    );
  }
}

/** @returns undefined when nothing answers */
function answerOf(url: URL, socketPath?: string): Promise<number | undefined> {
  const peer = { origin: url.origin, basePath: '', socketPath, token: undefined, ca: undefined };
  // Nothing is sent that the wrong program shouldn't have; the certificate is checked separately.
  return statusOf(peer, { path: url.pathname, limitMs: PATIENCE_MS, takesAnyCertificate: true });
}

async function checkNames({ listen, publicUrl, allowedHosts }: Config): Promise<Finding> {
  const remedy = 'Set SPIN_PUBLIC_URL to the address that users type, e.g. https://jupyter.example.com.';
  if (publicUrl !== undefined) {
    const { hostname } = publicUrl;
    const isKnown = await lookup(hostname.replace(/^\[|\]$/g, '')).then(
      () => true,
      () => false,
    );
    if (isKnown) return ok('names', `Browsers find it at ${publicUrl}.`);
    return warning(
      'names',
      `${hostname} of SPIN_PUBLIC_URL cannot be resolved here (DNS).`,
      'Check the name or its DNS record.',
    );
  }
  const local = listen.kind === 'unix' || isLoopbackName(listen.host);
  if (local || allowedHosts.length > 0) return ok('names', ['localhost', ...allowedHosts].join(', '));
  return warning(
    'names',
    "It answers only to IP addresses and this machine's name. Any other host name gets 421.",
    remedy,
  );
}

function checkOrigins({ allowedOrigins }: Config): Finding[] {
  const plain = allowedOrigins.filter((origin) => {
    const { protocol, hostname } = new URL(origin);
    return protocol === 'http:' && !isLoopbackName(hostname.replace(/^\[|\]$/g, ''));
  });
  if (plain.length > 0)
    return [
      warning(
        'origins',
        `Anyone on the network between ${plain.join(', ')} and a browser can change that page, and so use this runtime.`,
        'List https origins in SPIN_ALLOWED_ORIGINS.',
      ),
    ];
  return listed('origins', allowedOrigins);
}

/** Who may open the socket of SPIN_HOST=unix:… is believed without being named. */
function checkProxies({ tls, publicUrl, trustedProxies, listen }: Config): Finding[] {
  if (
    publicUrl?.protocol === 'https:' &&
    tls.mode === 'off' &&
    trustedProxies.length === 0 &&
    listen.kind === 'tcp'
  )
    return [
      failed(
        'proxies',
        'SPIN_PUBLIC_URL is https and SPIN_TLS is off, but the gateway does not trust a proxy in front that says so.',
        'Set SPIN_TRUSTED_PROXIES to the address from which the proxy connects.',
      ),
    ];
  return listed('proxies', trustedProxies);
}

function listed(subject: string, values: readonly string[]): Finding[] {
  return values.length === 0 ? [] : [ok(subject, values.join(', '))];
}
