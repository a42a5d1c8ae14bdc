import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyPair } from '../edge/tls.js';
import { isFor } from '../edge/x509.js';
import { writeState } from '../state.js';

/** A certificate with its chain, and what its leaf says. */
export interface Certified extends KeyPair {
  readonly leaf: X509Certificate;
}

/** What is kept of one certificate authority: the account's key and the certificate. */
export interface Store {
  /** Of the process that orders; its folder is the store's. */
  readonly lease: string;
  /** The account's key (PEM), made when there is none yet. */
  accountKey(): Promise<string>;
  /** @returns undefined when there is none that could be shown now: it is then ordered */
  load(now: number): Promise<Certified | undefined>;
  save(pair: KeyPair): Promise<void>;
}

/**
 * A folder per authority, so that going from staging to production, or back, mixes nothing.
 *
 * @param root of all authorities
 */
export function openStore(root: string, directory: URL): Store {
  const folder = join(root, encodeURIComponent(`${directory.host}${directory.pathname}`));
  const account = join(folder, 'account-key.pem');
  // Key and chain in one file, so that they never part.
  const certificate = join(folder, 'certificate.pem');
  return {
    lease: join(folder, 'order.lock'),
    async accountKey() {
      const stored = await readFile(account, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (stored !== undefined) return stored;
      const key = newKey();
      await writeState(account, key);
      return key;
    },
    async load(now) {
      const text = await readFile(certificate, 'utf8').catch(() => '');
      const certified = certify({
        key: /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/.exec(text)?.[0] ?? '',
        cert: text.slice(Math.max(text.indexOf('-----BEGIN CERTIFICATE-----'), 0)),
      });
      return certified && Date.parse(certified.leaf.validTo) > now ? certified : undefined;
    },
    async save({ key, cert }) {
      await writeState(certificate, `${key}${cert}`);
    },
  };
}

/** A key that every authority signs and every browser knows: P-256, as PEM. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** @returns undefined when they aren't a certificate and its key */
export function certify({ cert, key }: KeyPair): Certified | undefined {
  try {
    const leaf = new X509Certificate(cert);
    return leaf.checkPrivateKey(createPrivateKey(key)) ? { cert, key, leaf } : undefined;
  } catch {
    return undefined;
  }
}

export function isForNames({ leaf }: Certified, names: readonly string[]): boolean {
  return isFor(leaf.raw, names);
}
