import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { KeyPair } from '../../gateway/edge/tls.js';
import { makeCertificate } from '../../gateway/edge/x509.js';

const day = 86_400_000;

/** A self-signed certificate, valid from yesterday for `days` from now. */
export function selfSigned(names: readonly string[], days = 90): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = makeCertificate({
    kind: 'server',
    subject: names[0] ?? '',
    issuer: names[0] ?? '',
    notBefore: new Date(Date.now() + Math.min(days, 0) * day - day),
    notAfter: new Date(Date.now() + days * day),
    publicKey,
    issuerPublicKey: publicKey,
    issuerKey: privateKey,
    names,
  });
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** The same as files, which the test's end removes. */
export async function makePair(t: Test, names: readonly string[], days?: number) {
  const folder = await mkdtemp(join(tmpdir(), 'spin-pem-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const files = { folder, cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  const pair = selfSigned(names, days);
  await writeFile(files.cert, pair.cert);
  await writeFile(files.key, pair.key);
  return { ...files, pair };
}
