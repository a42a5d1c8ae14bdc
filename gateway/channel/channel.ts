import type { Processors } from '../../processors/index.js';
import { GatewayError, tooLarge } from '../errors.js';
import type { Tell } from '../events/events.js';
import { decide } from '../policy/decide.js';
import type { Holder } from '../policy/decision.js';
import type { Passing, Stopped } from '../policy/messages.js';
import type { Tracing } from '../tracing.js';
import type { Traffic } from '../traffic.js';
import { Completions } from './completion/completions.js';
import { KernelCompletions } from './completion/kernel-completions.js';
import { ExecuteRequests } from './execution/execute-requests.js';
import { Executions } from './execution/executions.js';
import { Lane, type Turn } from './execution/lane.js';
import { CellRecords } from './execution/record.js';
import type { FeedViewer, Said } from './feed/feed.js';
import type { Kernel } from './kernels/kernels.js';
import { KernelLanguage } from './own/kernel-language.js';
import type { Loss } from './own/loss.js';
import { OwnRequests } from './own/own-requests.js';
import type { Viewer } from './viewer.js';
import { decodeStrictly, type Wire } from './wire/codec.js';
import { type Frame, type Payload, readObject } from './wire/frame.js';
import { type Header, lifeIn, MessageWriter, parentId, readHeader } from './wire/messages.js';

/** Clients write some hundred characters. */
const LONGEST_HEADER = 1024 * 1024;

/** Clients write UUIDs, with a number behind them at most. */
const LONGEST_ID = 1024;

const NOT_ASKED =
  'This answer was not passed to the kernel: the question is over, or was asked on another connection. ' +
  'If the cell still waits, interrupt it and run it again.\n';

export interface ChannelParts {
  readonly wire: Wire;
  readonly kernel: Kernel;
  /** What Jupyter takes in one message, in bytes. */
  readonly maxMessage: number;
  readonly processors: Processors;
  readonly tell: Tell;
  readonly traffic: Traffic;
  readonly tracing: Tracing;
  /** The client, for records: another connection may go on with the channel. */
  viewer(): Viewer;
  /** The principal that the client acts for, and what it may do. */
  holder(): Holder;
  toKernel(payload: Payload): void;
  /** @param frame the kernel's message that it comes from; absent for an answer of the gateway */
  toClient(payload: Payload, frame?: Frame): void;
  /** Called with the number of bytes by which the requests that wait for a rewrite grew or shrank. */
  onHeld(change: number): void;
  /** Called when the kernel's frames begin and cease to wait for what other replicas know. */
  onWait(waits: boolean): void;
  /** A waiting request could be neither passed nor answered: the caller closes the socket. */
  onFault(error: unknown): void;
  /** Called when no brokered cell runs any more and no question of the kernel is open. */
  onAnswered(): void;
}

/**
 * What happens between one client and its kernel: every frame is decoded here, in both directions, and frames
 * that nothing changes pass byte-identical. Never sees a socket.
 */
export class Channel {
  readonly #parts: ChannelParts;
  readonly #writer: MessageWriter;
  readonly #own: OwnRequests;
  readonly #executions: Executions;
  readonly #cells: ExecuteRequests;
  readonly #completions: Completions;
  readonly #feed: FeedViewer;
  readonly #lanes = new Map<string, Lane>();
  readonly #unsubscribe: () => void;

  constructor(parts: ChannelParts) {
    const writer = new MessageWriter(parts.wire);
    this.#writer = writer;
    this.#parts = parts;
    const own = new OwnRequests(writer, (payload) => parts.toKernel(payload));
    this.#own = own;
    const records = new CellRecords({ ...parts, kernelId: parts.kernel.id });
    const executions = new Executions(records, () => parts.onAnswered());
    this.#executions = executions;
    const language = new KernelLanguage(parts.kernel, own);
    this.#cells = new ExecuteRequests({ ...parts, own, executions, language, writer });
    const kernelCompletions = new KernelCompletions(own);
    this.#completions = new Completions({ ...parts, executions, kernelCompletions, language, writer });
    this.#feed = parts.kernel.feed(parts.wire).join({ ...parts, pass: (said) => this.#pass(said) });
    this.#unsubscribe = parts.kernel.onRestart(() => this.#restarted());
  }

