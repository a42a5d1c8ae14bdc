import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import t, { type Test } from 'tap';
import { certificateNames } from '../../gateway/edge/certificate-names.js';
import { openLocalCertificates } from '../../gateway/edge/local-ca.js';
import type { KeyPair } from '../../gateway/edge/tls.js';
import { makeCertificate, permits } from '../../gateway/edge/x509.js';
import { memoryLog } from '../support/edge.js';

const day = 86_400_000;
const names = { configured: ['localhost', '127.0.0.1', '::1', 'spin.example'], found: ['box', '192.0.2.9'] };

async function folderFor(t: Test): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'spin-ca-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  return join(parent, 'tls');
}

async function open(folder: string, wanted = names, now = Date.now, lines: string[] = []) {
  const certificates = await openLocalCertificates(folder, wanted, memoryLog(lines), now);
  certificates.close();
  return { pair: certificates.current(), ca: await readFile(join(folder, 'ca.pem'), 'utf8'), lines };
}

/** What a client that trusts the CA makes of the pair under that name: its error, or undefined. */
async function verdict(pair: KeyPair, ca: string, name: string): Promise<string | undefined> {
  const server = createServer(pair).on('tlsClientError', () => undefined);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca,
    servername: name,
    checkServerIdentity: () => undefined,
  });
  const error = await new Promise<string | undefined>((resolve) => {
    socket.once('secureConnect', () => resolve(undefined));
    socket.once('error', (error: Error) => resolve(error.message));
  });
  socket.destroy();
  server.close();
  return error;
}

t.test('the names are the configuration’s and the machine’s', async (t) => {
  const listen = { kind: 'tcp', host: '192.0.2.5', port: 1 } as const;
  const publicUrl = new URL('https://[2001:db8::5]:1/');
  const made = certificateNames({ listen, publicUrl, allowedHosts: ['Spin.Example.', 'not a name'] });
  t.same(made.configured, ['localhost', '127.0.0.1', '::1', 'spin.example', '2001:db8::5', '192.0.2.5']);
  t.same(made.found, [hostname().toLowerCase()]);
  const everywhere = certificateNames({
    listen: { ...listen, host: '0.0.0.0' },
    publicUrl: undefined,
    allowedHosts: [],
  });
  t.notOk(everywhere.configured.includes('0.0.0.0'));
});

t.test('a client that trusts the CA accepts the certificate, for its names only', async (t) => {
  const { pair, ca } = await open(await folderFor(t));
  t.equal(await verdict(pair, ca, 'localhost'), undefined);
  const certificate = new X509Certificate(pair.cert);
  for (const name of ['localhost', 'spin.example', 'box']) {
    t.equal(certificate.checkHost(name), name);
  }
  for (const address of ['127.0.0.1', '::1', '192.0.2.9']) {
    t.equal(certificate.checkIP(address), address);
  }
  t.equal(certificate.checkHost('evil.example'), undefined);
  t.equal(certificate.checkHost('a.spin.example'), undefined);
});

t.test('a certificate is valid for 397 days at most', async (t) => {
  const { pair } = await open(await folderFor(t));
  const { validFrom, validTo } = new X509Certificate(pair.cert);
  t.ok(Date.parse(validTo) - Date.parse(validFrom) < 397 * day);
});

t.test('S18: a stolen CA key can’t vouch for names that the CA may not sign for', async (t) => {
  const folder = await folderFor(t);
  const { ca } = await open(folder);
  const authority = new X509Certificate(ca);
  const issuerKey = await readFile(join(folder, 'ca-key.pem'), 'utf8');
  const forge = (name: string): KeyPair => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const cert = makeCertificate({
      kind: 'server',
      subject: 'forged',
      issuer: authority.subject.replace(/^CN=/, ''),
      notBefore: new Date(Date.now() - day),
      notAfter: new Date(Date.now() + day),
      publicKey,
      issuerPublicKey: authority.publicKey,
      issuerKey: createPrivateKey(issuerKey),
      names: [name],
    });
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  };
  for (const name of ['localhost', 'spin.example', '127.0.0.1', '192.0.2.9']) {
    t.equal(await verdict(forge(name), ca, 'localhost'), undefined, name);
  }
  for (const name of ['evil.example', 'example', 'xspin.example', '127.0.0.2', '2001:db8::1']) {
    t.equal(await verdict(forge(name), ca, 'localhost'), 'permitted subtree violation', name);
  }
});

