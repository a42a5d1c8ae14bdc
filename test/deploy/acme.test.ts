import { type ChildProcess, spawn } from 'node:child_process';
import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from '../support/free-port.js';
import { blocksOf, runBlock } from '../support/page.js';
import { type Pebble, startPebble } from '../support/pebble.js';
import { until } from '../support/until.js';

const program = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));
const NAME = 'jupyter.example.com';
const HMAC = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';

t.setTimeout(900_000);

/** What the page tells people to set. */
async function pageSettings(): Promise<Record<string, string>> {
  const [block] = await blocksOf('docs/deploy/certificates.md', 'From a certificate authority');
  const listed = await runBlock({ language: 'sh', text: `${block?.text}\nenv` });
  return Object.fromEntries(
    listed
      .split('\n')
      .filter((line) => line.startsWith('SPIN_'))
      .map((line) => line.split(/=(.*)/s, 2)),
  );
}

interface Served {
  readonly port: number;
  readonly home: string;
  log(): string;
  count(text: string): number;
  /** A connection that asks for this name, whose certificate has to lead to `root`; undefined: to anything. */
  dial(root?: string, name?: string): Promise<TLSSocket>;
  /** SIGHUP. */
  reload(): void;
  stop(): Promise<void>;
}

async function serve(
  t: Test,
  pebble: Pebble,
  settings: { readonly home: string; readonly port: number; readonly env?: Readonly<Record<string, string>> },
): Promise<Served> {
  const { home, port, env = {} } = settings;
  const child: ChildProcess = spawn(process.execPath, [program], {
    env: {
      PATH: process.env.PATH ?? '',
      ...(await pageSettings()),
      // The page's, but here: another authority, and loopback.
      SPIN_HOME: home,
      SPIN_HOST: '127.0.0.1',
      SPIN_PORT: String(port),
      SPIN_UPSTREAM: 'http://127.0.0.1:9',
      SPIN_PUBLIC_URL: `https://${NAME}:${port}`,
      SPIN_ALLOWED_HOSTS: 'other.example.com, 192.0.2.7, gateway',
      SPIN_ACME: pebble.directory,
      SPIN_ACME_CA: pebble.ca,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const ended = once(child, 'exit');
  const served: Served = {
    port,
    home,
    log: () => log,
    count: (text) => log.split(text).length - 1,
    async dial(root, name = NAME) {
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername: name,
        ...(root === undefined ? { rejectUnauthorized: false } : { ca: root }),
      });
      await once(socket, 'secureConnect');
      return socket;
    },
    reload: () => void child.kill('SIGHUP'),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
  t.teardown(served.stop);
  await until(() => {
    if (child.exitCode !== null) throw new Error(`the gateway ended:\n${log}`);
    return log.includes('SPIN Runtime is at');
  }, 30_000);
  return served;
}

const IN_USE = 'the certificate of SPIN_ACME is in use';

async function shown(served: Served, root: string, name?: string): Promise<X509Certificate> {
  const socket = await served.dial(root, name);
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  if (certificate === undefined) throw new Error('no certificate');
  return certificate;
}

async function healthy(socket: TLSSocket): Promise<boolean> {
  socket.write(`GET /healthz HTTP/1.1\r\nhost: ${NAME}\r\n\r\n`);
  const [chunk] = await once(socket, 'data');
  return String(chunk).startsWith('HTTP/1.1 200 ');
}

for (const way of ['TLS-ALPN-01', 'HTTP-01'] as const) {
  t.test(`a certificate by ${way}, kept over a restart`, async (t) => {
    const port = await freePort();
    const closed = await freePort();
    const ports =
      way === 'HTTP-01' ? { httpPort: port, tlsPort: closed } : { httpPort: closed, tlsPort: port };
    const pebble = await startPebble(t, ports);
    const home = t.testdir({ home: {} });
    const first = await serve(t, pebble, { home: join(home, 'home'), port, env: { SPIN_TLS: 'required' } });
    t.match((await first.dial()).getPeerX509Certificate()?.issuer, 'SPIN Runtime local CA', 'until then');
    await until(() => first.count(IN_USE) === 1, 60_000);
    const root = await pebble.root();
    for (const name of [NAME, 'other.example.com']) {
      t.equal((await shown(first, root, name)).checkHost(name), name);
    }
    if (way === 'HTTP-01') t.match(first.log(), /must reach this runtime at port 443/, 'TLS was tried first');
    await first.stop();

    const folder = join(first.home, 'var', 'acme');
    const [authority = ''] = await readdir(folder);
    t.same((await readdir(join(folder, authority))).sort(), ['account-key.pem', 'certificate.pem']);
    for (const file of ['account-key.pem', 'certificate.pem']) {
      const path = join(folder, authority, file);
      t.equal((await stat(path)).mode & 0o777, 0o600);
      const key = /-----BEGIN PRIVATE KEY-----\n(.{30})/.exec(await readFile(path, 'utf8'))?.[1] ?? 'no key';
      t.notMatch(first.log(), key, 'no key in the log');
    }
    t.equal((await stat(join(folder, authority))).mode & 0o777, 0o700);

    const orders = pebble.orders();
    const second = await serve(t, pebble, { home: first.home, port });
    const certificate = await shown(second, root);
    t.equal(certificate.checkHost(NAME), NAME, 'from the first moment');
    t.equal(pebble.orders(), orders, 'nothing was ordered again');
  });
}

t.test(
  'an authority that wants its customers’ accounts: the binding is sent, and never logged',
  async (t) => {
    const port = await freePort();
    const pebble = await startPebble(t, { httpPort: port, tlsPort: port, customers: { 'kid-1': HMAC } });
    const home = t.testdir({ with: {}, without: {} });
    const without = await serve(t, pebble, { home: join(home, 'without'), port });
    await until(() => without.count('the certificate authority refused the order') === 1, 30_000);
    t.match(without.log(), /externalAccountBinding/, 'in the words of the authority');
    await without.stop();
    const served = await serve(t, pebble, {
      home: join(home, 'with'),
      port,
      env: { SPIN_ACME_EAB_KID: 'kid-1', SPIN_ACME_EAB_HMAC: HMAC, SPIN_ACME_EMAIL: 'me@example.com' },
    });
    await until(() => served.count(IN_USE) === 1, 30_000);
    t.equal((await shown(served, await pebble.root())).checkHost(NAME), NAME);
    t.notMatch(served.log(), HMAC);
  },
);

t.test(
  'renewal: before the end, while clients stay, and after the authority was away, by SIGHUP',
  async (t) => {
    const port = await freePort();
    const pebble = await startPebble(t, { httpPort: port, tlsPort: port, validity: 30 });
    const served = await serve(t, pebble, { home: join(t.testdir({ home: {} }), 'home'), port });
    await until(() => served.count(IN_USE) === 1, 30_000);
    const old = await shown(served, await pebble.root());
    const kept = await served.dial(await pebble.root());
    await until(() => served.count(IN_USE) === 2, 40_000);
    const next = await shown(served, await pebble.root());
    t.not(next.fingerprint256, old.fingerprint256);
    t.ok(Date.parse(next.validFrom) < Date.parse(old.validTo), 'there was no gap');
    t.ok(await healthy(kept), 'who was connected is still');
    t.equal(kept.getPeerX509Certificate()?.fingerprint256, old.fingerprint256);

    await pebble.stop();
    // After the second one nobody would try again for a minute.
    await until(() => served.count('did not answer. Check SPIN_ACME') === 2, 60_000);
    const meanwhile = await served.dial();
    t.equal(meanwhile.getPeerX509Certificate()?.fingerprint256, next.fingerprint256, 'the old one goes on');
    meanwhile.destroy();
    await pebble.start();
    served.reload();
    await until(() => served.count(IN_USE) === 3, 30_000);
    t.equal((await shown(served, await pebble.root())).checkHost(NAME), NAME, 'with a new account');
    t.ok(await healthy(kept), 'who was connected is still');
    kept.destroy();
  },
);

t.test('two gateways on one volume: one orders, both show it', async (t) => {
  const port = await freePort();
  const pebble = await startPebble(t, { httpPort: port, tlsPort: port });
  const home = join(t.testdir({ home: {} }), 'home');
  const one = await serve(t, pebble, { home, port });
  const two = await serve(t, pebble, { home, port: await freePort() });
  const root = await pebble.root();
  await until(() => one.count(IN_USE) === 1 && two.count(IN_USE) === 1, 90_000);
  t.equal((await shown(one, root)).fingerprint256, (await shown(two, root)).fingerprint256);
  t.equal(pebble.orders(), 1);
});
