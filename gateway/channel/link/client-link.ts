import type { WebSocket } from 'ws';
import type { Processors } from '../../../processors/index.js';
import type { Admission } from '../../edge/admission.js';
import type { Principal } from '../../edge/principal.js';
import { asGatewayError, type GatewayError } from '../../errors.js';
import type { Tell } from '../../events/events.js';
import { faultOf, withoutPlaces } from '../../fault.js';
import { closeLike, sender } from '../../proxy/legs.js';
import type { OpenSockets, Work } from '../../proxy/open-sockets.js';
import type { Tracing } from '../../tracing.js';
import type { Traffic } from '../../traffic.js';
import { Channel } from '../channel.js';
import type { Kernels } from '../kernels/kernels.js';
import { type Viewer, viewerOf } from '../viewer.js';
import { V1_PROTOCOL, type Wire } from '../wire/codec.js';
import type { Frame, Payload } from '../wire/frame.js';
import { Absence } from './absence.js';
import { SharedPause } from './shared-pause.js';
import { Unheard } from './unheard.js';

/** Requests may wait for a rewrite up to the largest one and this many bytes; beyond it the client's socket is paused. */
const HELD_BEYOND = 20 * 1024 * 1024;

/** RFC 6455 section 5.5: a control frame carries 125 bytes, two of them the close code. */
const REASON_LIMIT = 123;

/** A client that was silent for so long before its connection was lost (ms) was behind a frozen link: legs.ts ends it. */
const FROZEN_MS = 10_000;

type Send = (payload: Payload, frame?: Frame) => void;

export interface ClientLinkOptions {
  readonly kernels: Kernels;
  readonly processors: Processors;
  readonly tell: Tell;
  readonly open: OpenSockets;
  /** What Jupyter takes in one message, in bytes. */
  readonly maxMessage: number;
  readonly traffic: Traffic;
  readonly tracing: Tracing;
}

/**
 * One upstream websocket and the client that it was opened for. When that client leaves in the middle of a brokered
 * cell or of a question (a closed lid, a link that breaks), the upstream stays open: a kernel that waits for an answer
 * waits for ever. The upstream also stays open when the link froze and the gateway can't know which output arrived. A
 * client that comes back with the same session is joined to it and gets what it has missed.
 */
export class ClientLink implements Work {
  readonly #upstream: WebSocket;
  readonly #listening: SharedPause;
  readonly #channel: Channel;
  readonly #options: ClientLinkOptions;
  readonly #kernel: string;
  /** The client that came last, also while it is away. */
  #viewer: Viewer;
  #principal: Principal;
  #client: WebSocket | undefined;
  #unheard: Unheard | undefined;
  /** The client's socket, for an upstream that doesn't keep up. */
  #reading: ReturnType<SharedPause['holder']> | undefined;
  #queue: ReturnType<SharedPause['holder']> | undefined;
  #toClient: Send;
  readonly #toKernel: Send;
  readonly #absence: Absence;
  #held = 0;
  #failed = false;

