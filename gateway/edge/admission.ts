import type { Principal } from './principal.js';

/** The validated request target: nothing in it can leave the base path or dodge a rule (invariant S8). */
export interface Target {
  /** Path as sent (percent-encoding kept), starting with `/`. */
  readonly path: string;
  /** Query without `?` and without token parameters; empty when there is none. */
  readonly query: string;
}

/** Who is at the other end, settled once by the edge and trusted by everything after it. */
export interface Client {
  /** IP address, after trusted proxies. */
  readonly address: string;
  /** The request's id: in its log lines, its answer, and what Jupyter gets. */
  readonly request: string;
  /** True when the browser's own leg is encrypted. */
  readonly secure: boolean;
  /** `host[:port]` as the browser knows this runtime, lower case, default port left out. */
  readonly authority: string;
  /** The origin of this runtime as the browser knows it: `https://` or `http://` and the authority. */
  readonly origin: string;
}

/** Which way the token came (invariant S3). */
export type Carrier = 'header' | 'query' | 'cookie' | 'subprotocol';

/** By what Jupyter knows the person of a session again: its own login cookie, which no client ever sees. */
export interface JupyterLogin {
  /** `name=value`; undefined until Jupyter has set one. */
  readonly cookie: string | undefined;
  /**
   * Takes what Jupyter's answer sets in place of what its request had.
   * @param sent the cookie that the request had
   * @param set the answer's `Set-Cookie` values
   */
  keep(sent: string | undefined, set: readonly string[]): void;
}

/** One request or upgrade that passed the edge: the only thing that proxy, tunnel and channel accept. */
export interface Admission {
  readonly target: Target;
  readonly client: Client;
  readonly principal: Principal;
  /** Absent for a token that comes by itself: at Jupyter, too, each such request is a new user. */
  readonly login?: JupyterLogin;
}
