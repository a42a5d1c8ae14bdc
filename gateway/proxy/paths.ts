import type { ServerResponse } from 'node:http';
import type { JupyterBase } from '../edge/gate.js';
import { GatewayError } from '../errors.js';
import type { Upstream } from './upstream.js';

/**
 * A path as Jupyter's own routes have it, without the base path.
 *
 * @param path as the client sent it
 * @param basePath without a trailing slash; empty at the root
 * @returns starts with `/`
 * @throws {GatewayError} NOT_FOUND for a path outside the base path: nothing of it is Jupyter's
 */
export function belowBase(path: string, basePath: string): string {
  if (path === basePath) return '/';
  if (!path.startsWith(`${basePath}/`))
    throw new GatewayError('NOT_FOUND', `There is nothing at that address. Jupyter is at ${basePath}/.`);
  return path.slice(basePath.length);
}

/** @param upstream throws while Jupyter is starting */
export function jupyterBase(upstream: () => Pick<Upstream, 'basePath'>): JupyterBase {
  const path = () => {
    try {
      return upstream().basePath;
    } catch {
      // A Jupyter that is starting is the gateway's own, which has none.
      return '';
    }
  };
  return {
    path,
    below(whole) {
      const base = path();
      return whole.startsWith(`${base}/`) ? whole.slice(base.length) : whole;
    },
  };
}

/** Leads from the gateway's root to where Jupyter is. */
export function redirectToBase(res: ServerResponse, basePath: string): void {
  res.writeHead(302, { location: `${basePath}/`, 'cache-control': 'no-store', 'content-length': 0 }).end();
}
