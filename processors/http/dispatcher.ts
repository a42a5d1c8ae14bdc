import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { Agent, buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import type { Environment } from '../core/environment.js';
import { refusingLinkLocal } from '../core/link-local.js';
import { bareHost } from '../core/loopback.js';
import type { Closable } from '../core/resources.js';
import { checkTls, readTlsFiles, type TlsContents, type TlsFiles } from '../core/tls-files.js';
import { discardContinue } from './continue.js';
import { proxyOf } from './proxy.js';

/** Where a service is and how its certificate is verified. */
export interface Place extends TlsFiles {
  readonly url: string;
  /** Contents that come before those of the files, as a kubeconfig contains them. */
  readonly tls?: GivenTls | undefined;
  /** The connection's own proxy, an http:// or https:// URL; it comes before the environment's. */
  readonly proxy_url?: string | undefined;
}

export interface GivenTls extends Partial<TlsContents> {
  /** The name that the service's certificate is for, where it isn't the URL's. */
  readonly servername?: string | undefined;
}

/** After so long without use, in milliseconds, a dispatcher is closed: it contains a client's private key. */
const IDLE_MS = 10 * 60_000;

interface Kept {
  /** Of the files' contents, as they were read last. */
  readonly contents: string;
  readonly dispatcher: Dispatcher;
  timer?: NodeJS.Timeout;
}

/** Connections to services, kept open per identity at TLS and proxy, and only as long as that identity is current. */
export class Dispatchers implements Closable {
  readonly #environment: Environment;
  readonly #kept = new Map<string, Kept>();
  #isClosed = false;

  /** @param environment names the proxies */
  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /**
   * @returns what sends a place's requests, to be used at once, and the proxy that they go through
   * @throws {CellError} when a file of the connection isn't what it has to be, or the proxy's URL is none
   */
  for(place: Place): { dispatcher: Dispatcher; proxy: URL | undefined } {
    const { ca_file, cert_file, key_file, tls: given = {} } = place;
    const files = readTlsFiles(place);
    const tls = {
      ca: given.ca ?? files.ca,
      cert: given.cert ?? files.cert,
      key: given.key ?? files.key,
      ...(given.servername !== undefined && { servername: given.servername }),
    };
    const url = new URL(place.url);
    const named = isIP(bareHost(url.hostname)) !== 0;
    const proxy = place.proxy_url === undefined ? proxyOf(url, this.#environment) : new URL(place.proxy_url);
    const key = JSON.stringify([ca_file, cert_file, key_file, named, proxy, hashOf(given)]);
    const contents = hashOf(tls);
    const known = this.#kept.get(key);
    if (known?.contents === contents) {
      this.#endWhenIdle(key, known);
      return { dispatcher: known.dispatcher, proxy };
    }
    checkTls(tls);
    // The files were replaced: their old contents are dropped.
    if (known !== undefined) this.#drop(key, known);
    const kept: Kept = { contents, dispatcher: dispatcherOf(tls, named, proxy) };
    this.#kept.set(key, kept);
    if (this.#isClosed) this.#drop(key, kept);
    else this.#endWhenIdle(key, kept);
    return { dispatcher: kept.dispatcher, proxy };
  }

  close(): void {
    this.#isClosed = true;
    for (const [key, { dispatcher, timer }] of this.#kept) {
      clearTimeout(timer);
      this.#kept.delete(key);
      dispatcher.destroy().catch(() => {});
    }
  }

  #endWhenIdle(key: string, kept: Kept): void {
    clearTimeout(kept.timer);
    kept.timer = setTimeout(() => this.#drop(key, kept), IDLE_MS).unref();
  }

  /** Requests that are under way end as they would have. */
  #drop(key: string, kept: Kept): void {
    clearTimeout(kept.timer);
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
    kept.dispatcher.close().catch(() => {});
  }
}

/** Contents may be a private key. */
function hashOf(contents: object): string {
  return createHash('sha256').update(JSON.stringify(contents)).digest('base64');
}

function dispatcherOf(tls: TlsContents & GivenTls, named: boolean, proxy: URL | undefined): Dispatcher {
  // A proxy looks names up itself, so it has to guard their addresses.
  if (proxy) return new ProxyAgent({ uri: proxy.href, requestTls: tls, proxyTunnel: false });
  return new Agent({ connect: connector({ ...tls, ...(named ? {} : { lookup: refusingLinkLocal }) }) });
}

/**
 * Connections that know of two things that undici doesn't: 100 (Continue), and late alerts.
 *
 * In TLS 1.3 a server refuses a client's certificate by an alert after the handshake, and closes. Undici would report
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