  /** @param upstream open, and paused until a client is attached */
  constructor(options: ClientLinkOptions, kernelId: string, admission: Admission, upstream: WebSocket) {
    const { kernels, processors, tell, traffic, tracing } = options;
    this.#options = options;
    this.#upstream = upstream;
    this.#kernel = kernelId;
    this.#viewer = viewerOf(admission);
    this.#principal = admission.principal;
    const send = sender(upstream, {
      pause: () => this.#reading?.pause(),
      resume: () => this.#reading?.resume(),
    });
    this.#toKernel = ({ data, binary }) => send(data, binary);
    this.#toClient = (payload, frame) => this.#miss(payload, frame);
    this.#listening = new SharedPause(upstream);
    this.#absence = new Absence(this.#wire, upstream, this.#listening.holder());
    const waiting = this.#listening.holder();
    this.#channel = new Channel({
      wire: this.#wire,
      kernel: kernels.get(kernelId),
      maxMessage: options.maxMessage,
      processors,
      tell,
      traffic,
      tracing,
      viewer: () => this.#viewer,
      holder: () => this.#principal,
      toKernel: (payload) => this.#toKernel(payload),
      toClient: (payload, frame) => this.#toClient(payload, frame),
      onHeld: (change) => this.#onHeld(change),
      onWait: (waits) => (waits ? waiting.pause() : waiting.resume()),
      onFault: (error) => this.#fail(error),
      onAnswered: () => this.#answered(),
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
      if (passing) passing.finally(end).catch((error: unknown) => this.#fail(error));
      else end();
    });
  }

  /** The websocket subprotocol that the upstream chose. */
  get protocol(): string {
    return this.#upstream.protocol;
  }

  get #wire(): Wire {
    return this.#upstream.protocol === V1_PROTOCOL ? 'v1' : 'legacy';
  }

  get client(): WebSocket | undefined {
    return this.#client;
  }

  /** True while it waits for its client to come back. */
  get isLeft(): boolean {
    return this.#client === undefined && this.#upstream.readyState === this.#upstream.OPEN;
  }

  /** Asks the client whether it is there. */
  async answers(): Promise<boolean> {
    return (await this.#unheard?.asked()) ?? false;
  }

  /** Its client is silent and has come again on another connection, which takes its place at once. */
  leave(): void {
    const client = this.#client;
    if (client === undefined || this.#failed) return;
    this.#leave();
    client.terminate();
  }

  settled(): Promise<void> {
    return this.#channel.drained();
  }

  giveUp(): void {
    this.#channel.giveUp();
  }

  /** Called when no client can be joined to it any more. */
  onEnd(listener: () => void): void {
    this.#upstream.once('close', listener);
  }

  /** @param client open and paused */
  attach(client: WebSocket, admission: Admission): void {
    this.#viewer = viewerOf(admission);
    this.#principal = admission.principal;
    this.#options.open.remove(this.#upstream);
    const reading = new SharedPause(client);
    const sendClient = sender(client, this.#listening.holder());
    const unheard = new Unheard(client);
    this.#reading = reading.holder();
    this.#queue = reading.holder();
    this.#client = client;
    this.#unheard = unheard;
    this.#toClient = (payload) => {
      sendClient(payload.data, payload.binary);
      unheard.sent(payload);
    };
    for (const payload of this.#absence.over()) this.#toClient(payload);
    client.on('message', (data: Buffer, binary) =>
      this.#guarded(() => this.#channel.fromClient(data, binary)),
    );
    client.on('close', (code, why) => {
      if (this.#client === client) this.#detach(code, why);
    });
    client.resume();
    this.#upstream.resume();
  }

  #detach(code: number, why: Buffer): void {
    // A client that closes has read all that it wants; one that was found silent hasn't.
    const isFrozen = code === 1006 && (this.#unheard?.silence ?? 0) >= FROZEN_MS;
    if ((this.#channel.awaits || isFrozen) && !this.#failed && !this.#principal.ended?.aborted) {
      this.#leave();
      return;
    }
    this.#away();
    this.#channel.close();
    closeLike(this.#upstream, code, why, 1001);
  }

  /** The upstream stays open for the client's next connection. */
  #leave(): void {
    const unheard = this.#unheard?.take();
    this.#away();
    const { tell, open } = this.#options;
    tell({ kind: 'client left', ...this.#viewer, kernel: this.#kernel });
    open.add(this.#upstream, 'left', { work: this, ended: this.#principal.ended });
    this.#absence.begin(unheard, this.#channel.awaits);
    this.#upstream.resume();
  }

  #away(): void {
    this.#client = undefined;
    this.#unheard = undefined;
    this.#reading = undefined;
    this.#queue = undefined;
    this.#toClient = (payload, frame) => this.#miss(payload, frame);
  }

  /** Nothing waits for the client any more. */
  #answered(): void {
    if (this.isLeft && !this.#channel.awaits) this.#absence.answered();
  }

  #over(): void {
    // Also when the client is still there: none of its cells goes on.
    this.#channel.close();
    this.#absence.over();
  }

  #miss(payload: Payload, frame: Frame | undefined): void {
    this.#absence.miss(payload, frame, this.#channel.awaits);
  }

  #onHeld(change: number): void {
    this.#held += change;
    if (this.#held > this.#options.maxMessage + HELD_BEYOND) this.#queue?.pause();
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
    const fault = error.code === 'INTERNAL' ? faultOf(caught) : withoutPlaces(faultOf(caught));
    const { tell } = this.#options;
    tell({ kind: 'kernel socket closed', ...this.#viewer, kernel: this.#kernel, code: error.code, fault });
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
