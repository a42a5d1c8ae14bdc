import { BlockList, isIP } from 'node:net';
import type { Environment } from '../core/environment.js';
import { isLinkLocal } from '../core/link-local.js';
import { bareHost, isLoopback } from '../core/loopback.js';
import { CellError } from '../core/processor.js';

/**
 * The proxy that a service is asked through. HTTP_PROXY is for http:// services and HTTPS_PROXY for https:// ones,
 * NO_PROXY for those that are asked directly: names with everything below them, addresses, networks (`10.0.0.0/8`),
 * each with a port or without, or `*`. This machine itself is never asked through a proxy, and neither is a link-local
 * address: a proxy would answer with its own machine's credentials.
 *
 * @param environment its settings are those of most programs; small letters win, as with curl
 * @returns undefined when the service is asked directly
 * @throws {CellError} for a setting that isn't a proxy's URL; quotes nothing of it, since it may contain a password
 */
export function proxyOf(service: URL, environment: Environment): URL | undefined {
  const setting = service.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = settingOf(environment, setting);
  if (proxy === '' || staysHere(hostOf(service))) return undefined;
  const exceptions = settingOf(environment, 'NO_PROXY').split(/[\s,]+/);
  if (exceptions.some((entry) => covers(entry, service))) return undefined;
  const text = proxy.includes('://') ? proxy : `http://${proxy}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new CellError(`${setting} in the gateway's environment has to be an http:// or https:// URL.`);
}

function settingOf(environment: Environment, name: string): string {
  return (environment.get(name.toLowerCase()) ?? environment.get(name))?.reveal() ?? '';
}

function covers(entry: string, service: URL): boolean {
  if (entry === '*') return true;
  const [, named = '', port] = /^(\[[^\]]*\]|[^:]*(?::[^:]*:.*)?)(?::(\d+))?$/.exec(entry) ?? [];
  const servicePort = service.port || (service.protocol === 'https:' ? '443' : '80');
  if (named === '' || (port !== undefined && port !== servicePort)) return false;
  const host = hostOf(service);
  const name = bareHost(named.toLowerCase());
  if (isIP(host) !== 0) return networkOf(name)?.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4') ?? false;
  const bare = name.replace(/^\*?\./, '');
  return host === bare || host.endsWith(`.${bare}`);
}

function networkOf(text: string): BlockList | undefined {
  const [address = '', length] = text.split('/');
  const version = isIP(address);
  if (version === 0) return undefined;
  const bits = length === undefined ? (version === 6 ? 128 : 32) : Number(length);
  if (!Number.isInteger(bits) || bits < 0 || bits > (version === 6 ? 128 : 32)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, bits, version === 6 ? 'ipv6' : 'ipv4');
  return list;
}

function hostOf({ hostname }: URL): string {
  return bareHost(hostname).toLowerCase();
}

function staysHere(host: string): boolean {
  return isLoopback(host) || host.endsWith('.localhost') || (isIP(host) !== 0 && isLinkLocal(host));
}
