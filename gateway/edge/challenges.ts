import type { IncomingMessage } from 'node:http';
import type { SecureContext } from 'node:tls';
import type { ClientHello } from './client-hello.js';
import { hostHeader, parseAuthority } from './hosts.js';
import { type KeyPair, secureContext } from './tls.js';

/** RFC 8555 section 8.3. */
const HTTP_PREFIX = '/.well-known/acme-challenge/';
/** RFC 8737 section 6.2. */
export const ACME_PROTOCOL = 'acme-tls/1';

/**
 * The proofs that a certificate authority may ask for at this moment, to see that a name is this runtime's.
 * Each is answered only while an order waits for it, and only under the name that it is about.
 */
export class Challenges {
  readonly #http = new Map<string, { readonly name: string; readonly proof: string }>();
  readonly #tls = new Map<string, SecureContext>();

  /** HTTP-01: the proof is served as a file. */
  addHttp(name: string, token: string, proof: string): void {
    this.#http.set(token, { name, proof });
  }

  removeHttp(token: string): void {
    this.#http.delete(token);
  }

  /** TLS-ALPN-01. @param proof the self-signed certificate that holds the proof */
  addTls(name: string, proof: KeyPair): void {
    this.#tls.set(name, secureContext(proof));
  }

  removeTls(name: string): void {
    this.#tls.delete(name);
  }

  /** False nearly always: then no client's greeting has to be read. */
  get awaitsTls(): boolean {
    return this.#tls.size > 0;
  }

  /** @returns what the authority is to be shown; undefined for other clients (RFC 8737 section 3) */
  contextFor(hello: ClientHello | undefined): SecureContext | undefined {
    const asks = hello?.protocols.length === 1 && hello.protocols[0] === ACME_PROTOCOL;
    return asks ? this.#tls.get(hello.serverName ?? '') : undefined;
  }

  /**
   * What a pending HTTP-01 challenge asks for, by plain HTTP too: that is how the authority asks.
   *
   * @returns undefined when it is none
   * @throws {GatewayError} BAD_REQUEST for a request without a proper Host
   */
  proofFor(req: IncomingMessage): string | undefined {
    if (this.#http.size === 0 || req.method !== 'GET' || !req.url?.startsWith(HTTP_PREFIX)) return undefined;
    const challenge = this.#http.get(req.url.slice(HTTP_PREFIX.length));
    if (challenge === undefined || parseAuthority(hostHeader(req)).name !== challenge.name) return undefined;
    return challenge.proof;
  }
}