  /** @throws {GatewayError} for what isn't a message that a client may send: the caller closes the socket */
  fromClient(data: Buffer, binary: boolean): void {
    const frame = decodeStrictly(this.#parts.wire, data, binary);
    // It is built anew in every answer of the gateway's own.
    if (data.length > LONGEST_HEADER && frame.text('header').length > LONGEST_HEADER)
      throw tooLarge(this.#parts.maxMessage);
    this.#parts.traffic.add('to_kernel', frame.channel, data.length);
    const header = readHeader(frame);
    // It is kept until the cell's reply, beyond what is counted of waiting messages (invariant S15).
    if (header.msg_id.length > LONGEST_ID)
      throw new GatewayError('MALFORMED_FRAME', `A msg_id has at most ${LONGEST_ID} characters.`);
    const payload = { data, binary };
    const { maxMessage } = this.#parts;
    if (data.length > maxMessage && header.msg_type !== 'execute_request') throw tooLarge(maxMessage);
    const { channel } = frame;
    const decision = decide(this.#parts.holder(), { kind: 'message', channel, type: header.msg_type });
    if (!decision.allowed) {
      this.#stop(frame, header, decision);
      return;
    }
    const { handling } = decision;
    if (handling === 'cell' || handling === 'assist' || (handling === 'pass' && channel === 'shell'))
      this.#queue(frame, header, payload, handling);
    else if (handling === 'pass') this.#parts.toKernel(payload);
    else this.#answer(header, payload);
  }

  /** @throws {GatewayError} for what isn't a message: the caller closes the socket */
  fromKernel(data: Buffer, binary: boolean): void {
    this.#feed.take(data, binary);
  }

  /** Resolves when every frame that came has passed; undefined when they have. */
  get passing(): Promise<void> | undefined {
    return this.#feed.settled;
  }

  #pass(said: Said): void {
    const { frame } = said;
    if (this.#own.some || this.#executions.awaits) this.#watchLife(frame);
    // Past the redactor too: the end of a request that the client doesn't know ends no stream for it.
    if (this.#own.some && this.#own.take(frame)) return;
    if (frame.channel === 'stdin' && this.#asked(frame)) return;
    const reply = frame.channel === 'shell' ? executeReplyOf(frame) : undefined;
    this.#show(said);
    // The client has its answer before the log has its line.
    if (reply) this.#executions.replied(reply.id, reply.status);
    this.#executions.see(frame);
  }

  #show(said: Said): void {
    const { kernel, toClient } = this.#parts;
    const { frame, payload } = said;
    if (kernel.delivered.empty) {
      toClient(payload, frame);
      return;
    }
    const { released, shown } = this.#feed.redact(said);
    for (const each of released) toClient(each, frame);
    if (shown) toClient(shown, frame);
  }

  /** True while the kernel waits for an answer, of the gateway or of this client. */
  get awaits(): boolean {
    return this.#executions.awaits;
  }

  /** Resolves when every cell has its reply, and what it wrote has come. */
  drained(): Promise<void> {
    return this.#executions.drained();
  }

  /** The gateway ends: brokered cells get an error, for their kernels would wait for ever. */
  giveUp(): void {
    this.#executions.giveUp();
  }

  /** The sockets are gone. */
  close(): void {
    this.#unsubscribe();
    this.#feed.leave();
    this.#lost('closed');
  }

  #lost(why: Loss): void {
    this.#own.lost(why);
    this.#executions.lost(why);
  }

  /** @throws {GatewayError} for what no client of the protocol sends */
  #stop(frame: Frame, header: Header, { handling, code, reason }: Stopped): void {
    if (handling === 'refuse') this.#cells.refuse(frame, header, reason);
    else if (handling === 'drop') this.#dropped(header);
    else throw new GatewayError(code, reason);
  }

  #queue(frame: Frame, header: Header, payload: Payload, handling: Passing): void {
    const key = `${header.session}\n${header.subshell_id ?? ''}`;
    const lane = this.#lanes.get(key) ?? new Lane((change) => this.#parts.onHeld(change));
    const turns: Partial<Record<Passing, () => Turn>> = {
      cell: () => this.#cells.turn(frame, header, payload, this.#abortOf(key)),
      assist: () => this.#completions.turn(frame, header, payload),
    };
    const pass = { bytes: payload.data.length, run: () => this.#parts.toKernel(payload), abort: () => {} };
    const drained = lane.push(turns[handling]?.() ?? pass);
    if (!drained) return;
    this.#lanes.set(key, lane);
    drained.then(() => this.#lanes.delete(key)).catch((error: unknown) => this.#parts.onFault(error));
  }

  /** Made here, where no message is in scope: it lives until the cell's reply, and would keep the message. */
  #abortOf(key: string): () => void {
    return () => this.#lanes.get(key)?.abort();
  }

  #watchLife(frame: Frame): void {
    const life = lifeIn(frame);
    if (life !== undefined) this.#lost(life);
  }

  #restarted(): void {
    this.#lost('restarted');
    for (const payload of this.#feed.releaseAll()) this.#parts.toClient(payload);
  }

  /** @returns true when the question is for the gateway, and so isn't for the client */
  #asked(frame: Frame): boolean {
    const id = parentId(frame);
    const execution = this.#executions.get(id);
    const taken = execution?.call?.take(frame) ?? 'client';
    if (execution && taken === 'refused') this.#executions.endCall(execution);
    if (taken !== 'client') return true;
    if (readHeader(frame).msg_type === 'input_request') this.#executions.asks(id);
    return false;
  }

  #answer(header: Header, payload: Payload): void {
    if (this.#executions.answer()) {
      this.#parts.toKernel(payload);
      return;
    }
    this.#dropped(header);
    // Where it would otherwise wait without a word: on the cell of this client that is still running.
    const running = this.#executions.running().at(-1);
    if (running) this.#parts.toClient(this.#writer.stderr(running.id, header, NOT_ASKED));
  }

  #dropped({ msg_type }: Header): void {
    const { tell, kernel } = this.#parts;
    tell({ kind: 'answer dropped', ...this.#parts.viewer(), kernel: kernel.id, msg_type });
  }
}

/** A cell that the kernel is done with. */
interface Ended {
  /** msg_id of its execute_request. */
  readonly id: string;
  readonly status: string;
}

function executeReplyOf(frame: Frame): Ended | undefined {
  if (readHeader(frame).msg_type !== 'execute_reply') return undefined;
  const { status } = readObject(frame, 'content');
  return { id: parentId(frame), status: typeof status === 'string' ? status : 'unknown' };
}
