import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Admission } from '../edge/admission.js';
import { GatewayError } from '../errors.js';
import { decide } from '../policy/decide.js';
import { orThrow } from '../policy/decision.js';
import type { Unread } from '../policy/unread.js';
import { accept, departure, offerOf } from './accept.js';
import { dial } from './dial.js';
import { upgradeTowardsUpstream } from './headers.js';
import { loginAt } from './jupyter-logins.js';
import { join } from './legs.js';
import type { OpenSockets } from './open-sockets.js';
import { belowBase } from './paths.js';
import type { UpstreamSource } from './upstream.js';

/** Documents of jupyter-collaboration come in one message: as much as stock clients and notebooks need. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export interface TunnelOptions {
  readonly upstream: UpstreamSource;
  readonly open: OpenSockets;
  readonly unread: Unread;
  /** Looks after kernels: throws where what passes unread could reach one that holds values. */
  readonly checkValues: (path: string) => Promise<void>;
}

/**
 * Joins an admitted client with one of Jupyter's websockets that pass unread, the upstream first: its refusal becomes the client's.
 * Does not answer the client when it fails.
 *
 * @throws {GatewayError} NOT_PERMITTED, PATH_NOT_ALLOWED, or what the upstream answered, or why it can't be reached
 * @throws {Error} when the client left meanwhile; its socket is destroyed then
 */
export async function connectTunnel(
  { upstream: source, open, unread, checkValues }: TunnelOptions,
  admission: Admission,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const { target, client: who, principal } = admission;
  const upstream = source();
  const below = belowBase(target.path, upstream.basePath);
  const decision = decide(principal, { kind: 'websocket', path: below, read: false, unread });
  // Its page says so when it is loaded again.
  if (!decision.allowed && decision.setting === 'SPIN_UNREAD') unread.refused(below);
  if (orThrow(decision).treatment === 'careful') await checkValues(below);
  if (req.method !== 'GET' || req.headers.upgrade?.toLowerCase() !== 'websocket')
    throw new GatewayError('BAD_REQUEST', 'This address accepts WebSocket connections only.');
  const path = target.query === '' ? target.path : `${target.path}?${target.query}`;
  const { protocols } = offerOf(req);
  const headers = upgradeTowardsUpstream(req.headers, who, upstream, loginAt(below, admission)?.cookie);
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
    open.add(client, 'tunnel', { ended: principal.ended });
    join(client, upper);
  } else upper.terminate();
}
