import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Admission } from '../../edge/admission.js';
import { GatewayError, tooLarge } from '../../errors.js';
import { accept, departure, offerOf } from '../../proxy/accept.js';
import { dial } from '../../proxy/dial.js';
import { upgradeTowardsUpstream } from '../../proxy/headers.js';
import type { UpstreamSource } from '../../proxy/upstream.js';
import { V1_PROTOCOL } from '../wire/codec.js';
import { ClientLink, type ClientLinkOptions } from './client-link.js';
import type { Claim, Sessions } from './sessions.js';

/** `GET {base}/api/kernels/{id}/channels`; the id is one path segment. */
const CHANNELS_PATH = /^\/api\/kernels\/([^/]+)\/channels$/;

/** Messages that are so much over Jupyter's limit are still read, so that the answer can say what is wrong. */
const READ_BEYOND = 20 * 1024 * 1024;

export interface ConnectOptions extends ClientLinkOptions {
  readonly upstream: UpstreamSource;
  readonly sessions: Sessions;
  /** How long Jupyter may take to open a websocket, in milliseconds; by default as long as a kernel's start may. */
  readonly handshakeTimeout?: number;
}

/** @returns the kernel's id when the path (without the base path) is a kernel's websocket */
export function kernelOf(path: string): string | undefined {
  return CHANNELS_PATH.exec(path)?.[1];
}

/**
 * Connects a client with a kernel: the upstream first, so that its refusal becomes the client's.
 *
 * @throws {GatewayError} what the upstream answered, or why it can't be reached
 */
export async function connectChannel(
  options: ConnectOptions,
  kernelId: string,
  admission: Admission,
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const { target, client: who, principal } = admission;
  if (req.method !== 'GET' || req.headers.upgrade?.toLowerCase() !== 'websocket')
    throw new GatewayError('BAD_REQUEST', 'This address accepts WebSocket connections only.');
  const parameters = new URLSearchParams(target.query);
  const session = parameters.get('session_id');
  const offered = offerOf(req).protocols.filter((name) => name === V1_PROTOCOL);
  const speaks = (protocol: string) => protocol === '' || offered.some((name) => name === protocol);
  const leaving = departure(socket);
  let claim: Claim | undefined;
  const join = (link: ClientLink): WebSocket | undefined => {
    const joined = accept(req, socket, head, acceptedAs(link.protocol, options.maxMessage));
    if (!joined) return undefined;
    options.open.add(joined, 'kernel', { work: link, ended: principal.ended });
    link.attach(joined, admission);
    return joined;
  };
  const open = async () => {
    const place =
      session === null ? undefined : await options.sessions.enter(kernelId, principal.name, session, speaks);
    if (place instanceof ClientLink) return place;
    claim = place;
    if (claim) parameters.set('session_id', claim.id);
    const path = claim ? `${target.path}?${parameters}` : withQuery(target);
    const server = options.upstream();
    const headers = upgradeTowardsUpstream(req.headers, who, server, admission.login?.cookie);
    const { handshakeTimeout } = options;
    return dial(server, path, offered, headers, {
      signal: leaving.signal,
      skipUTF8Validation: true,
      ...(handshakeTimeout !== undefined && { handshakeTimeout }),
    });
  };
  let client: WebSocket | undefined;
  try {
    const upstream = await open().finally(() => leaving.stop());
    if (upstream instanceof ClientLink) {
      client = join(upstream);
      return;
    }
    client = accept(req, socket, head, acceptedAs(upstream.protocol, options.maxMessage));
    if (client) {
      const link = new ClientLink(options, kernelId, admission, upstream);
      options.open.add(client, 'kernel', { work: link, ended: principal.ended });
      claim?.hold(link);
      link.attach(client, admission);
    } else upstream.terminate();
  } finally {
    if (!client) claim?.release();
  }
}

function acceptedAs(protocol: string, maxMessage: number) {
  return {
    protocol,
    maxPayload: maxMessage + READ_BEYOND,
    tooLarge: tooLarge(maxMessage).message,
    skipUTF8Validation: true,
  };
}

function withQuery({ path, query }: Admission['target']): string {
  return query === '' ? path : `${path}?${query}`;
}
