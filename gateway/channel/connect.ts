import { createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Processors } from '../../processors/index.js';
import type { Admission } from '../edge/admission.js';
import { asGatewayError, GatewayError } from '../errors.js';
import type { Log } from '../log.js';
import { accept, departure, offerOf } from '../proxy/accept.js';
import { dial } from '../proxy/dial.js';
import { upgradeTowardsUpstream } from '../proxy/headers.js';
import { closeLike, sender } from '../proxy/legs.js';
import type { UpstreamSource } from '../proxy/upstream.js';
import { Channel } from './channel.js';
import { V1_PROTOCOL } from './codec.js';
import { MAX_MESSAGE } from './executions.js';
import type { Payload } from './frame.js';
import type { Kernels } from './kernels.js';
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
  /** Key of the upstream session ids: see {@link upstreamSession}. */
  readonly sessionKey: Buffer;
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
  const offered = offerOf(req).protocols.filter((name) => name === V1_PROTOCOL);
  const query = upstreamSession(target.query, principal.name, options.sessionKey);
  const path = query === '' ? target.path : `${target.path}?${query}`;
  const leaving = departure(socket);
  const dialOptions = { signal: leaving.signal, skipUTF8Validation: true };
  const server = options.upstream();
  const headers = upgradeTowardsUpstream(req.headers, who, server);
  const upstream = await dial(server, path, offered, headers, dialOptions).finally(() => leaving.stop());
  const acceptOptions = { protocol: upstream.protocol, maxPayload: READ_LIMIT, skipUTF8Validation: true };
  const client = accept(req, socket, head, acceptOptions);
  if (client) converse(options, kernelId, admission, client, upstream);
  else upstream.terminate();
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
  });

  const guarded = (pass: () => void) => {
    try {
      pass();
    } catch (caught) {
      const error = asGatewayError(caught);
      log.warn({ err: caught, code: error.code, address, kernel: kernelId }, 'a kernel websocket was closed');
      client.close(error.closeCode, reason(error));
      upstream.close(1001);
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

/**
 * Gives the upstream a session id of the gateway's own. Every client of a kernel can read the others' session
 * ids in `parent_header`, and a stock server hands a session to whoever connects with its id.
 */
function upstreamSession(query: string, principal: string, key: Buffer): string {
  const parameters = new URLSearchParams(query);
  const session = parameters.get('session_id');
  if (session === null) return query;
  const id = createHmac('sha256', key).update(`${principal}\n${session}`).digest('hex').slice(0, 32);
  parameters.set('session_id', id);
  return parameters.toString();
}

function reason({ message }: GatewayError): string {
  return Buffer.byteLength(message) <= REASON_LIMIT
    ? message
    : Buffer.from(message)
        .toString('utf8', 0, REASON_LIMIT - 3)
        .replace(/\ufffd*$/, '…');
}
