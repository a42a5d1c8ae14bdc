/** What one connection may take before it has shown what it is (invariant S15). */
export interface Limits {
  /** Milliseconds from accept until the first HTTP byte of a plain, or the finished handshake of a TLS, connection. */
  readonly preamble: number;
  /** Milliseconds until a request's headers are complete. */
  readonly headers: number;
  /** Milliseconds that the rest of a request's body may take once the request is answered and is not read any more. */
  readonly leftover: number;
  /** Milliseconds that an idle connection is kept; above the usual 60 s of proxies, so that they close first. */
  readonly keepAlive: number;
  /** How often (ms) node looks for requests that are too slow. */
  readonly checkEvery: number;
  /** Bytes of target, header names and values together, as in Jupyter: browsers send the cookies of every localhost port. */
  readonly headerBytes: number;
  /** Headers of a request; browsers and proxies send some dozens. */
  readonly headerCount: number;
  /** Open connections; a further one is closed at once. */
  readonly connections: number;
}

export const defaultLimits: Limits = {
  preamble: 20_000,
  headers: 30_000,
  leftover: 30_000,
  keepAlive: 75_000,
  checkEvery: 5_000,
  headerBytes: 64 * 1024,
  headerCount: 256,
  connections: 10_000,
};
