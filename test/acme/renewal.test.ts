import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { takeLease } from '../../gateway/acme/lease.js';
import { OrderError } from '../../gateway/acme/order.js';
import { type AcmeParts, openAcmeCertificates } from '../../gateway/acme/renewal.js';
import { openStore } from '../../gateway/acme/store.js';
import type { AcmeSetting } from '../../gateway/config.js';
import type { KeyPair } from '../../gateway/edge/tls.js';
import { homeAt } from '../../gateway/home.js';
import { selfSigned } from '../support/certificate.js';
import { memoryLog } from '../support/edge.js';
import { until } from '../support/until.js';

const NAME = 'jupyter.example.com';
const setting: AcmeSetting = {
  directory: new URL('https://acme.example.com/directory'),
  names: [NAME],
  email: undefined,
  caFile: undefined,
  binding: undefined,
};

/** The loop, with orders that the test answers and waits of milliseconds. */
async function open(
  t: Test,
  root: string,
  order: AcmeParts['order'],
  { names = setting.names, wait = () => 1 }: { names?: readonly string[]; wait?: AcmeParts['wait'] } = {},
) {
  const lines: string[] = [];
  const config = {
    home: homeAt(root),
    listen: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    publicUrl: new URL(`https://${NAME}`),
    allowedHosts: [],
    environment: new Map(),
  } as const;
  const certificates = await openAcmeCertificates(config, { ...setting, names }, memoryLog(lines), {
    order,
    wait,
  });
  t.teardown(() => certificates.close());
  const shown: KeyPair[] = [];
  certificates.onChange((pair) => shown.push(pair));
  return { certificates, shown, lines };
}

t.test('the local CA is shown until a certificate is there; a restart uses the stored one', async (t) => {
  const root = t.testdir();
  const pair = selfSigned([NAME]);
  const first = await open(t, root, async () => pair);
  t.match(first.certificates.current().cert, 'BEGIN CERTIFICATE');
  t.not(first.certificates.current().cert, pair.cert);
  first.certificates.start();
  await until(() => first.shown.length === 1);
  t.same(first.certificates.current().cert, pair.cert);

  const [authority = ''] = await readdir(homeAt(root).acme);
  const folder = join(homeAt(root).acme, authority);
  await until(async () => (await readdir(folder)).length === 2);
  t.same((await readdir(folder)).sort(), ['account-key.pem', 'certificate.pem'], 'the lease was given back');
  t.equal((await stat(join(folder, 'certificate.pem'))).mode & 0o777, 0o600);
  t.equal((await stat(folder)).mode & 0o777, 0o700);

  const second = await open(t, root, () => Promise.reject(new Error('ordered again')));
  t.equal(second.certificates.current().cert, pair.cert, 'at once');
  second.certificates.start();
  const other = await open(t, root, async () => selfSigned(['new.example.com']), {
    names: ['new.example.com'],
  });
  t.equal(other.certificates.current().cert, pair.cert, 'of other names: better than none');
  other.certificates.start();
  await until(() => other.shown.length === 1);
  t.notOk(second.lines.some((line) => line.includes('ordered again')));
});

t.test(
  'a failure is told with what to do; the other challenge is tried after a proof that failed',
  async (t) => {
    const types: string[] = [];
    const pair = selfSigned([NAME]);
    const faults = ['unreachable', 'unproven', 'refused', 'unproven'] as const;
    const { certificates, shown, lines } = await open(t, t.testdir(), async ({ type }) => {
      types.push(type);
      const fault = faults[types.length - 1];
      if (fault !== undefined) throw new OrderError(fault, new Error(`because ${fault}`));
      return pair;
    });
    certificates.start();
    await until(() => shown.length === 1);
    t.same(types, ['tls-alpn-01', 'tls-alpn-01', 'http-01', 'http-01', 'tls-alpn-01']);
    const warnings = lines
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg.startsWith('could not get a certificate'));
    t.match(warnings, [
      { err: 'because unreachable', msg: /Check SPIN_ACME/ },
      { err: 'because unproven', msg: /port 443 \(TLS\) or port 80/, challenge: 'tls-alpn-01' },
      { err: 'because refused', next_try: /^\d{4}-/ },
      { challenge: 'http-01' },
    ]);
  },
);

t.test(
  'who says that it is mended (SIGHUP) is not made to wait, also while a try is under way',
  async (t) => {
    const pair = selfSigned([NAME]);
    let isMended = false;
    let orders = 0;
    const refusals: (() => void)[] = [];
    const order = async () => {
      orders++;
      if (isMended) return pair;
      await new Promise<void>((resolve) => refusals.push(resolve));
      throw new OrderError('refused', new Error('as it was'));
    };
    const { certificates, shown, lines } = await open(t, t.testdir(), order, { wait: () => 3_600_000 });
    const failures = () => lines.filter((line) => line.includes('as it was')).length;
    certificates.start();
    await until(() => refusals.length === 1);
    const first = certificates.look();
    refusals[0]?.();
    await until(() => refusals.length === 2);
    t.equal(failures(), 1, 'the one under way has failed, and did not stand for the one that was asked for');
    refusals[1]?.();
    await first;
    t.equal(failures(), 2);
    isMended = true;
    await certificates.look();
    t.equal(shown.length, 1, 'not in an hour');
    t.equal(orders, 3);
  },
);

t.test('an old certificate is renewed, and an expired or broken one counts as none', async (t) => {
  const root = t.testdir();
  const store = openStore(homeAt(root).acme, setting.directory);
  const old = selfSigned([NAME], 0.1);
  await store.save(old);
  const next = selfSigned([NAME]);
  const { certificates, shown } = await open(t, root, async () => next);
  t.equal(certificates.current().cert, old.cert);
  certificates.start();
  await until(() => shown.length === 1);
  t.equal(certificates.current().cert, next.cert);
  await store.save(selfSigned([NAME], -1));
  t.equal(await store.load(Date.now()), undefined);
  await store.save({ cert: next.cert, key: old.key });
  t.equal(await store.load(Date.now()), undefined);
});

t.test('an account keeps its key', async (t) => {
  const root = t.testdir();
  const store = openStore(root, setting.directory);
  const key = await store.accountKey();
  t.match(key, /^-----BEGIN PRIVATE KEY-----/);
  t.equal(await openStore(root, setting.directory).accountKey(), key);
  t.not(await openStore(root, new URL('https://other.example.com/directory')).accountKey(), key);
});

t.test('while another process orders, its certificate is waited for', async (t) => {
  const root = t.testdir();
  const store = openStore(homeAt(root).acme, setting.directory);
  const lease = await takeLease(store.lease);
  const { certificates, shown } = await open(t, root, () => Promise.reject(new Error('both ordered')));
  certificates.start();
  const pair = selfSigned([NAME]);
  await store.save(pair);
  lease?.release();
  await until(() => shown.length === 1);
  t.equal(certificates.current().cert, pair.cert);
});

t.test('a lease is one process’s, until it is given back or its holder is dead for minutes', async (t) => {
  const path = join(t.testdir(), 'below', 'order.lock');
  const lease = await takeLease(path);
  t.ok(lease);
  t.equal(await takeLease(path), undefined);
  lease?.release();
  const again = await takeLease(path);
  t.ok(again);
  again?.release();
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '');
  const longAgo = new Date(Date.now() - 130_000);
  await utimes(path, longAgo, longAgo);
  const taken = await takeLease(path);
  t.ok(taken);
  t.equal(await readFile(path, 'utf8'), '');
  taken?.release();
});
