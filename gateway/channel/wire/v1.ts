import type { KernelChannel } from '../../traffic.js';
import { channelName, checkBuffers, type Frame, malformed, PARTS, type Part, type Payload } from './frame.js';

/**
 * v1: u64-LE count n, n u64-LE offsets (the last is the end), then channel, header, parent_header, metadata,
 * content and buffers. Offsets start at 8·(1+n), never decrease, and the last is the frame's length.
 */
export class V1Frame implements Frame {
  readonly channel: KernelChannel;
  readonly objects: Frame['objects'] = {};
  readonly #data: Buffer;
  readonly #count: number;

  constructor(data: Buffer) {
    this.#data = data;
    this.#count = data.length >= 8 ? readU64(data, 0) : 0;
    const count = this.#count;
    if (count < 6 || count > data.length / 8 - 1) throw malformed('The number of offsets is wrong.');
    checkBuffers(count - 6);
    let previous = 8 * (1 + count);
    if (this.#offset(0) !== previous) throw malformed('The first offset is wrong.');
    for (let index = 1; index < count; index++) {
      const offset = this.#offset(index);
      if (offset < previous) throw malformed('The offsets are out of order.');
      previous = offset;
    }
    if (previous !== data.length) throw malformed('The last offset is not the end of the frame.');
    this.channel = channelName(data.toString('latin1', this.#offset(0), this.#offset(1)));
  }

  texts(): readonly Buffer[] {
    return PARTS.map((_, index) => this.#part(1 + index));
  }

  text(part: Part): string {
    const index = 1 + PARTS.indexOf(part);
    return this.#data.toString('utf8', this.#offset(index), this.#offset(index + 1));
  }

  bytes(part: Part): Buffer {
    return this.#part(1 + PARTS.indexOf(part));
  }

  buffers(): readonly Buffer[] {
    return Array.from({ length: this.#count - 6 }, (_, index) => this.#part(5 + index));
  }

  replace(parts: Partial<Record<Part, string>>, buffers = this.buffers()): Payload {
    const pieces = [this.#part(0), ...PARTS.map((part, index) => parts[part] ?? this.#part(1 + index))];
    return { data: encodeV1(pieces, buffers), binary: true };
  }

  #part(index: number): Buffer {
    return this.#data.subarray(this.#offset(index), this.#offset(index + 1));
  }

  #offset(index: number): number {
    return readU64(this.#data, 8 * (1 + index));
  }
}

export function encodeV1(parts: readonly (Buffer | string)[], buffers: readonly Buffer[]): Buffer {
  const pieces = [...parts, ...buffers].map((piece) =>
    typeof piece === 'string' ? Buffer.from(piece) : piece,
  );
  const count = pieces.length + 1;
  const head = Buffer.alloc(8 * (1 + count));
  writeU64(head, 0, count);
  let offset = head.length;
  for (const [index, piece] of pieces.entries()) {
    writeU64(head, 8 * (1 + index), offset);
    offset += piece.length;
  }
  writeU64(head, 8 * count, offset);
  return Buffer.concat([head, ...pieces], offset);
}

/** Reads a u64-LE that must fit a frame's length; anything larger than 32 bits is far past every limit. */
function readU64(data: Buffer, at: number): number {
  return data.readUInt32LE(at + 4) === 0 ? data.readUInt32LE(at) : Number.MAX_SAFE_INTEGER;
}

function writeU64(data: Buffer, at: number, value: number): void {
  data.writeUInt32LE(value, at);
}
