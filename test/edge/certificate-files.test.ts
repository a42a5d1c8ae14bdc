import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import { openCertificateFiles } from '../../gateway/edge/certificate-files.js';
import { listen } from '../../gateway/edge/listener.js';
import { makePair, selfSigned } from '../support/certificate.js';
import { memoryLog } from '../support/edge.js';
import { until } from '../support/until.js';

const interval = 20;

/** A listener that shows the files' certificate. */
async function serve(t: Test, files: { cert: string; key: string }) {
  const lines: string[] = [];
  const log = memoryLog(lines);
  const certificates = await openCertificateFiles(files, log, interval);
  const listener = await listen(
    { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, trust: () => false },
    certificates,
    { request: (_req, res) => res.end('ok'), upgrade: (_req, socket) => socket.destroy() },
    log,
    () => undefined,
  );
  t.teardown(async () => {
    certificates.close();
    await listener.close(0);
  });
  const port = listener.address.kind === 'tcp' ? listener.address.port : 0;
  const dial = async () => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return socket;
  };
  const shown = async () => {
    const socket = await dial();
    const subject = socket.getPeerX509Certificate()?.subject;
    socket.destroy();
    return subject;
  };
  return { lines, dial, shown };
}

t.test('files that can’t be used are refused with the variable’s name, never with the key', async (t) => {
  const good = await makePair(t, ['spin.example']);
  const other = await makePair(t, ['other.example']);
  const expired = await makePair(t, ['spin.example'], -1);
  const rubbish = join(good.folder, 'rubbish');
  await writeFile(rubbish, 'canary');
  for (const [cert, key, message] of [
    [join(good.folder, 'none'), good.key, /SPIN_TLS_CERT: .*none can't be read \(ENOENT\)/],
    [good.cert, join(good.folder, 'none'), /SPIN_TLS_KEY: .*none can't be read \(ENOENT\)/],
    [good.folder, good.key, /SPIN_TLS_CERT: .*EISDIR/],
    [rubbish, good.key, /SPIN_TLS_CERT contains no PEM certificate/],
    [good.cert, rubbish, /SPIN_TLS_KEY contains no PEM private key/],
    [good.cert, good.cert, /SPIN_TLS_KEY contains no PEM private key/],
    [good.cert, other.key, /SPIN_TLS_KEY is not the key of the first certificate in SPIN_TLS_CERT/],
    [expired.cert, expired.key, /SPIN_TLS_CERT expired on/],
  ] as const) {
    const failed = openCertificateFiles({ cert, key }, memoryLog([]));
    await t.rejects(failed, { name: 'CertificateError', message });
    await failed.catch((error) => t.notMatch(error.message, 'canary'));
  }
});

t.test('a changed pair is shown to new connections, and no connection is dropped', async (t) => {
  const files = await makePair(t, ['old.example']);
  const { dial, shown, lines } = await serve(t, files);
  const kept = await dial();
  const next = selfSigned(['new.example']);
  await writeFile(files.key, next.key);
  await writeFile(files.cert, next.cert);
  await until(async () => (await shown()) === 'CN=new.example');
  kept.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const [chunk] = await once(kept, 'data');
  t.match(String(chunk), /^HTTP\/1\.1 200 /);
  t.equal(kept.getPeerX509Certificate()?.subject, 'CN=old.example');
  t.ok(lines.some((line) => line.includes('reloaded')));
  kept.destroy();
});

t.test('files replaced by rename are seen', async (t) => {
  const files = await makePair(t, ['old.example']);
  const { shown } = await serve(t, files);
  const next = await makePair(t, ['new.example']);
  await rename(next.key, files.key);
  await rename(next.cert, files.cert);
  await until(async () => (await shown()) === 'CN=new.example');
});

t.test('a folder swapped by symlink, as Kubernetes does, is seen', async (t) => {
  const { folder } = await makePair(t, ['unused.example']);
  const link = join(folder, '..data');
  const version = async (name: string) => {
    const target = join(folder, name);
    const pair = selfSigned([name]);
    await mkdir(target);
    await writeFile(join(target, 'tls.crt'), pair.cert);
    await writeFile(join(target, 'tls.key'), pair.key);
    await symlink(name, `${link}.tmp`);
    await rename(`${link}.tmp`, link);
  };
  await version('v1.example');
  const files = { cert: join(folder, 'crt'), key: join(folder, 'key') };
  await symlink('..data/tls.crt', files.cert);
  await symlink('..data/tls.key', files.key);
  const { shown } = await serve(t, files);
  t.equal(await shown(), 'CN=v1.example');
  await version('v2.example');
  await rm(join(folder, 'v1.example'), { recursive: true });
  await until(async () => (await shown()) === 'CN=v2.example');
});

t.test('a bad new pair leaves the old one in use, says why once, and a good one ends that', async (t) => {
  const files = await makePair(t, ['old.example']);
  const { shown, lines } = await serve(t, files);
  const warnings = () => lines.filter((line) => line.includes('is not used'));
  await writeFile(files.cert, 'rubbish');
  await until(() => warnings().length === 1);
  t.match(warnings()[0], 'SPIN_TLS_CERT contains no PEM certificate');
  t.equal(await shown(), 'CN=old.example');
  const expired = selfSigned(['expired.example'], -1);
  await writeFile(files.cert, expired.cert);
  await writeFile(files.key, expired.key);
  await until(() => warnings().some((line) => line.includes('expired')));
  t.equal(await shown(), 'CN=old.example');
  await rm(files.cert);
  await until(() => warnings().some((line) => line.includes('ENOENT')));
  const next = selfSigned(['new.example']);
  await writeFile(files.key, next.key);
  await writeFile(files.cert, next.cert);
  await until(async () => (await shown()) === 'CN=new.example');
  t.ok(warnings().length <= 6, 'each state is reported once');
});

t.test('a chain is sent whole', async (t) => {
  const files = await makePair(t, ['leaf.example']);
  const middle = selfSigned(['middle.example']);
  await writeFile(files.cert, files.pair.cert + middle.cert);
  const { dial } = await serve(t, files);
  const socket = await dial();
  t.equal(socket.getPeerX509Certificate()?.subject, 'CN=leaf.example');
  t.ok(new X509Certificate(middle.cert).raw.length > 0);
  socket.destroy();
});
