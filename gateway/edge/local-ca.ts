import { createPrivateKey, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../log.js';
import { keepState } from '../state.js';
import { type CertificateNames, tidy } from './certificate-names.js';
import type { Certificates } from './shown-certificate.js';
import type { KeyPair } from './tls.js';
import { isFor, makeCertificate, permits } from './x509.js';

const DAY_MS = 86_400_000;
/** Apple and Chromium refuse server certificates that are valid for more than 398 days. */
const LEAF_DAYS = 397;
const AUTHORITY_DAYS = 3_650;
/** Certificates are replaced when less than this is left. */
const RENEW_AT_DAYS = 30;
/** How often the remaining time is looked at. */
const LOOK_EVERY_MS = DAY_MS / 2;

/**
 * Opens the local CA's certificate, made at the first start and kept as PEM: `ca.pem` (to be trusted by
 * people), `ca-key.pem`, and `server.pem` (key and certificate in one file, so that they never part).
 *
 * @param folder made when it is missing
 */
export async function openLocalCertificates(
  folder: string,
  names: CertificateNames,
  log: Log,
  now: () => number = Date.now,
): Promise<Certificates> {
  let current = await provide(folder, names, log, now());
  const listeners: ((pair: KeyPair) => void)[] = [];
  const failed = (error: unknown) =>
    log.error({ err: String(error) }, 'the local TLS certificate could not be renewed');
  const renew = async (): Promise<void> => {
    try {
      const pair = await provide(folder, names, log, now());
      if (pair.cert !== current.cert) {
        current = pair;
        for (const listener of listeners) listener(pair);
      }
    } catch (error) {
      failed(error);
    }
  };
  const timer = setInterval(() => renew().catch(failed), LOOK_EVERY_MS).unref();
  return {
    current: () => current,
    onChange: (listener) => listeners.push(listener),
    look: renew,
    close: () => clearInterval(timer),
  };
}

/**
 * @returns the local CA's certificate (PEM), to be trusted by people; undefined when there is none, or only one that the
 *   gateway replaces as soon as it starts: because it ends soon, or may not sign for a name that was set since
 */
export async function readLocalAuthority(
  folder: string,
  names: CertificateNames,
  now: number = Date.now(),
): Promise<string | undefined> {
  const stored = await loadPair(join(folder, 'ca.pem'), join(folder, 'ca-key.pem'));
  const kept = stored && lasts(stored.certificate, now) && refused(stored, names).length === 0;
  return kept ? stored.cert : undefined;
}

async function provide(folder: string, names: CertificateNames, log: Log, now: number): Promise<KeyPair> {
  const authority =
    (await loadAuthority(folder, names, log, now)) ?? (await createAuthority(folder, names, log, now));
  const wanted = tidy([
    ...names.configured,
    ...names.found.filter((name) => permits(authority.certificate.raw, name)),
  ]);
  const path = join(folder, 'server.pem');
  const stored = await loadPair(path, path);
  if (
    stored !== undefined &&
    lasts(stored.certificate, now) &&
    stored.certificate.verify(authority.certificate.publicKey) &&
    isFor(stored.certificate.raw, wanted)
  )
    return { cert: stored.cert, key: stored.key };
  const pair = issueServer(authority, wanted, now);
  await keepState(path, `${pair.key}${pair.cert}`, log);
  log.info({ names: wanted }, 'created a TLS certificate from the local CA');
  return pair;
}

interface LoadedPair extends KeyPair {
  readonly certificate: X509Certificate;
}

async function loadAuthority(
  folder: string,
  names: CertificateNames,
  log: Log,
  now: number,
): Promise<LoadedPair | undefined> {
  const stored = await loadPair(join(folder, 'ca.pem'), join(folder, 'ca-key.pem'));
  if (stored === undefined || !lasts(stored.certificate, now)) return undefined;
  const others = refused(stored, names);
  if (others.length > 0) {
    log.warn(
      { names: others },
      'the local CA cannot sign for the new names and is replaced: trust the new one',
    );
    return undefined;
  }
  return stored;
}

/** The names that a local CA would have to sign for, and may not. */
function refused({ certificate }: LoadedPair, { configured }: CertificateNames): readonly string[] {
  return configured.filter((name) => !permits(certificate.raw, name));
}

async function createAuthority(
  folder: string,
  names: CertificateNames,
  log: Log,
  now: number,
): Promise<LoadedPair> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = `SPIN Runtime local CA ${new Date(now).toISOString()}`;
  const cert = makeCertificate({
    kind: 'authority',
    subject,
    issuer: subject,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
    publicKey: keys.publicKey,
    issuerPublicKey: keys.publicKey,
    issuerKey: keys.privateKey,
    names: tidy([...names.configured, ...names.found]),
  });
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await keepState(join(folder, 'ca-key.pem'), key, log);
  await keepState(join(folder, 'ca.pem'), cert, log);
  log.info(
    { ca: join(folder, 'ca.pem') },
    'created a local certificate authority; trust it to get rid of the browser warning',
  );
  return { cert, key, certificate: new X509Certificate(cert) };
}

function issueServer(authority: LoadedPair, names: readonly string[], now: number): KeyPair {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const notBefore = now - DAY_MS;
  const cert = makeCertificate({
    kind: 'server',
    subject: 'SPIN Runtime',
    issuer: authority.certificate.subject.replace(/^CN=/, ''),
    notBefore: new Date(notBefore),
    notAfter: new Date(
      Math.min(notBefore + LEAF_DAYS * DAY_MS - 1_000, Date.parse(authority.certificate.validTo)),
    ),
    publicKey: keys.publicKey,
    issuerPublicKey: authority.certificate.publicKey,
    issuerKey: createPrivateKey(authority.key),
    names,
  });
  return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** @returns undefined when a file is missing, broken, or not of the other: it is then made again */
async function loadPair(certFile: string, keyFile: string): Promise<LoadedPair | undefined> {
  try {
    const [certText, keyText] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    const cert = block(certText, 'CERTIFICATE');
    const key = block(keyText, 'PRIVATE KEY');
    const certificate = new X509Certificate(cert);
    return certificate.publicKey.equals(createPublicKey(key)) ? { cert, key, certificate } : undefined;
  } catch {
    return undefined;
  }
}

function block(pem: string, label: string): string {
  return new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----\n`).exec(pem)?.[0] ?? '';
}

function lasts(certificate: X509Certificate, now: number): boolean {
  return Date.parse(certificate.validTo) - now > RENEW_AT_DAYS * DAY_MS;
}
