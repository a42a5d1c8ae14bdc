import type { WebSocket } from 'ws';
import type { Processors } from '../../processors/index.js';
import type { Admission } from '../edge/admission.js';
import { asGatewayError, type GatewayError } from '../errors.js';
import { faultOf } from '../fault.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { closeLike, sender } from '../proxy/legs.js';
import type { OpenSockets, Work } from '../proxy/open-sockets.js';
import { tallyOf } from '../tally.js';
import type { Tracing } from '../tracing.js';
import { Channel } from './channel.js';
import { V1_PROTOCOL } from './codec.js';
import { MAX_MESSAGE } from './executions.js';
import type { Payload } from './frame.js';
import type { Kernels } from './kernels.js';
import { SharedPause } from './shared-pause.js';

/** Requests may wait for a rewrite up to this many bytes; beyond it the client's socket is paused. */
const HELD_LIMIT = 3 * MAX_MESSAGE;

/** RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the close code. */
const REASON_LIMIT = 123;

/** How long what a client has missed is kept after its brokered cell has ended, in milliseconds. */
const KEPT_MS = 10 * 60_000;

/** What is kept of it, in bytes; what comes beyond is lost, as output of a closed page is anywhere. */
const MISSED_LIMIT = 8 * 1024 * 1024;

type Send = (payload: Payload) => void;

export interface ConversationOptions {
  readonly kernels: Kernels;
  readonly processors: Processors;
  readonly log: Log;
  readonly open: OpenSockets;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
}

/**
 * One upstream websocket and the client that it was opened for. When that client leaves in the middle of a brokered
 * cell (a closed lid, a reload), the upstream stays open: a kernel that waits for an answer waits for ever. A client
 * that comes back with the same session is joined to it and gets what it has missed.
 */
export class Conversation implements Work {
  readonly #upstream: WebSocket;
  readonly #listening: SharedPause;
  readonly #channel: Channel;
  readonly #options: ConversationOptions;
  readonly #who: { readonly request: string; readonly address: string; readonly kernel: string };
  #client: WebSocket | undefined;
  #queue: ReturnType<SharedPause['holder']> | undefined;
  #toClient: Send;
  #toKernel: Send;
  #missed: Payload[] = [];
  #missedBytes = 0;
  #held = 0;
  #failed = false;
  #end: NodeJS.Timeout | undefined;

  /** @param upstream open, and paused until a client is attached */
  constructor(options: ConversationOptions, kernelId: string, admission: Admission, upstream: WebSocket) {
    const { kernels, processors, log, metrics, tracing } = options;
    const { address, request } = admission.client;
    this.#options = options;
    this.#upstream = upstream;
    this.#who = { request, address, kernel: kernelId };
    this.#toKernel = ({ data, binary }) => upstream.send(data, { binary, compress: false });
    this.#toClient = (payload) => this.#miss(payload);
    this.#listening = new SharedPause(upstream);
    const waiting = this.#listening.holder();
    this.#channel = new Channel({
      wire: upstream.protocol === V1_PROTOCOL ? 'v1' : 'legacy',
      kernel: kernels.get(kernelId),
      processors,
      // Whatever is logged of its cells says by which request they came.
      log: log.child({ request }),
      metrics,
      tracing,
      request,
      who: { address, principal: admission.principal.name },
      toKernel: (payload) => this.#toKernel(payload),
      toClient: (payload) => this.#toClient(payload),
      onHeld: (change) => this.#onHeld(change),
      onWait: (waits) => (waits ? waiting.pause() : waiting.resume()),
      onFault: (error) => this.#fail(error),
      onBrokered: () => this.#brokered(),
    });
    upstream.on('message', (data: Buffer, binary) =>
      this.#guarded(() => this.#channel.fromKernel(data, binary)),
    );
    upstream.on('close', (code, why) => {
      const end = () => {
        this.#over();
        if (this.#client) closeLike(this.#client, code, why, 1014);
      };
      const { passing } = this.#channel;
      if (passing) passing.then(end);
      else end();
    });
  }

  /** The websocket subprotocol that the upstream chose. */
  get protocol(): string {
    return this.#upstream.protocol;
  }

  get client(): WebSocket | undefined {
    return this.#client;
  }

  /** True while it waits for its client to come back. */
  get isLeft(): boolean {
    return this.#client === undefined && this.#upstream.readyState === this.#upstream.OPEN;
  }

  settled(): Promise<void> {
    return this.#channel.drained();
  }

  giveUp(): void {
    this.#channel.giveUp();
  }

  /** Told when nobody can be joined to it any more. */
  onEnd(listener: () => void): void {
    this.#upstream.once('close', listener);
  }

  /** @param client open and paused */
  attach(client: WebSocket): void {
    clearTimeout(this.#end);
    const reading = new SharedPause(client);
    const sendUpstream = sender(this.#upstream, reading.holder());
    const sendClient = sender(client, this.#listening.holder());
    this.#queue = reading.holder();
    this.#client = client;
    this.#toKernel = ({ data, binary }) => sendUpstream(data, binary);
    this.#toClient = ({ data, binary }) => sendClient(data, binary);
    for (const payload of this.#missed.splice(0)) this.#toClient(payload);
    this.#missedBytes = 0;
    client.on('message', (data: Buffer, binary) =>
      this.#guarded(() => this.#channel.fromClient(data, binary)),
    );
    client.on('close', (code, why) => this.#detach(code, why));
    client.resume();
    this.#upstream.resume();
  }

  #detach(code: number, why: Buffer): void {
    this.#client = undefined;
    this.#queue = undefined;
    this.#toClient = (payload) => this.#miss(payload);
    if (!this.#channel.brokers || this.#failed) {
      this.#channel.close();
      closeLike(this.#upstream, code, why, 1001);
      return;
    }
    this.#options.log.info(this.#who, 'a client left in the middle of a brokered cell, which goes on');
    this.#options.open.add(this.#upstream, 'left', { work: this });
    this.#upstream.resume();
  }

  /** The last brokered cell has ended. */
  #brokered(): void {
    if (this.#client === undefined) this.#end = setTimeout(() => this.#upstream.close(1001), KEPT_MS).unref();
  }

  #over(): void {
    // Also when the client is still there: none of its cells goes on.
    this.#channel.close();
    clearTimeout(this.#end);
    this.#missed = [];
  }

  #miss(payload: Payload): void {
    this.#missedBytes += payload.data.length;
    if (this.#missedBytes <= MISSED_LIMIT) this.#missed.push(payload);
  }

  #onHeld(change: number): void {
    this.#held += change;
    if (this.#held > HELD_LIMIT) this.#queue?.pause();
    else this.#queue?.resume();
  }

  #guarded(pass: () => void): void {
    if (this.#failed) return;
    try {
      pass();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(caught: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const error = asGatewayError(caught);
    const { log } = this.#options;
    tallyOf(log).tell(`closed ${error.code} ${this.#who.address}`, (more) =>
      log.warn(
        { fault: faultOf(caught), code: error.code, ...this.#who, ...(more > 0 && { more }) },
        'a kernel websocket was closed',
      ),
    );
    // A paused leg would never read the answering close frame.
    this.#client?.resume();
    this.#client?.close(error.closeCode, reason(error));
    this.#upstream.resume();
    this.#upstream.close(1001);
  }
}

function reason({ message }: GatewayError): string {
  return Buffer.byteLength(message) <= REASON_LIMIT
    ? message
    : Buffer.from(message)
        .toString('utf8', 0, REASON_LIMIT - 3)
        .replace(/\ufffd*$/, '…');
}