t.test('S16: keys are files of mode 600 in a folder of mode 700', async (t) => {
  const folder = await folderFor(t);
  await open(folder);
  t.equal((await stat(folder)).mode & 0o777, 0o700);
  const files = await readdir(folder);
  t.same(files.sort(), ['ca-key.pem', 'ca.pem', 'server.pem']);
  for (const file of files) {
    t.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file);
  }
});

t.test('another start shows the same certificate', async (t) => {
  const folder = await folderFor(t);
  const first = await open(folder);
  t.same((await open(folder)).pair, first.pair);
});

t.test('a name that is gone makes a new certificate by the same CA', async (t) => {
  const folder = await folderFor(t);
  const first = await open(folder);
  const second = await open(folder, { ...names, configured: ['localhost'] });
  t.equal(second.ca, first.ca);
  t.equal(new X509Certificate(second.pair.cert).checkHost('spin.example'), undefined);
});

t.test('a configured name that the CA may not sign for makes a new CA, and one line says so', async (t) => {
  const folder = await folderFor(t);
  const first = await open(folder);
  const second = await open(folder, { ...names, configured: ['localhost', 'new.example'] });
  t.not(second.ca, first.ca);
  t.equal(await verdict(second.pair, second.ca, 'new.example'), undefined);
  t.equal(second.lines.filter((line) => line.includes('"names":["new.example"]')).length, 1);
});

t.test('a machine’s new name or address leaves the CA alone', async (t) => {
  const folder = await folderFor(t);
  const first = await open(folder);
  const second = await open(folder, { ...names, found: ['box', '192.0.2.77', 'container-2'] });
  t.equal(second.ca, first.ca);
  const certificate = new X509Certificate(second.pair.cert);
  t.equal(certificate.checkHost('box'), 'box');
  t.equal(certificate.checkHost('container-2'), undefined);
});

t.test('a certificate is renewed 30 days before its end, a CA too', async (t) => {
  const folder = await folderFor(t);
  const first = await open(folder);
  const at = (days: number) => () => Date.now() + days * day;
  t.same((await open(folder, names, at(364))).pair, first.pair);
  const renewed = await open(folder, names, at(368));
  t.not(renewed.pair.cert, first.pair.cert);
  t.equal(renewed.ca, first.ca);
  const late = await open(folder, names, at(3_600));
  t.equal(late.ca, first.ca);
  t.notOk(
    Date.parse(new X509Certificate(late.pair.cert).validTo) >
      Date.parse(new X509Certificate(late.ca).validTo),
  );
  t.not((await open(folder, names, at(3_625))).ca, first.ca);
});

t.test('a running gateway gets the renewed certificate', async (t) => {
  const folder = await folderFor(t);
  let now = Date.now();
  let renew: (() => void) | undefined;
  t.capture(globalThis, 'setInterval', (run: () => void) => {
    renew = run;
    return setTimeout(() => undefined, 0);
  });
  const certificates = await openLocalCertificates(folder, names, memoryLog([]), () => now);
  const before = certificates.current();
  const changed = new Promise<KeyPair>((resolve) => certificates.onChange(resolve));
  now += 380 * day;
  renew?.();
  t.not((await changed).cert, before.cert);
  t.same(certificates.current(), await changed);
  certificates.close();
});

t.test('broken or parted files are made again', async (t) => {
  for (const file of ['ca.pem', 'ca-key.pem', 'server.pem']) {
    for (const content of ['', 'rubbish', undefined]) {
      const folder = await folderFor(t);
      await open(folder);
      const other = await folderFor(t);
      await open(other);
      await writeFile(join(folder, file), content ?? (await readFile(join(other, file))));
      const { pair, ca } = await open(folder);
      t.equal(await verdict(pair, ca, 'localhost'), undefined, `${file}: ${content ?? 'of another CA'}`);
    }
  }
});

t.test('what a CA permits is read from its certificate', async (t) => {
  const { ca } = await open(await folderFor(t));
  const { raw } = new X509Certificate(ca);
  for (const name of ['localhost', 'a.localhost', 'spin.example', '::1', '0:0:0:0:0:0:0:1', '127.0.0.1']) {
    t.ok(permits(raw, name), name);
  }
  for (const name of ['example', 'xspin.example', 'evil.example', '::2', '127.0.0.2', '']) {
    t.notOk(permits(raw, name), name);
  }
});
