import { isIP } from 'node:net';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { refusingLinkLocal } from '../link-local.js';
import { contentOf } from '../settings.js';

/** Where a service is and how its certificate is verified. */
export interface Place {
  readonly url: string;
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

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
