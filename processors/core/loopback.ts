import { BlockList, isIP } from 'node:net';

// Apart, as a list of IPv4 addresses takes the IPv6 addresses that are mapped to them too.
const ipv4 = new BlockList();
ipv4.addSubnet('127.0.0.0', 8, 'ipv4');
const ipv6 = new BlockList();
ipv6.addAddress('::1', 'ipv6');

/** @returns the host of a URL without the brackets of an IPv6 address */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/**
 * Whether requests to a host stay on this machine: `localhost`, 127.0.0.0/8 and ::1 in any way to write it. A name
 * that only looks like an address (`127.0.0.1.example.com`) is not one.
 *
 * @param host without brackets
 */
export function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 4) return ipv4.check(host, 'ipv4');
  if (version === 6) return ipv6.check(host, 'ipv6');
  return host === 'localhost';
}
