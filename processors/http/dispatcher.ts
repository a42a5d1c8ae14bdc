import { isIP } from 'node:net';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { refusingLinkLocal } from '../link-local.js';
import { contentOf } from '../settings.js';
import { proxyOf } from './proxy.js';

/** Where a service is and how its certificate is verified. */
export interface Place {
  readonly url: string;
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

/** Connections are kept open per identity at TLS and proxy. */
const dispatchers = new Map<string, Dispatcher>();

/**
 * @returns what sends a place's requests, and the proxy that they go through
 * @throws {CellError} when a file of the connection can't be read, or the proxy's URL is none
 */
export function dispatcherFor(place: Place): { dispatcher: Dispatcher; proxy: URL | undefined } {
  const tls = {
    ca: contentOf('ca_file', place.ca_file),
    cert: contentOf('cert_file', place.cert_file),
    key: contentOf('key_file', place.key_file),
  };
  const url = new URL(place.url);
  const named = isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0;
  const proxy = proxyOf(url);
  const key = JSON.stringify([tls, named, proxy]);
  let dispatcher = dispatchers.get(key);
  if (dispatcher === undefined) {
    // A proxy looks names up itself: what they lead to there is the proxy's to guard.
    dispatcher = proxy
      ? new ProxyAgent({ uri: proxy.href, requestTls: tls, proxyTunnel: false })
      : new Agent({ connect: { ...tls, ...(named ? {} : { lookup: refusingLinkLocal }) } });
    dispatchers.set(key, dispatcher);
  }
  return { dispatcher, proxy };
}
