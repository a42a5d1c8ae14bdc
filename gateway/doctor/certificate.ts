import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { askDirectory } from '../acme/directory.js';
import { openStore } from '../acme/store.js';
import type { AcmeSetting, Config } from '../config.js';
import { CertificateError, readCertificateFiles } from '../edge/certificate-files.js';
import { isLoopbackName } from '../edge/hosts.js';
import { ownCommand } from '../own-command.js';
import { type Finding, failed, ok, warning } from './finding.js';

const DAY_MS = 24 * 60 * 60_000;
/** Manual renewal, or a program that failed to renew: the user should look now. */
const SOON_DAYS = 14;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificate that browsers will see: its time, its names, its chain. */
export async function checkCertificate(config: Config, now = Date.now()): Promise<Finding[]> {
  const { mode, files } = config.tls;
  if (mode === 'off') return [ok('TLS', 'SPIN_TLS is off: only this machine can connect.')];
  const isLocal = files === undefined && config.acme === undefined;
  const chain = chainIn(await shownCertificate(config, now));
  const [leaf] = chain;
  if (leaf === undefined) {
    if (files !== undefined)
      return [
        failed('TLS', `${files.cert} contains no readable certificate.`, 'Set SPIN_TLS_CERT to a PEM file.'),
      ];
    if (config.acme !== undefined) return [await checkAuthority(config.acme, config)];
    return [ok('TLS', 'The first start creates a certificate from a local certificate authority.')];
  }
  if (isLocal)
    return [
      warning(
        'TLS',
        `A local certificate authority signed for ${leaf.subjectAltName}: browsers warn until they trust it.`,
        `Trust it (${ownCommand()} cert ca), or set SPIN_TLS_CERT and SPIN_TLS_KEY.`,
      ),
    ];
  const time = checkTime(leaf, now);
  // What the start itself would say; that a certificate is too old is said already.
  const usable = files !== undefined && time.state !== 'failed' ? await checkPair(files) : [];
  return [time, ...usable, ...checkNames(leaf, config), checkChain(chain)];
}

async function checkAuthority(acme: AcmeSetting, { environment }: Config): Promise<Finding> {
  const { host } = acme.directory;
  const problem = await askDirectory(acme, environment);
  return problem === undefined
    ? ok('TLS', `${host} answers; the first start orders a certificate there.`)
    : failed('TLS', problem, 'Check SPIN_ACME, SPIN_ACME_CA and the network.');
}

async function checkPair(files: { readonly cert: string; readonly key: string }): Promise<Finding[]> {
  try {
    await readCertificateFiles(files);
    return [];
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return [failed('TLS', error.message, 'Do what the message says. The gateway would not start.')];
  }
}

/** @returns PEM; empty while there is none */
async function shownCertificate({ tls, acme, home }: Config, now: number): Promise<string> {
  if (acme !== undefined) return (await openStore(home.acme, acme.directory).load(now))?.cert ?? '';
  return readFile(tls.files?.cert ?? join(home.tls, 'server.pem'), 'utf8').catch(() => '');
}

function chainIn(text: string): X509Certificate[] {
  try {
    return (text.match(PEM) ?? []).map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}

function checkTime(leaf: X509Certificate, now: number): Finding {
  const days = Math.floor((Date.parse(leaf.validTo) - now) / DAY_MS);
  if (days < 0) return failed('TLS', `The certificate expired on ${leaf.validTo}.`, 'Renew it.');
  if (Date.parse(leaf.validFrom) > now)
    return failed('TLS', `The certificate is not valid before ${leaf.validFrom}.`, 'Check the clock.');
  const says = `The certificate is valid for ${days} more days.`;
  return days < SOON_DAYS
    ? warning('TLS', says, 'Renew it now. The gateway loads a changed file without a restart.')
    : ok('TLS', says);
}

/** It must contain every name that users have been given, as browsers check it (RFC 9525). */
function checkNames(leaf: X509Certificate, { publicUrl, allowedHosts }: Config): Finding[] {
  const names = [
    ...(publicUrl === undefined ? [] : [publicUrl.hostname.replace(/^\[|\]$/g, '')]),
    ...allowedHosts,
  ];
  const missing = names.filter(
    (name) => !isLoopbackName(name) && (isIP(name) ? leaf.checkIP(name) : leaf.checkHost(name)) === undefined,
  );
  if (missing.length === 0) return [];
  return [
    failed(
      'TLS names',
      `The certificate is not for ${missing.join(', ')}, but for ${leaf.subjectAltName ?? 'no name at all'}.`,
      'Get a certificate for every name in SPIN_PUBLIC_URL and SPIN_ALLOWED_HOSTS.',
    ),
  ];
}

/** Browsers have the roots, not what is between (RFC 8446 section 4.4.2: the server sends it). */
function checkChain(chain: readonly X509Certificate[]): Finding {
  const broken = chain.findIndex((certificate, at) => {
    const issuer = chain[at + 1];
    return issuer !== undefined && !(certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
  });
  if (broken >= 0)
    return failed(
      'TLS chain',
      `Certificate ${broken + 2} in SPIN_TLS_CERT did not sign the one before it.`,
      'Put the server certificate first, then each one that signed the one before it.',
    );
  const last = chain.at(-1);
  const isRoot = last?.checkIssued(last) === true;
  const known = rootCertificates.some((pem) => last?.checkIssued(new X509Certificate(pem)));
  if (known) return ok('TLS chain', 'It leads to an authority that browsers know.');
  const issuer = last?.issuer.replaceAll('\n', ', ') ?? '';
  return warning(
    'TLS chain',
    isRoot ? `${issuer} is a private authority.` : `${issuer} is not a known public authority.`,
    isRoot
      ? 'Browsers have to trust it.'
      : 'Append the intermediate certificates to SPIN_TLS_CERT. Browsers have to trust a private authority.',
  );
}
