import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CellError } from './processor.js';
import { contentOf } from './settings.js';

/** A connection's settings for TLS: absolute paths of PEM files. */
export interface TlsFiles {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  /** May be left out where `cert_file` holds the key too, as for curl. */
  readonly key_file?: string | undefined;
}

/** Their contents, as node's TLS takes them. */
export interface TlsContents {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** @throws {CellError} for a file that can't be read */
export function readTlsFiles({ ca_file, cert_file, key_file }: TlsFiles): TlsContents {
  if (key_file !== undefined && cert_file === undefined)
    throw new CellError('The connection has a key_file but no cert_file. Set both.');
  const cert = contentOf('cert_file', cert_file);
  return { ca: contentOf('ca_file', ca_file), cert, key: contentOf('key_file', key_file) ?? cert };
}

/**
 * Node itself takes a `ca` without a certificate for one that signed nothing, and says the rest in OpenSSL's words.
 * @throws {CellError} naming the file that isn't what it has to be
 */
export function checkTls({ ca, cert, key }: TlsContents): void {
  if (ca !== undefined) certificateIn('ca_file', ca);
  if (cert === undefined || key === undefined) return;
  const certificate = certificateIn('cert_file', cert);
  const privateKey = keyIn(key, key === cert ? 'cert_file (or a key_file beside it)' : 'key_file');
  if (!certificate.checkPrivateKey(privateKey))
    throw new CellError("The connection's key_file does not belong to its cert_file.");
  if (Date.parse(certificate.validTo) < Date.now())
    throw new CellError(`The certificate in the connection's cert_file has expired: ${certificate.validTo}.`);
}

function certificateIn(setting: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new CellError(`The connection's ${setting} contains no certificate (PEM).`);
  }
}

function keyIn(pem: string, setting: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new CellError(
      `The connection's ${setting} contains no private key that the gateway can read. Use PEM without a passphrase.`,
    );
  }
}
