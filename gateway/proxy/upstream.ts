import type { Secret } from '../../processors/secret.js';

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
