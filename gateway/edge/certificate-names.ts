import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { Config } from '../config.js';

/** The names that the local certificate is for: DNS names in lower case and IP addresses. */
export interface CertificateNames {
  /** Settled by the configuration: a CA that may not sign for one of them is replaced. */
  readonly configured: readonly string[];
  /**
   * This machine's own, which change by themselves (a container's name, an address by DHCP): the CA permits
   * those of its first day, and a leaf goes without what is not permitted, so that users don't have to trust a new
   * CA for it.
   */
  readonly found: readonly string[];
}

/** Derives the certificate's names from the configuration and the machine. */
export function certificateNames(
  config: Pick<Config, 'listen' | 'publicUrl' | 'allowedHosts'>,
): CertificateNames {
  const { listen, publicUrl, allowedHosts } = config;
  const bound = listen.kind === 'tcp' ? listen.host : 'localhost';
  const everywhere = bound === '0.0.0.0' || bound === '::';
  const configured = ['localhost', '127.0.0.1', '::1', ...allowedHosts];
  if (publicUrl !== undefined) configured.push(publicUrl.hostname);
  if (!everywhere) configured.push(bound);
  return {
    configured: tidy(configured),
    found: tidy([hostname(), ...(everywhere ? interfaceAddresses() : [])]),
  };
}

/** Lower case, without brackets and trailing dots, each once; what is no host name is left out. */
export function tidy(names: readonly string[]): string[] {
  const plain = names.map((name) =>
    name
      .toLowerCase()
      .replace(/^\[(.*)\]$/, '$1')
      .replace(/\.$/, ''),
  );
  return [...new Set(plain)].filter((name) => isIP(name) !== 0 || /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name));
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(fe80|169\.254)/i.test(address))
    .map(({ address }) => address);
}
