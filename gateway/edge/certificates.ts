import type { Config } from '../config.js';
import type { Log } from '../log.js';
import { openCertificateFiles } from './certificate-files.js';
import { certificateNames } from './certificate-names.js';
import { openLocalCertificates } from './local-ca.js';
import type { Certificates } from './shown-certificate.js';

/**
 * Opens the PEM files of SPIN_TLS_CERT and SPIN_TLS_KEY, or the local CA's leaf.
 *
 * @returns undefined when TLS is off
 * @throws {CertificateError} when the files can't be used
 */
export async function openCertificates(
  config: Pick<Config, 'tls' | 'home' | 'listen' | 'publicUrl' | 'allowedHosts'>,
  log: Log,
): Promise<Certificates | undefined> {
  if (config.tls.mode === 'off') return undefined;
  return config.tls.files === undefined
    ? await openLocalCertificates(config.home.tls, certificateNames(config), log)
    : await openCertificateFiles(config.tls.files, log);
}
