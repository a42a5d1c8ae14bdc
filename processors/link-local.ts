import { lookup } from 'node:dns';
import { BlockList, isIPv6, type LookupFunction } from 'node:net';

/** RFC 3927, RFC 4291 section 2.5.6: where clouds serve machine credentials. */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');
linkLocal.addAddress('fd00:ec2::254', 'ipv6');

/** @param address an IP address, without brackets */
export function isLinkLocal(address: string): boolean {
  return linkLocal.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** A name may come to point at the metadata service; a connection that wants it names its address. */
export const refusingLinkLocal: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const refused = found?.some(({ address }) => isLinkLocal(address));
    if (error !== null || refused) callback(error ?? new LinkLocalError(), []);
    else if (options.all) callback(null, found);
    else callback(null, found[0]?.address ?? '', found[0]?.family);
  });
};

class LinkLocalError extends Error {
  readonly code = 'LINK_LOCAL';
}
