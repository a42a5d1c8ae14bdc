import type { IncomingMessage } from 'node:http';
import type { Config } from '../config.js';
import { GatewayError } from '../errors.js';
import type { Client, Target } from './admission.js';
import { forwardedProto, isTls, type Trust } from './client.js';
import { isAddress, isLoopbackName, parseAuthority } from './hosts.js';

/** One year, as hstspreload.org asks for; without subdomains, which are not this runtime's to decide about. */
const STRICT_TRANSPORT = 'max-age=31536000';

/**
 * Headers that only a proxy in front adds, and one that browsers send only to https and loopback names
 * (Fetch Metadata, section 2): with any of them the browser's own leg may be https already, and a redirect
 * there would come back here for ever.
 */
const SIGNS_OF_PROXY = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'forwarded',
  'via',
  'sec-fetch-site',
] as const;

/** Which plain HTTP is served, and what the rest gets. */
export interface Transport {
  /**
   * @returns undefined when the request may be served, else the https URL to send the browser to, without
   *   token parameters; by a temporary redirect, so that no browser keeps it when the set-up changes
   * @throws {GatewayError} TLS_REQUIRED for what can't be redirected: upgrades, unsafe methods, and requests
   *   that came through a proxy which is not trusted or doesn't say https
   */
  redirectFor(req: IncomingMessage, client: Client, target: Target, upgrade: boolean): string | undefined;
  /** @returns the Strict-Transport-Security value for this client's answers; undefined: none */
  hstsFor(client: Client): string | undefined;
}

/** @param config `tls.mode` `auto`: plain HTTP is for loopback names and trusted proxies that say https;
 *   `required`: for no client; `off`: for every client (start-up has made sure that only this machine connects) */
export function createTransport(config: Pick<Config, 'tls' | 'acme' | 'publicUrl'>, trust: Trust): Transport {
  const { mode, files } = config.tls;
  const publicName = publicNameOf(config.publicUrl);
  return {
    redirectFor(req, client, target, upgrade) {
      const { name } = parseAuthority(client.authority);
      if (mode === 'off' || isTls(req)) return undefined;
      if (mode === 'auto' && (client.secure || isLoopbackName(name))) return undefined;
      if (upgrade || (req.method !== 'GET' && req.method !== 'HEAD')) throw new GatewayError('TLS_REQUIRED');
      const behindTls = SIGNS_OF_PROXY.some((header) => req.headers[header] !== undefined);
      const peerIsProxy = trust(req.socket.remoteAddress);
      if ((behindTls || peerIsProxy) && forwardedProto(req, trust) !== 'http')
        throw new GatewayError('TLS_REQUIRED', proxyAdvice(mode));
      // The public URL knows the https port where the plain port can't (behind a proxy, 80 and 443 differ).
      const authority =
        name === publicName && config.publicUrl !== undefined ? config.publicUrl.host : client.authority;
      return `https://${authority}${target.path}${target.query === '' ? '' : `?${target.query}`}`;
    },
    hstsFor(client) {
      const named = publicName !== undefined && parseAuthority(client.authority).name === publicName;
      return client.secure && named && (files ?? config.acme) !== undefined ? STRICT_TRANSPORT : undefined;
    },
  };
}

function proxyAdvice(mode: 'auto' | 'required'): string {
  return mode === 'required'
    ? 'SPIN_TLS=required: the proxy in front must connect to this runtime over TLS.'
    : 'A proxy sent this request over plain HTTP. Add its address to SPIN_TRUSTED_PROXIES and let it send X-Forwarded-Proto.';
}

/** The host that the operator declared public: https, neither an address nor a loopback name. */
function publicNameOf(publicUrl: URL | undefined): string | undefined {
  if (publicUrl?.protocol !== 'https:') return undefined;
  const { name } = parseAuthority(publicUrl.host);
  return isAddress(name) || isLoopbackName(name) ? undefined : name;
}
