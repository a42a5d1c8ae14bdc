import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Admission } from '../edge/admission.js';
import { GatewayError } from '../errors.js';
import type { Log } from '../log.js';
import { accept, departure, offerOf } from './accept.js';
import { dial } from './dial.js';
import { upgradeTowardsUpstream } from './headers.js';
import { join } from './legs.js';
import { belowBase } from './paths.js';
import type { UpstreamSource } from './upstream.js';

/**
 * Jupyter's websockets that pass unread, by path below the base path (invariant S9). Everything else is refused before
 * anything is dialled, among it jupyter-server-proxy (`/proxy/<port>/…`: every port of the machine),
 * jupyter_http_over_ws (requests that no rule sees) and language models' chats (`/api/ai/…`: may run tools).
 */
const allowed: readonly RegExp[] = [
  // Terminals: a shell as the user who runs Jupyter. As mighty as a kernel, which every user has anyway.
  /^\/terminals\/websocket\/[^/]+$/,
  // jupyter_events: what JupyterLab itself listens to; clients only read.
  /^\/api\/events\/subscribe$/,
  // jupyter-lsp: completion and diagnostics; language servers read code and don't run it.
  /^\/lsp\/ws\/[^/]+$/,
  // jupyter-collaboration: shared documents; from version 2 on, and before.
  /^\/api\/collaboration\/room\/[^/]+$/,
  /^\/api\/yjs\/.+$/,
];

/** Documents of jupyter-collaboration come in one message: as much as stock clients and notebooks need. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** True when the path, without the base path, is one of the websockets that pass unread. */
function isTunnelled(path: string): boolean {
  return allowed.some((pattern) => pattern.test(path));
}

export interface TunnelOptions {
  readonly upstream: UpstreamSource;
  readonly log: Log;
}

export interface Tunnel {
  /**
   * Joins an admitted client with one of Jupyter's websockets, the upstream first. Doesn't answer the client when it
   * fails.
   *
   * @throws {GatewayError} PATH_NOT_ALLOWED, or what the upstream answered, or why it can't be reached
   * @throws {Error} when the client left meanwhile; its socket is destroyed then
   */
  handle(req: IncomingMessage, socket: Duplex, head: Buffer, admission: Admission): Promise<void>;
}

export function createTunnel({ upstream: source, log }: TunnelOptions): Tunnel {
  return {
    async handle(req, socket, head, { target, client: who, principal }) {
      const upstream = source();
      if (!isTunnelled(belowBase(target.path, upstream.basePath))) {
        throw new GatewayError('PATH_NOT_ALLOWED', 'This gateway does not let that websocket through.');
      }
      if (req.method !== 'GET' || req.headers.upgrade?.toLowerCase() !== 'websocket') {
        throw new GatewayError('BAD_REQUEST', 'Only websockets are spoken here.');
      }
      const path = target.query === '' ? target.path : `${target.path}?${target.query}`;
      const headers = upgradeTowardsUpstream(req.headers, who, upstream);
      const leaving = departure(socket);
      const dialled = dial(upstream, path, offerOf(req).protocols, headers, {
        signal: leaving.signal,
        maxPayload: MAX_MESSAGE_BYTES,
        skipUTF8Validation: true,
      });
      const theirs = await dialled.finally(() => leaving.stop());
      const ours = accept(req, socket, head, {
        protocol: theirs.protocol,
        maxPayload: MAX_MESSAGE_BYTES,
        skipUTF8Validation: true,
      });
      if (!ours) {
        theirs.terminate();
        return;
      }
      // What is typed into a terminal can't be audited as cells are; that somebody opened one can.
      log.info({ event: 'tunnel', path: target.path, address: who.address, principal: principal.name });
      join(ours, theirs);
    },
  };
}
