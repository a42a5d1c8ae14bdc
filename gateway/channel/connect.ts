import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Processors } from '../../processors/index.js';
import type { Admission } from '../edge/admission.js';
import { asGatewayError, GatewayError } from '../errors.js';
import { faultOf } from '../fault.js';
import type { Log } from '../log.js';
import { accept, departure, offerOf } from '../proxy/accept.js';
import { dial } from '../proxy/dial.js';
import { upgradeTowardsUpstream } from '../proxy/headers.js';
import { closeLike, sender } from '../proxy/legs.js';
import type { OpenSockets } from '../proxy/open-sockets.js';
import type { UpstreamSource } from '../proxy/upstream.js';
import { Channel } from './channel.js';
import { V1_PROTOCOL } from './codec.js';
import { MAX_MESSAGE } from './executions.js';
import type { Payload } from './frame.js';
import type { Kernels } from './kernels.js';
import type { Claim, Sessions } from './sessions.js';
import { SharedPause } from './shared-pause.js';

/** `GET {base}/api/kernels/{id}/channels`; the id is one path segment. */
const CHANNELS_PATH = /^\/api\/kernels\/([^/]+)\/channels$/;

/** Messages over Jupyter's limit are still read, up to this size, so that the answer can say what is wrong. */
const READ_LIMIT = 3 * MAX_MESSAGE;

/** Requests may wait for a rewrite up to this many bytes; beyond it the client's socket is paused. */
const HELD_LIMIT = 3 * MAX_MESSAGE;

/** RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the close code. */
const REASON_LIMIT = 123;

export interface ConnectOptions {
  readonly upstream: UpstreamSource;
  readonly kernels: Kernels;
  readonly processors: Processors;
  readonly log: Log;
  readonly sessions: Sessions;
  readonly open: OpenSockets;
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
  if (req.method !== 'GET' || req.headers.upgrade?.toLowerCase() !== 'websocket') {
    throw new GatewayError('BAD_REQUEST', 'Only websockets are spoken here.');
  }
  const parameters = new URLSearchParams(target.query);
  const session = parameters.get('session_id');
  const offered = offerOf(req).protocols.filter((name) => name === V1_PROTOCOL);
  const leaving = departure(socket);
  let claim: Claim | undefined;
  const open = async () => {
    claim = session === null ? undefined : await options.sessions.claim(kernelId, principal.name, session);
    if (claim) parameters.set('session_id', claim.id);
    const path = claim ? `${target.path}?${parameters}` : withQuery(target);
    const server = options.upstream();
    const headers = upgradeTowardsUpstream(req.headers, who, server);
    return dial(server, path, offered, headers, { signal: leaving.signal, skipUTF8Validation: true });
  };
  let client: WebSocket | undefined;
  try {
    const upstream = await open().finally(() => leaving.stop());
    const acceptOptions = { protocol: upstream.protocol, maxPayload: READ_LIMIT, skipUTF8Validation: true };
    client = accept(req, socket, head, acceptOptions);
    if (client) {
      options.open.add(client);
      claim?.hold(client);
      converse(options, kernelId, admission, client, upstream);
    } else upstream.terminate();
  } finally {
    if (!client) claim?.release();
  }
}

function withQuery({ path, query }: Admission['target']): string {
  return query === '' ? path : `${path}?${query}`;
}

function converse(
  { kernels, processors, log }: ConnectOptions,
  kernelId: string,
  { client: { address }, principal }: Admission,
  client: WebSocket,
  upstream: WebSocket,
): void {
  const reading = new SharedPause(client);
  const sendUpstream = sender(upstream, reading.holder());
  const sendClient = sender(client, upstream);
  const queue = reading.holder();
  let held = 0;
  let failed = false;
  const fail = (caught: unknown) => {
    failed = true;
    const error = asGatewayError(caught);
    const line = { fault: faultOf(caught), code: error.code, address, kernel: kernelId };
    log.warn(line, 'a kernel websocket was closed');
    // A paused leg would never read the answering close frame.
    client.resume();
    client.close(error.closeCode, reason(error));
    upstream.resume();
    upstream.close(1001);
  };
  const channel = new Channel({
    wire: upstream.protocol === V1_PROTOCOL ? 'v1' : 'legacy',
    kernel: kernels.get(kernelId),
    processors,
    log,
    who: { address, principal: principal.name },
    toKernel: ({ data, binary }: Payload) => sendUpstream(data, binary),
    toClient: ({ data, binary }: Payload) => sendClient(data, binary),
    onHeld(change) {
      held += change;
      if (held > HELD_LIMIT) queue.pause();
      else queue.resume();
    },
    onFault: (error) => {
      if (!failed) fail(error);
    },
  });

  const guarded = (pass: () => void) => {
    if (failed) return;
    try {
      pass();
    } catch (error) {
      fail(error);
    }
  };
  client.on('message', (data: Buffer, binary) => guarded(() => channel.fromClient(data, binary)));
  upstream.on('message', (data: Buffer, binary) => guarded(() => channel.fromKernel(data, binary)));
  client.on('close', (code, why) => {
    channel.close();
    closeLike(upstream, code, why, 1001);
  });
  upstream.on('close', (code, why) => closeLike(client, code, why, 1014));
  client.resume();
  upstream.resume();
}

function reason({ message }: GatewayError): string {
  return Buffer.byteLength(message) <= REASON_LIMIT
    ? message
    : Buffer.from(message)
        .toString('utf8', 0, REASON_LIMIT - 3)
        .replace(/\ufffd*$/, '…');
}
