import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Admission } from '../edge/admission.js';
import { GatewayError } from '../errors.js';
import { accept, departure, offerOf } from './accept.js';
import { dial } from './dial.js';
import { upgradeTowardsUpstream } from './headers.js';
import { join } from './legs.js';
import type { OpenSockets } from './open-sockets.js';
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
  readonly open: OpenSockets;
}

/**
 * Joins an admitted client with one of Jupyter's websockets, the upstream first: its refusal becomes the client's.
 * Does not answer the client when it fails.
 *
 * @throws {GatewayError} PATH_NOT_ALLOWED, or what the upstream answered, or why it can't be reached
 * @throws {Error} when the client left meanwhile; its socket is destroyed then
 */
export async function connectTunnel(
  { upstream: source, open }: TunnelOptions,
  admission: Admission,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const { target, client: who, principal } = admission;
  const upstream = source();
  if (!isTunnelled(belowBase(target.path, upstream.basePath))) {
    throw new GatewayError('PATH_NOT_ALLOWED', 'This gateway does not let that websocket through.');
  }
  if (req.method !== 'GET' || req.headers.upgrade?.toLowerCase() !== 'websocket') {
    throw new GatewayError('BAD_REQUEST', 'Only websockets are spoken here.');
  }
  const path = target.query === '' ? target.path : `${target.path}?${target.query}`;
  const { protocols } = offerOf(req);
  const headers = upgradeTowardsUpstream(req.headers, who, upstream);
  const leaving = departure(socket);
  const upper = await dial(upstream, path, protocols, headers, {
    signal: leaving.signal,
    maxPayload: MAX_MESSAGE_BYTES,
    skipUTF8Validation: true,
  }).finally(() => leaving.stop());
  const client = accept(req, socket, head, {
    protocol: upper.protocol,
    maxPayload: MAX_MESSAGE_BYTES,
    skipUTF8Validation: true,
  });
  if (client) {
    open.add(client, 'tunnel', { session: principal.session });
    join(client, upper);
  } else upper.terminate();
}
