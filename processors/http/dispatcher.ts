import { lookup } from 'node:dns';
import { readFileSync } from 'node:fs';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { CellError } from '../processor.js';

/** Where a service is and how its certificate is verified. */
export interface Place {
  readonly url: string;
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

/** RFC 3927, RFC 4291 section 2.5.6: where clouds serve machine credentials. */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');
linkLocal.addAddress('fd00:ec2::254', 'ipv6');

/** Connections are kept open per identity at TLS; proxies are those of the gateway's own environment. */
const dispatchers = new Map<string, Dispatcher>();

/** @throws {CellError} when a file of the connection can't be read */
export function dispatcherFor(place: Place): Dispatcher {
  const tls = {
    ca: contentOf('ca_file', place.ca_file),
    cert: contentOf('cert_file', place.cert_file),
    key: contentOf('key_file', place.key_file),
  };
  const named = isIP(new URL(place.url).hostname.replace(/^\[|\]$/g, '')) !== 0;
  const key = JSON.stringify([tls, named]);
  const known = dispatchers.get(key);
  if (known) return known;
  const connect = { ...tls, ...(named ? {} : { lookup: refusingLinkLocal }) };
  const dispatcher = hasProxy()
    ? new EnvHttpProxyAgent({ connect, requestTls: connect })
    : new Agent({ connect });
  dispatchers.set(key, dispatcher);
  return dispatcher;
}

function hasProxy(): boolean {
  return ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'].some((name) => process.env[name]);
}

function contentOf(setting: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CellError(`The connection's ${setting} can't be read by the gateway.`, { cause });
  }
}

/** A name may come to point at the metadata service; a connection that wants it names its address. */
const refusingLinkLocal: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const refused = found?.some(({ address, family }) =>
      linkLocal.check(address, family === 6 ? 'ipv6' : 'ipv4'),
    );
    if (error !== null || refused) callback(error ?? new LinkLocalError(), []);
    else if (options.all) callback(null, found);
    else callback(null, found[0]?.address ?? '', found[0]?.family);
  });
};

class LinkLocalError extends Error {
  readonly code = 'LINK_LOCAL';
}
