import { X509Certificate } from 'node:crypto';
import { loadConfig } from '../config/load.js';
import { certificateNames } from '../edge/certificate-names.js';
import { readLocalAuthority } from '../edge/local-ca.js';
import { EX_CONFIG, EX_UNAVAILABLE } from './exit-status.js';

/** The local CA's certificate on stdout; what it is, and what to do with it, on stderr. */
export async function printLocalAuthority(): Promise<void> {
  const { config } = await loadConfig(process.env, true);
  if (config.tls.mode === 'off' || config.tls.files !== undefined) {
    const why = config.tls.mode === 'off' ? 'SPIN_TLS is off' : 'SPIN_TLS_CERT names a certificate';
    process.stderr.write(`spin-runtime: there is no local CA to trust: ${why}.\n`);
    process.exit(EX_CONFIG);
  }
  const pem = await readLocalAuthority(config.home.tls, certificateNames(config));
  if (pem === undefined) {
    process.stderr.write(
      'spin-runtime: there is no local CA yet for the configured names. The gateway creates it when it starts.\n',
    );
    process.exit(EX_UNAVAILABLE);
  }
  const { fingerprint256, validTo } = new X509Certificate(pem);
  process.stdout.write(pem);
  process.stderr.write(
    `SHA-256 ${fingerprint256}, valid to ${validTo}.\nHow to make each system trust it: docs/deploy/certificates.md\n`,
  );
}
