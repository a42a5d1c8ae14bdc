import { lookup } from 'node:dns';
import { BlockList, isIPv6, type LookupFunction } from 'node:net';

/** Where clouds serve machine credentials: RFC 3927, RFC 4291 section 2.5.6, and addresses of providers' own. */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html; EKS pods ask ::23.
linkLocal.addSubnet('fd00:ec2::', 32, 'ipv6');
// https://cloud.google.com/compute/docs/metadata/querying-metadata
linkLocal.addAddress('fd20:ce::254', 'ipv6');
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
linkLocal.addAddress('168.63.129.16', 'ipv4');
// https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
linkLocal.addAddress('100.100.100.200', 'ipv4');
// https://docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm, and what its older machines ask.
linkLocal.addAddress('fd00:c1::a9fe:a9fe', 'ipv6');
linkLocal.addAddress('192.0.0.192', 'ipv4');
// https://www.scaleway.com/en/docs/instances/how-to/use-cloud-init/, https://techdocs.akamai.com/cloud-computing/docs/metadata-service-api
linkLocal.addAddress('fd00:42::42', 'ipv6');
linkLocal.addSubnet('fd00:a9fe:a9fe::', 48, 'ipv6');

/** @param address an IP address, without brackets; a zone (`%eth0`) says nothing here */
export function isLinkLocal(address: string): boolean {
  const [bare = ''] = address.split('%', 1);
  if (!isIPv6(bare)) return linkLocal.check(bare, 'ipv4');
  return linkLocal.check(bare, 'ipv6') || embedded(bare).some((each) => linkLocal.check(each, 'ipv4'));
}

/** The IPv4 addresses that a translator or tunnel on the way may take out of an IPv6 address. */
function embedded(address: string): string[] {
  const g = groupsOf(address);
  const at = (high: number, low: number) => ipv4(g[high] ?? 0, g[low] ?? 0);
  const begins = (...groups: number[]) => groups.every((group, index) => g[index] === group);
  const found: string[] = [];
  // Mapped and compatible (RFC 4291 section 2.5.5), translated (RFC 2765), and NAT64's own prefix (RFC 6052).
  if (begins(0, 0, 0, 0) || begins(0x64, 0xff9b, 0, 0, 0, 0)) found.push(at(6, 7));
  // A network's own NAT64 (RFC 8215), by any of the lengths of RFC 6052 section 2.2 that fit.
  if (begins(0x64, 0xff9b, 1)) found.push(at(6, 7), shifted(g, 3), shifted(g, 4));
  // 6to4 (RFC 3056); Teredo's server, and its client with each bit turned round (RFC 4380 section 4).
  if (begins(0x2002)) found.push(at(1, 2));
  if (begins(0x2001, 0)) found.push(at(2, 3), ipv4(~(g[6] ?? 0) & 0xffff, ~(g[7] ?? 0) & 0xffff));
  // ISATAP (RFC 5214 section 6.1), whatever its network.
  if (((g[4] ?? 0) & 0xfdff) === 0 && g[5] === 0x5efe) found.push(at(6, 7));
  return found;
}

/** RFC 6052 section 2.2: an address around the octet of zeros in the middle; `from` is the group that it begins in. */
function shifted(groups: readonly number[], from: 3 | 4): string {
  const bytes = groups.flatMap((group) => [group >> 8, group & 0xff]);
  const start = from === 3 ? 6 : 9;
  const four = bytes.filter((_, at) => at !== 8 && at >= start).slice(0, 4);
  return four.join('.');
}

function ipv4(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

function groupsOf(address: string): number[] {
  // A URL writes an address in one way: `[::ffff:a9fe:a9fe]`.
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const numbers = (text = '') =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [numbers(head), numbers(tail)];
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
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
