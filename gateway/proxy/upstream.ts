import { Agent, type RequestOptions, request } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Secret } from '../../processors/core/secret.js';
import type { UpstreamSetting } from '../config.js';

/** How long a readiness check waits for Jupyter. */
const PROBE_LIMIT_MS = 5_000;

/** Where Jupyter can be reached right now. */
export interface Upstream {
  /** Origin of the Jupyter server, e.g. `http://127.0.0.1:8889`; `http://localhost` for a unix socket. */
  readonly origin: string;
  /** Path before every Jupyter URL, without a trailing slash; empty at the root. */
  readonly basePath: string;
  /** Set when the server listens on a unix socket. */
  readonly socketPath: string | undefined;
  readonly token: Secret | undefined;
  /** PEM text of the CA to verify an https upstream with; undefined: the system's. */
  readonly ca: string | undefined;
}

/**
 * Gives the upstream of this moment.
 * @throws {GatewayError} UPSTREAM_STARTING or UPSTREAM_DOWN while there is none
 */
export type UpstreamSource = () => Upstream;

/**
 * The upstream that `SPIN_UPSTREAM` names.
 *
 * A Jupyter with a base path (`c.ServerApp.base_url`) puts it into every URL that it makes, also into the page
 * configuration that JupyterLab builds its own URLs from. So the gateway serves it below the same path and changes
 * nothing: `https://host/user/me/` is found at `/user/me/…` of the gateway, and `/` leads there.
 */
export function fixedUpstream(setting: Exclude<UpstreamSetting, { readonly kind: 'embedded' }>): Upstream {
  if (setting.kind === 'unix') {
    const { path, token } = setting;
    return { origin: 'http://localhost', basePath: '', socketPath: path, token, ca: undefined };
  }
  const { url, token, ca } = setting;
  const basePath = url.pathname.replace(/\/+$/, '').replace(/\/{2,}/g, '/');
  return { origin: url.origin, basePath, socketPath: undefined, token, ca };
}

/** Where to connect to: what `http.request`, `https.request` and http-proxy's `target` have in common. */
export interface Address {
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
  readonly socketPath?: string;
  readonly ca?: string;
}

/** https is verified against the system's CAs or `ca`; node takes the name to ask and check for from `hostname`. */
export function addressOf({ origin, socketPath, ca }: Upstream): Address {
  const { protocol, hostname, port } = new URL(origin);
  return {
    protocol,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port || (protocol === 'https:' ? '443' : '80'),
    ...(socketPath !== undefined && { socketPath }),
    ...(ca !== undefined && { ca }),
  };
}

/** The connections that are kept open for HTTP requests. */
export interface Agents {
  for(upstream: Upstream): Agent;
  close(): void;
}

/** What one upstream's pool holds at most (invariant S15); a request beyond it waits. */
const POOL = { keepAlive: true, maxSockets: 1024, maxFreeSockets: 32 };

export function createAgents(): Agents {
  const plain = new Agent(POOL);
  const tls = new TlsAgent(POOL);
  return {
    for: ({ origin }) => (origin.startsWith('https:') ? tls : plain),
    close() {
      plain.destroy();
      tls.destroy();
    },
  };
}

/** True when Jupyter answers and takes the gateway's token. Never throws. */
export function probe(upstream: Upstream): Promise<boolean> {
  const options: RequestOptions = {
    ...addressOf(upstream),
    path: `${upstream.basePath}/api/status`,
    agent: false,
    signal: AbortSignal.timeout(PROBE_LIMIT_MS),
    headers: {
      host: new URL(upstream.origin).host,
      accept: 'application/json',
      ...(upstream.token && { authorization: `token ${upstream.token.reveal()}` }),
    },
  };
  return new Promise((resolve) => {
    const asked = upstream.origin.startsWith('https:') ? tlsRequest(options) : request(options);
    asked
      .on('response', (response) => {
        response.on('error', () => {}).resume();
        resolve(response.statusCode === 200);
      })
      .on('error', () => resolve(false))
      .on('close', () => resolve(false))
      .end();
  });
}

/**
 * Makes the function that tells whether Jupyter can be reached. Anybody may ask, so all who ask at the same time share
 * one question (invariant S15). Never rejects.
 */
export function createReadiness(upstream: UpstreamSource): () => Promise<boolean> {
  let asking: Promise<boolean> | undefined;
  const ask = async () => probe(upstream());
  return () => {
    asking ??= ask()
      .catch(() => false)
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
}
