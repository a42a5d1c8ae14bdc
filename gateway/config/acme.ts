import { isIP } from 'node:net';
import { Secret } from '../../processors/core/secret.js';
import type { AcmeSetting } from '../config.js';
import type { Env } from './env.js';
import { Mistake, type Problems } from './problems.js';
import { pemFile } from './values.js';

/** Let's Encrypt's own page on its staging environment tells both addresses. */
const known: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
};

interface Names {
  readonly publicUrl: URL | undefined;
  readonly allowedHosts: readonly string[];
}

/**
 * Reads SPIN_ACME and what belongs to it. The names to certify are those that this runtime answers to.
 *
 * @returns undefined when it is unset, or after a mistake
 */
export function readAcme(
  env: Env,
  { publicUrl, allowedHosts }: Names,
  problems: Problems,
): AcmeSetting | undefined {
  const { SPIN_ACME: authority, SPIN_ACME_TERMS: terms, SPIN_ACME_CA: caFile, SPIN_ACME_EMAIL: email } = env;
  if (authority === undefined) {
    for (const name of Object.keys(env).filter((name) => name.startsWith('SPIN_ACME_')))
      problems.add(name, 'It is set without SPIN_ACME.', 'Set SPIN_ACME too, or unset this.');
    return undefined;
  }
  if (env.SPIN_TLS === 'off')
    problems.add('SPIN_ACME', 'SPIN_TLS=off uses no certificate.', 'Unset one of the two.');
  if (env.SPIN_TLS_CERT !== undefined || env.SPIN_TLS_KEY !== undefined)
    problems.add('SPIN_ACME', 'SPIN_TLS_CERT already names a certificate.', 'Set one of the two.');
  if (terms !== 'agreed') {
    problems.add(
      'SPIN_ACME_TERMS',
      'You have not agreed to the terms of service of the certificate authority.',
      'Read them, then set SPIN_ACME_TERMS=agreed.',
    );
  }
  const directory = problems.try('SPIN_ACME', () => directoryUrl(authority));
  const names = problems.try('SPIN_PUBLIC_URL', () => publicNames(publicUrl, allowedHosts));
  const binding = readBinding(env, problems);
  if (caFile !== undefined)
    problems.try('SPIN_ACME_CA', () => pemFile(caFile, /-----BEGIN CERTIFICATE-----/));
  if (email !== undefined && !/^[^\s@,?]+@[^\s@,?]+$/.test(email))
    problems.add(
      'SPIN_ACME_EMAIL',
      `"${email}" is not an email address.`,
      'One email address, e.g. me@example.com.',
    );
  return directory && names && { directory, names, email, caFile, binding };
}

function directoryUrl(text: string): URL {
  const address = known[text] ?? text;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw new Mistake(
      'It is not a certificate authority.',
      `${Object.keys(known).join(', ')}, or the https URL of another authority's ACME directory.`,
    );
  }
  return url;
}

/** Certificates by HTTP-01 and TLS-ALPN-01 are for DNS names that the authority can look up. */
function publicNames(publicUrl: URL | undefined, allowedHosts: readonly string[]): string[] {
  const isPublic = (name: string): boolean =>
    name.includes('.') && isIP(name) === 0 && !name.endsWith('.localhost');
  const main = publicUrl?.hostname.replace(/\.$/, '');
  if (main === undefined || !isPublic(main)) {
    throw new Mistake(
      main === undefined
        ? 'SPIN_ACME needs the name that the certificate is for.'
        : `"${main}" is not a name that SPIN_ACME can get a certificate for.`,
      'The address of this runtime as browsers know it, e.g. https://jupyter.example.com.',
    );
  }
  return [...new Set([main, ...allowedHosts.filter(isPublic)])];
}

function readBinding(env: Env, problems: Problems): AcmeSetting['binding'] | undefined {
  const { SPIN_ACME_EAB_KID: keyId, SPIN_ACME_EAB_HMAC: hmac } = env;
  if ((keyId === undefined) !== (hmac === undefined)) {
    problems.add(
      keyId === undefined ? 'SPIN_ACME_EAB_KID' : 'SPIN_ACME_EAB_HMAC',
      'Only the other half of the pair is set.',
      'Set SPIN_ACME_EAB_KID and SPIN_ACME_EAB_HMAC together, as the authority gave them.',
    );
  }
  if (keyId === undefined || hmac === undefined) return undefined;
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(hmac)) {
    problems.add(
      'SPIN_ACME_EAB_HMAC',
      'It is not base64url.',
      'The key as the authority gave it: letters, digits, - and _.',
    );
  }
  return { keyId, hmac: new Secret(hmac) };
}
