import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { createAuthority } from './authority.js';
import { freePort } from './free-port.js';
import { goPeer } from './go-peer.js';
import { until } from './until.js';

const MODULE = 'github.com/letsencrypt/pebble/v2/cmd';
const VERSION = 'v2.8.0';

/** Let's Encrypt's own test server: a certificate authority that does all that the real one does, in seconds. */
export interface Pebble {
  /** The ACME directory. */
  readonly directory: string;
  /** PEM file: the CA of the directory server's own certificate. */
  readonly ca: string;
  /** PEM of the root that its certificates lead to; another one after each start. */
  root(): Promise<string>;
  /** How many orders it has taken in, since the last start; a second try after a refused nonce does not count. */
  orders(): number;
  stop(): Promise<void>;
  /** Again at the same address, with no memory of accounts, as after a disaster. */
  start(): Promise<void>;
}

export interface PebbleOptions {
  /** Where it looks for HTTP-01 and TLS-ALPN-01, in the place of 80 and 443. */
  readonly httpPort: number;
  readonly tlsPort: number;
  /** Of its certificates, in seconds. */
  readonly validity?: number;
  /** Key identifiers and keys (base64url): accounts are then for these customers only. */
  readonly customers?: Readonly<Record<string, string>>;
}

/** Starts it, with a DNS server that says 127.0.0.1 to every name. Ends with the test. */
export async function startPebble(t: Test, options: PebbleOptions): Promise<Pebble> {
  const { httpPort, tlsPort, validity = 7_776_000, customers } = options;
  const folder = await mkdtemp(join(tmpdir(), 'spin-pebble-'));
  const [port, management, dns, dnsManagement] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const authority = createAuthority('Directory CA');
  const own = authority.issue(['localhost']);
  const path = (name: string) => join(folder, name);
  await writeFile(path('ca.pem'), authority.cert);
  await writeFile(path('cert.pem'), own.cert);
  await writeFile(path('key.pem'), own.key);
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: path('cert.pem'),
      privateKey: path('key.pem'),
      httpPort,
      tlsPort,
      externalAccountBindingRequired: customers !== undefined,
      externalAccountMACKeys: customers ?? {},
      retryAfter: { authz: 1, order: 1 },
      profiles: { default: { description: 'the only one', validityPeriod: validity } },
    },
  };
  await writeFile(path('pebble.json'), JSON.stringify(config));
  const names = await run(await goPeer(`${MODULE}/pebble-challtestsrv`, VERSION), [
    ...['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`],
    ...['-defaultIPv6', '', '-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', ''],
  ]);
  t.teardown(names.stop);
  const program = await goPeer(`${MODULE}/pebble`, VERSION);
  let server: Running | undefined;
  const pebble: Pebble = {
    directory: `https://localhost:${port}/dir`,
    ca: path('ca.pem'),
    root: () => get(`https://localhost:${management}/roots/0`, authority.cert),
    orders: () => server?.log().match(/Added order /g)?.length ?? 0,
    async start() {
      // It looks for a challenge at once, and still refuses every twentieth nonce, as it does by default.
      const started = await run(program, ['-config', path('pebble.json'), '-dnsserver', `127.0.0.1:${dns}`], {
        PEBBLE_VA_NOSLEEP: '1',
        PEBBLE_AUTHZREUSE: '0',
      });
      server = started;
      await until(() => started.log().includes('Listening on') && started.log().includes('ACME directory'));
    },
    async stop() {
      await server?.stop();
    },
  };
  await pebble.start();
  t.teardown(async () => {
    await pebble.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return pebble;
}

interface Running {
  log(): string;
  stop(): Promise<void>;
}

async function run(program: string, args: readonly string[], env = {}): Promise<Running> {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  return {
    log: () => log,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function get(url: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { ca }, (answer) => text(answer).then(resolve, reject))
      .on('error', reject)
      .end();
  });
}
