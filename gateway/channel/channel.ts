import type { Processors } from '../../processors/index.js';
import { GatewayError, tooLarge } from '../errors.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { type Handling, handlingOf } from '../policy/messages.js';
import { tallyOf } from '../tally.js';
import type { Tracing } from '../tracing.js';
import { Broker } from './broker/broker.js';
import { Completions } from './completion/completions.js';
import { KernelCompletions } from './completion/kernel-completions.js';
import { Cells } from './execution/cells.js';
import { Companions } from './execution/companions.js';
import { Drain } from './execution/drain.js';
import { Executions } from './execution/executions.js';
import { Gate } from './execution/gate.js';
import { InputRequests } from './execution/input-requests.js';
import { Lane, type Turn } from './execution/lane.js';
import { Redactor } from './hidden/redact.js';
import { KernelLanguage } from './kernels/kernel-language.js';
import type { Kernel } from './kernels/kernels.js';
import type { Viewer } from './viewer.js';
import { decode, decodeStrictly, type Wire } from './wire/codec.js';
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
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  /** Who the client is now. */
  viewer(): Viewer;
  toKernel(payload: Payload): void;
  toClient(payload: Payload): void;
  /** Told by how many bytes the requests that wait for a rewrite grew or shrank. */
  onHeld(change: number): void;
  /** Told when the kernel's frames begin and cease to wait for what other replicas know. */
  onWait(waits: boolean): void;
  /** What waited could be neither passed nor answered: the caller closes the socket. */
  onFault(error: unknown): void;
  /** Told when no brokered cell runs any more, or no question of the kernel is open. */
  onAnswered(): void;
}

/**
 * What happens between one client and its kernel: every frame is decoded here, in both directions, and frames
 * that nothing changes pass byte-identical. Never sees a socket.
 */
export class Channel {
  readonly #parts: ChannelParts;
  readonly #writer: MessageWriter;
  readonly #broker: Broker;
  readonly #companions: Companions;
  readonly #completions: Completions;
  readonly #kernelCompletions: KernelCompletions;
  readonly #cells: Cells;
  readonly #language: KernelLanguage;
  readonly #executions: Executions;
  readonly #inputs: InputRequests;
  readonly #redactor: Redactor;
  /** Only where there are replicas. */
  readonly #gate: Gate | undefined;
  readonly #lanes = new Map<string, Lane>();
  readonly #unsubscribe: () => void;
  #drain: Drain | undefined;

