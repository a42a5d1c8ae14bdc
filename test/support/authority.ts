import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import forge from 'node-forge';
import type { KeyPair } from '../../gateway/edge/tls.js';

const day = 86_400_000;

export interface CertificateOptions {
  /** `client`: what proves a caller to a server. */
  readonly kind?: 'server' | 'client';
  /** From now; a past day makes it expired. */
  readonly days?: number;
}

/** A private certificate authority, as a company has. */
export interface Authority {
  /** PEM of its certificate. */
  readonly cert: string;
  /** A certificate for these names and addresses, the first of which is its subject's. */
  issue(names: readonly string[], options?: CertificateOptions): KeyPair;
}

export function createAuthority(name = 'Test Authority'): Authority {
  const own = keys();
  const subject = [{ name: 'commonName', value: name }];
  const authority = unsigned(own.publicKey, subject, subject, 30);
  authority.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, critical: true },
  ]);
  authority.sign(own.privateKey, forge.md.sha256.create());
  return {
    cert: forge.pki.certificateToPem(authority),
    issue(names, { kind = 'server', days = 30 } = {}) {
      const { publicKey, pem } = keys();
      const holder = [{ name: 'commonName', value: names[0] ?? '' }];
      const certificate = unsigned(publicKey, holder, subject, days);
      certificate.setExtensions([
        { name: 'extKeyUsage', serverAuth: kind === 'server', clientAuth: kind === 'client' },
        {
          name: 'subjectAltName',
          // Kinds of RFC 5280, section 4.2.1.6: an iPAddress or a dNSName.
          altNames: names.map((value) => (isIP(value) ? { type: 7, ip: value } : { type: 2, value })),
        },
      ]);
      certificate.sign(own.privateKey, forge.md.sha256.create());
      return { cert: forge.pki.certificateToPem(certificate), key: pem };
    },
  };
}

/** Made by node: forge would take seconds. */
function keys() {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const publicPem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return {
    pem,
    privateKey: forge.pki.privateKeyFromPem(pem),
    publicKey: forge.pki.publicKeyFromPem(publicPem),
  };
}

function unsigned(
  publicKey: forge.pki.PublicKey,
  subject: forge.pki.CertificateField[],
  issuer: forge.pki.CertificateField[],
  days: number,
): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`;
  certificate.validity.notBefore = new Date(Date.now() + Math.min(days, 0) * day - day);
  certificate.validity.notAfter = new Date(Date.now() + days * day);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  return certificate;
}
