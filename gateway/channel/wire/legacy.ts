import { GatewayError } from '../../errors.js';
import type { KernelChannel } from '../../traffic.js';
import { channelName, checkBuffers, type Frame, malformed, PARTS, type Part, type Payload } from './frame.js';
import { memberSpans, type Span } from './json-text.js';

/**
 * Legacy: one JSON object with `channel` and the parts. With buffers: u32-BE count, u32-BE offsets, the JSON,
 * then the buffers; the first offset is the JSON's.
 */
export class LegacyFrame implements Frame {
  readonly channel: KernelChannel;
  readonly objects: Frame['objects'] = {};
  readonly #data: Buffer;
  readonly #json: string;
  readonly #buffers: readonly Buffer[];
  readonly #spans: Map<string, Span>;

  /** @param data the JSON, in UTF-8 */
  constructor(data: Buffer, buffers: readonly Buffer[]) {
    const json = data.toString('utf8');
    this.#data = data;
    this.#json = json;
    this.#buffers = buffers;
    try {
      this.#spans = memberSpans(json);
      const channel = this.#member('channel');
      this.channel = channelName(channel.startsWith('"') && JSON.parse(channel));
      for (const part of PARTS) this.#member(part);
    } catch (error) {
      throw error instanceof GatewayError
        ? error
        : malformed('The text is not a JSON object with a message in it.');
    }
  }

  static withBuffers(data: Buffer): LegacyFrame {
    const count = data.length >= 4 ? data.readUInt32BE(0) : 0;
    if (count < 1 || count > data.length / 4 - 1) throw malformed('The number of offsets is wrong.');
    checkBuffers(count - 1);
    const offsets = Array.from({ length: count }, (_, index) => data.readUInt32BE(4 * (1 + index)));
    const ends = [...offsets.slice(1), data.length];
    const pieces = offsets.map((start, index) => {
      const end = ends[index] ?? 0;
      if (start < 4 * (1 + count) || start > end) throw malformed('The offsets are out of order.');
      return data.subarray(start, end);
    });
    if (offsets[0] !== 4 * (1 + count)) throw malformed('The first offset is wrong.');
    const [json = Buffer.alloc(0), ...buffers] = pieces;
    return new LegacyFrame(json, buffers);
  }

  texts(): readonly Buffer[] {
    return [this.#data];
  }

  text(part: Part): string {
    return this.#member(part);
  }

  bytes(part: Part): Buffer {
    return Buffer.from(this.#member(part));
  }

  buffers(): readonly Buffer[] {
    return this.#buffers;
  }

  replace(
    parts: Partial<Record<Part, string>>,
    buffers = this.#buffers,
    around = (json: string) => json,
  ): Payload {
    const spans = PARTS.flatMap((part) => {
      const span = this.#spans.get(part);
      return span ? [{ ...span, text: parts[part] }] : [];
    }).sort((a, b) => a.start - b.start);
    let json = '';
    let at = 0;
    for (const { start, end, text } of spans) {
      json += around(this.#json.slice(at, start)) + (text ?? this.#json.slice(start, end));
      at = end;
    }
    return legacyPayload(json + around(this.#json.slice(at)), buffers);
  }

  #member(name: string): string {
    const span = this.#spans.get(name);
    if (!span) throw malformed(`The message has no ${name}.`);
    return this.#json.slice(span.start, span.end);
  }
}

function legacyPayload(json: string, buffers: readonly Buffer[]): Payload {
  if (buffers.length === 0) return { data: json, binary: false };
  const pieces = [Buffer.from(json), ...buffers];
  const head = Buffer.alloc(4 * (1 + pieces.length));
  head.writeUInt32BE(pieces.length, 0);
  let offset = head.length;
  for (const [index, piece] of pieces.entries()) {
    head.writeUInt32BE(offset, 4 * (1 + index));
    offset += piece.length;
  }
  return { data: Buffer.concat([head, ...pieces], offset), binary: true };
}