  constructor(parts: ChannelParts) {
    const writer = new MessageWriter(parts.wire);
    this.#writer = writer;
    this.#parts = parts;
    this.#companions = new Companions(writer, (payload) => parts.toKernel(payload));
    this.#cells = new Cells(parts, parts.kernel.id);
    this.#inputs = new InputRequests(() => parts.onAnswered());
    const onBrokered = () => parts.onAnswered();
    this.#broker = new Broker({ ...parts, writer, onBrokered, spanOf: (id) => this.#cells.spanOf(id) });
    const [broker, companions, cells] = [this.#broker, this.#companions, this.#cells];
    const language = new KernelLanguage(parts.kernel, writer, (payload) => parts.toKernel(payload));
    this.#language = language;
    this.#executions = new Executions({ ...parts, broker, companions, cells, language, writer });
    const kernelCompletions = new KernelCompletions(writer, (payload) => parts.toKernel(payload));
    this.#kernelCompletions = kernelCompletions;
    this.#completions = new Completions({ ...parts, cells, kernelCompletions, language, writer });
    this.#redactor = new Redactor(parts.kernel.delivered);
    const { learn } = parts.kernel;
    const pass = (frame: Frame, payload: Payload) => this.#pass(frame, payload);
    this.#gate = learn && new Gate({ ...parts, learn, pass });
    this.#unsubscribe = parts.kernel.onRestart(() => this.#restarted());
  }

  /** @throws {GatewayError} for what isn't a message that a client may send: the caller closes the socket */
  fromClient(data: Buffer, binary: boolean): void {
    const frame = decodeStrictly(this.#parts.wire, data, binary);
    // It is built anew in every answer of the gateway's own.
    if (data.length > LONGEST_HEADER && frame.text('header').length > LONGEST_HEADER)
      throw tooLarge(this.#parts.maxMessage);
    this.#parts.metrics.traffic.add('to_kernel', frame.channel, data.length);
    const header = readHeader(frame);
    // It is kept until the cell's reply, beyond what is counted of waiting messages (invariant S15).
    if (header.msg_id.length > LONGEST_ID)
      throw new GatewayError('MALFORMED_FRAME', `A msg_id has at most ${LONGEST_ID} characters.`);
    const payload = { data, binary };
    const { maxMessage } = this.#parts;
    if (data.length > maxMessage && header.msg_type !== 'execute_request') throw tooLarge(maxMessage);
    const handling = handlingOf(frame.channel, header.msg_type);
    if (handling === 'cell' || handling === 'assist' || (handling === 'pass' && frame.channel === 'shell'))
      this.#queue(frame, header, payload, handling);
    else if (handling === 'pass') this.#parts.toKernel(payload);
    else if (handling === 'answer') this.#answer(header, payload);
    else if (handling === 'refuse') this.#executions.refuse(frame, header);
    else if (handling === 'drop') this.#dropped(header);
    else throw new GatewayError('MALFORMED_FRAME', `A client does not send on the ${frame.channel} channel.`);
  }

  /** @throws {GatewayError} for what isn't a message: the caller closes the socket */
  fromKernel(data: Buffer, binary: boolean): void {
    const frame = decode(this.#parts.wire, data, binary);
    this.#parts.metrics.traffic.add('from_kernel', frame.channel, data.length);
    const payload = { data, binary };
    if (!this.#gate?.keeps(frame, payload)) this.#pass(frame, payload);
  }

  /** Resolves when every frame that came has passed; undefined when they have. */
  get passing(): Promise<void> | undefined {
    return this.#gate?.settled;
  }

  #pass(frame: Frame, payload: Payload): void {
    if (this.#asksKernel || this.#inputs.some || this.#broker.some) this.#watchLife(frame);
    if (this.#companions.some && this.#companions.take(frame)) return;
    if (this.#kernelCompletions.some && this.#kernelCompletions.take(frame)) return;
    if (this.#language.some && this.#language.take(frame)) return;
    const reply = frame.channel === 'shell' ? executeReplyOf(frame) : undefined;
    if (frame.channel === 'stdin') {
      if (this.#broker.take(frame)) return;
      this.#question(frame);
    }
    if (this.#parts.kernel.delivered.empty) this.#parts.toClient(payload);
    else for (const shown of this.#redactor.pass(frame, payload)) this.#parts.toClient(shown);
    // The client has its answer before the log has its line.
    if (reply) {
      this.#drain?.replied(reply.id);
      this.#ended(reply);
    }
    this.#drain?.see(frame);
  }

  /** True while the kernel waits for an answer, of the gateway's own or of this client. */
  get awaits(): boolean {
    return this.#broker.some || this.#inputs.some;
  }

  /** Resolves when every cell has its reply, and what it wrote has come. */
  drained(): Promise<void> {
    this.#drain ??= new Drain(this.#cells.running);
    return this.#drain.over;
  }

  /** The gateway ends: brokered cells get an error, for their kernels would wait for ever. */
  giveUp(): void {
    this.#broker.giveUp();
  }

  /** The sockets are gone. */
  close(): void {
    this.#unsubscribe();
    this.#gate?.close();
    this.#companions.lost();
    this.#kernelCompletions.lost();
    this.#language.lost();
    this.#broker.close();
    this.#cells.close();
    this.#drain?.end();
  }

  get #asksKernel(): boolean {
    return this.#companions.some || this.#kernelCompletions.some || this.#language.some;
  }

  #queue(frame: Frame, header: Header, payload: Payload, handling: Handling): void {
    const key = `${header.session}\n${header.subshell_id ?? ''}`;
    const lane = this.#lanes.get(key) ?? new Lane((change) => this.#parts.onHeld(change));
    const turns: Partial<Record<Handling, () => Turn>> = {
      cell: () => this.#executions.turn(frame, header, payload, this.#abortOf(key)),
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
    if (life === undefined) return;
    this.#inputs.lost();
    this.#kernelCompletions.lost();
    this.#language.lost();
    this.#broker.close();
    if (life === 'starting') this.#companions.again();
    else this.#companions.lost();
  }

  #restarted(): void {
    this.#companions.lost();
    this.#kernelCompletions.lost();
    this.#language.lost();
    this.#broker.close();
    this.#inputs.lost();
    for (const payload of this.#redactor.releaseAll()) this.#parts.toClient(payload);
  }

  #ended({ id, status }: Ended): void {
    this.#inputs.ended(id);
    this.#broker.ended(id);
    this.#cells.ended(id, status);
  }

  #question(frame: Frame): void {
    if (readHeader(frame).msg_type === 'input_request') this.#inputs.asked(parentId(frame));
  }

  #answer(header: Header, payload: Payload): void {
    if (this.#inputs.answer()) {
      this.#parts.toKernel(payload);
      return;
    }
    this.#dropped(header);
    // Where it would otherwise wait without a word: on the cell of this client that is still running.
    const running = [...this.#cells.running.keys()].at(-1);
    if (running !== undefined) this.#parts.toClient(this.#writer.stderr(running, header, NOT_ASKED));
  }

  #dropped({ msg_type }: Header): void {
    const { log, kernel } = this.#parts;
    const from = this.#parts.viewer();
    tallyOf(log).tell(`dropped answer ${from.address}`, (more) =>
      log.warn(
        { ...from, kernel: kernel.id, msg_type, ...(more > 0 && { more }) },
        'an answer that nothing asked for was dropped',
      ),
    );
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
