import { isIP } from 'node:net';
import { Agent, buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import { refusingLinkLocal } from '../core/link-local.js';
import { checkTls, readTlsFiles, type TlsFiles } from '../core/tls-files.js';
import { discardContinue } from './continue.js';
import { proxyOf } from './proxy.js';

/** Where a service is and how its certificate is verified. */
export interface Place extends TlsFiles {
  readonly url: string;
}

/** Connections are kept open per identity at TLS and proxy. */
const dispatchers = new Map<string, Dispatcher>();

/**
 * @returns what sends a place's requests, and the proxy that they go through
 * @throws {CellError} when a file of the connection isn't what it has to be, or the proxy's URL is none
 */
export function dispatcherFor(place: Place): { dispatcher: Dispatcher; proxy: URL | undefined } {
  const tls = readTlsFiles(place);
  const url = new URL(place.url);
  const named = isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0;
  const proxy = proxyOf(url);
  const key = JSON.stringify([tls, named, proxy]);
  let dispatcher = dispatchers.get(key);
  if (dispatcher === undefined) {
    checkTls(tls);
    // A proxy looks names up itself: what they lead to there is the proxy's to guard.
    dispatcher = proxy
      ? new ProxyAgent({ uri: proxy.href, requestTls: tls, proxyTunnel: false })
      : new Agent({ connect: connector({ ...tls, ...(named ? {} : { lookup: refusingLinkLocal }) }) });
    dispatchers.set(key, dispatcher);
  }
  return { dispatcher, proxy };
}

/**
 * Connections that know of two things that undici doesn't: 100 (Continue), and late alerts.
 *
 * In TLS 1.3 a server says what it thinks of a client's certificate after the handshake, and closes. Undici would keep
 * the end of the connection as the reason, and forget the alert before it.
 */
function connector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector(options);
  return (target, callback) =>
    connect(target, (...outcome) => {
      const [, socket] = outcome;
      socket?.once('error', (error) => socket.destroy(error));
      if (socket) discardContinue(socket);
      callback(...outcome);
    });
}
