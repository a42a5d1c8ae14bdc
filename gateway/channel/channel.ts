import type { Processors } from '../../processors/index.js';
import { GatewayError } from '../errors.js';
import type { Log } from '../log.js';
import { Cells } from './cells.js';
import { decode, type Wire } from './codec.js';
import { Companions } from './companions.js';
import { Executions, MAX_MESSAGE } from './executions.js';
import type { Frame, Payload } from './frame.js';
import { InputRequests } from './input-requests.js';
import type { Kernel } from './kernels.js';
import { Lane } from './lane.js';
import { type Header, MessageWriter, parentId, readHeader, readObject } from './messages.js';
import { Redactor } from './redact.js';

export interface ChannelParts {
  readonly wire: Wire;
  readonly kernel: Kernel;
  readonly processors: Processors;
  readonly log: Log;
  /** Who the cells of this channel are logged for. */
  readonly who: { readonly address: string; readonly principal: string };
  toKernel(payload: Payload): void;
  toClient(payload: Payload): void;
  /** Told by how many bytes the requests that wait for a rewrite grew or shrank. */
  onHeld(change: number): void;
}

/**
 * What happens between one client and its kernel: every frame is decoded here, in both directions, and frames
 * that nothing changes pass byte-identical. Never sees a socket.
 */
export class Channel {
  readonly #parts: ChannelParts;
  readonly #companions: Companions;
  readonly #cells: Cells;
  readonly #executions: Executions;
  readonly #inputs = new InputRequests();
  readonly #redactor: Redactor;
  readonly #lanes = new Map<string, Lane>();
  readonly #unsubscribe: () => void;

  constructor(parts: ChannelParts) {
    const writer = new MessageWriter(parts.wire);
    this.#parts = parts;
    this.#companions = new Companions(writer, (payload) => parts.toKernel(payload));
    this.#cells = new Cells(parts.log, { ...parts.who, kernel: parts.kernel.id });
    this.#executions = new Executions({ ...parts, companions: this.#companions, cells: this.#cells, writer });
    this.#redactor = new Redactor(parts.kernel.delivered);
    this.#unsubscribe = parts.kernel.onRestart(() => this.#companions.lost());
  }

  /** @throws {GatewayError} for what isn't a message that a client may send: the caller closes the socket */
  fromClient(data: Buffer, binary: boolean): void {
    const frame = decode(this.#parts.wire, data, binary);
    const header = readHeader(frame);
    const payload = { data, binary };
    if (data.length > MAX_MESSAGE && header.msg_type !== 'execute_request')
      throw new GatewayError('MESSAGE_TOO_LARGE');
    if (frame.channel === 'shell') this.#shell(frame, header, payload);
    else if (frame.channel === 'control') this.#parts.toKernel(payload);
    else if (frame.channel === 'stdin') this.#answer(header, payload);
    else throw new GatewayError('MALFORMED_FRAME', `A client does not send on the ${frame.channel} channel.`);
  }

  /** @throws {GatewayError} for what isn't a message: the caller closes the socket */
  fromKernel(data: Buffer, binary: boolean): void {
    const frame = decode(this.#parts.wire, data, binary);
    if (this.#companions.some && this.#companions.take(frame)) return;
    const reply = frame.channel === 'shell' ? executeReplyOf(frame) : undefined;
    if (frame.channel === 'stdin') this.#question(frame);
    const payload = { data, binary };
    if (this.#parts.kernel.delivered.empty) this.#parts.toClient(payload);
    else for (const shown of this.#redactor.pass(frame, payload)) this.#parts.toClient(shown);
    // The client has its answer before the log has its line.
    if (reply) this.#ended(reply);
  }

  /** The sockets are gone. */
  close(): void {
    this.#unsubscribe();
    this.#companions.lost();
    this.#cells.close();
  }

  #shell(frame: Frame, header: Header, payload: Payload): void {
    const key = `${header.session}\n${header.subshell_id ?? ''}`;
    const lane = this.#lanes.get(key) ?? new Lane((change) => this.#parts.onHeld(change));
    const drained = lane.push(
      header.msg_type === 'execute_request'
        ? this.#executions.turn(frame, header, payload, () => this.#lanes.get(key)?.abort())
        : { bytes: payload.data.length, run: () => this.#parts.toKernel(payload), abort: () => {} },
    );
    if (!drained) return;
    this.#lanes.set(key, lane);
    void drained.then(() => this.#lanes.delete(key));
  }

  #ended({ id, status }: Ended): void {
    this.#inputs.ended(id);
    this.#cells.ended(id, status);
  }

  #question(frame: Frame): void {
    if (readHeader(frame).msg_type === 'input_request') this.#inputs.asked(parentId(frame));
  }

  #answer({ msg_type }: Header, payload: Payload): void {
    if (msg_type === 'input_reply' && this.#inputs.answer()) {
      this.#parts.toKernel(payload);
      return;
    }
    this.#parts.log.warn(
      { ...this.#parts.who, kernel: this.#parts.kernel.id, msg_type },
      'an answer that nothing asked for was dropped',
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
  return { id: parentId(frame), status: String(readObject(frame, 'content').status) };
}
