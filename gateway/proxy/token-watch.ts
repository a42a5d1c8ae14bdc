import type { Log } from '../log.js';
import { askJupyter } from './ask.js';
import type { UpstreamSource } from './upstream.js';

/** How often at most Jupyter is asked, and the log told, in milliseconds: any client's request can be the reason. */
const ASK_EVERY_MS = 60_000;

/**
 * Makes what is told of every 401 and 403 of Jupyter's. An API client gets these as they are, since most are about the
 * request; when it is the gateway itself that Jupyter refuses, the log says so, and names the setting.
 */
export function createTokenWatch(upstream: UpstreamSource, log: Log): () => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  const isRefused = async () => (await askJupyter(upstream(), '/api/status')) === undefined;
  return () => {
    if (performance.now() < nextAt) return;
    nextAt = performance.now() + ASK_EVERY_MS;
    isRefused().then(
      (yes) => {
        if (yes) log.warn('Jupyter refuses the gateway: set SPIN_UPSTREAM_TOKEN to its token');
      },
      // Jupyter can't be reached: the client is told that anyway.
      () => {},
    );
  };
}
