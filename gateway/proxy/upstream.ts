import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { type Peer, statusOf } from '../ask-once.js';
import type { UpstreamSetting } from '../config.js';

/** How long a readiness check waits for Jupyter. */
const PROBE_LIMIT_MS = 5_000;

/** Where Jupyter can be reached right now. */
export type Upstream = Peer;

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

/** Where to connect to: http-proxy's `target`. */
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
export async function probe(upstream: Upstream): Promise<boolean> {
  const headers = { accept: 'application/json' };
  return (await statusOf(upstream, { path: '/api/status', headers, limitMs: PROBE_LIMIT_MS })) === 200;
}

/**
 * Makes the function that tells whether Jupyter can be reached. Any client may ask, so all who ask at the same time share
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
