import type { Config, Listen } from './config.js';
import { isLoopbackName } from './edge/hosts.js';

type Names = Pick<Config, 'publicUrl' | 'listen' | 'tls'>;

/** Where a browser finds this runtime: the public URL, else what it listens on as seen from this machine. */
export function browserUrl({ publicUrl, tls }: Names, address: Listen): URL {
  if (publicUrl) return publicUrl;
  if (address.kind === 'unix') return new URL('http://localhost/');
  // Plain HTTP is served to loopback names only; there a browser needs to trust no certificate.
  const local = address.host === '0.0.0.0' || address.host === '::' || isLoopbackName(address.host);
  const host = local ? 'localhost' : address.host.includes(':') ? `[${address.host}]` : address.host;
  const scheme = local && tls.mode !== 'required' ? 'http' : 'https';
  return new URL(`${scheme}://${host}:${address.port}/`);
}
