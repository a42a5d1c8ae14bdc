import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Log } from '../log.js';
import type { Certificates } from './shown-certificate.js';
import { type KeyPair, secureContext } from './tls.js';

/** A certificate or key file that can't be used: names the variable and what would be right; holds no key. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** How often the files are looked at. */
const LOOK_EVERY_MS = 10_000;

/**
 * Opens the PEM files of a certificate from elsewhere and follows their changes. The contents are compared,
 * not times or inodes, and nothing is watched: so a rename, a symlink swap (Kubernetes), a bind mount or a
 * network file system all work alike. A bad new pair, or one half of it, leaves the old one in use.
 *
 * @throws {CertificateError} when they can't be used at start
 */
export async function openCertificateFiles(
  files: { readonly cert: string; readonly key: string },
  log: Log,
  interval = LOOK_EVERY_MS,
): Promise<Certificates> {
  let current = await readCertificateFiles(files);
  let seen = current;
  const listeners: ((pair: KeyPair) => void)[] = [];

  const look = async (): Promise<void> => {
    try {
      const pair = await readPair(files);
      if (pair.cert === seen.cert && pair.key === seen.key) return;
      seen = pair;
      check(pair);
      current = pair;
      for (const listener of listeners) listener(pair);
      log.info({ validTo: new X509Certificate(pair.cert).validTo }, 'the TLS certificate was reloaded');
    } catch (error) {
      log.warn({ err: String(error) }, 'the new TLS certificate is not used; the old one stays');
    }
  };
  let looking = Promise.resolve();
  const lookNext = () => {
    looking = looking.then(look);
    return looking;
  };
  const unforeseen = (error: unknown) =>
    log.error({ err: String(error) }, 'could not check the TLS certificate');
  const timer = setInterval(() => lookNext().catch(unforeseen), interval).unref();

  return {
    current: () => current,
    onChange: (listener) => listeners.push(listener),
    look: lookNext,
    close: () => clearInterval(timer),
  };
}

/**
 * Reads the pair once.
 * @throws {CertificateError} when it can't be used now
 */
export async function readCertificateFiles(files: {
  readonly cert: string;
  readonly key: string;
}): Promise<KeyPair> {
  const pair = await readPair(files);
  check(pair);
  return pair;
}

async function readPair(files: { readonly cert: string; readonly key: string }): Promise<KeyPair> {
  const [cert, key] = await Promise.all([read('SPIN_TLS_CERT', files.cert), read('SPIN_TLS_KEY', files.key)]);
  return { cert, key };
}

async function read(variable: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'an unknown error';
    throw new CertificateError(`${variable}: ${path} can't be read (${reason}). Name a readable PEM file.`);
  }
}

function check(pair: KeyPair): void {
  const certificate = parseCertificate(pair.cert);
  const key = parseKey(pair.key);
  if (!certificate.checkPrivateKey(key)) {
    throw new CertificateError(
      'SPIN_TLS_KEY is not the key of the first certificate in SPIN_TLS_CERT. Put the server certificate first, its chain after it.',
    );
  }
  const now = Date.now();
  if (Date.parse(certificate.validTo) <= now)
    throw new CertificateError(
      `SPIN_TLS_CERT expired on ${certificate.validTo}. Provide a renewed certificate.`,
    );
  if (Date.parse(certificate.validFrom) > now) {
    throw new CertificateError(
      `SPIN_TLS_CERT is not valid before ${certificate.validFrom}. Check the clock.`,
    );
  }
  try {
    secureContext(pair);
  } catch (error) {
    throw new CertificateError(`SPIN_TLS_CERT or SPIN_TLS_KEY can't be used for TLS: ${messageOf(error)}.`);
  }
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CertificateError('SPIN_TLS_CERT contains no PEM certificate ("-----BEGIN CERTIFICATE-----").');
  }
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new CertificateError('SPIN_TLS_KEY contains no PEM private key without a passphrase.');
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
