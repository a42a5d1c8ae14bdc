import { GatewayError } from '../../errors.js';
import { MESSAGE_BYTES } from '../../jupyter-limits.js';
import { CHANNELS, type KernelChannel } from '../../traffic.js';
import { parseJson, parseSmall } from './json-text.js';

/** The JSON parts of a message, in the order in which v1 puts them. */
export type Part = 'header' | 'parent_header' | 'metadata' | 'content';
export const PARTS: readonly Part[] = ['header', 'parent_header', 'metadata', 'content'];

/** What goes on the wire: a frame's payload and its opcode. */
export interface Payload {
  readonly data: Buffer | string;
  readonly binary: boolean;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** One message as it came, its parts located but not parsed. */
export interface Frame {
  readonly channel: KernelChannel;
  /** The bytes of each JSON text in it: one for every part, or one for all. */
  texts(): readonly Buffer[];
  /** The JSON text of a part. */
  text(part: Part): string;
  /** The same, as bytes that were not checked. */
  bytes(part: Part): Buffer;
  /** What {@link readObject} has read of it. */
  readonly objects: Partial<Record<Part, JsonObject>>;
  /** The raw binary buffers that follow the JSON parts. */
  buffers(): readonly Buffer[];
  /**
   * The same message with some parts, or its buffers, replaced; all other bytes stay as they came.
   *
   * @param around changes pieces of JSON beside the parts: a legacy message has more members (`msg_id`, `msg_type`)
   */
  replace(
    parts: Partial<Record<Part, string>>,
    buffers?: readonly Buffer[],
    around?: (json: string) => string,
  ): Payload;
}

/** Widgets send a few. Each takes memory, and a frame has room for millions (invariant S14). */
const MOST_BUFFERS = 100_000;

/** @throws {GatewayError} MALFORMED_FRAME for more buffers than any message has */
export function checkBuffers(count: number): void {
  if (count > MOST_BUFFERS) throw malformed(`A message has at most ${MOST_BUFFERS} buffers.`);
}

/** @throws {GatewayError} MALFORMED_FRAME for a channel that kernels don't have */
export function channelName(name: unknown): KernelChannel {
  const known = CHANNELS.find((channel) => channel === name);
  if (known !== undefined) return known;
  throw malformed('The message names a channel that kernels do not have.');
}

export function malformed(detail: string): GatewayError {
  return new GatewayError('MALFORMED_FRAME', detail);
}

/** A part beyond this size isn't kept parsed: a frame may wait long, and as objects JSON takes many times its size. */
const KEPT_BYTES = 16 * 1024;

/** What a client's message may have; a kernel's may be larger, and most of one is output. */
const LARGE = MESSAGE_BYTES;

/**
 * Reads a part, once.
 *
 * @returns all of the part; of one that is larger than any client's, its strings and what is small
 * @throws {GatewayError} MALFORMED_FRAME when the part isn't a JSON object
 */
export function readObject(frame: Frame, part: Part): JsonObject {
  const known = frame.objects[part];
  if (known) return known;
  const text = frame.text(part);
  const value = parsed(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`The message's ${part} is not a JSON object.`);
  if (text.length <= KEPT_BYTES) frame.objects[part] = value as JsonObject;
  return value as JsonObject;
}

function parsed(text: string): unknown {
  try {
    return text.length > LARGE ? parseSmall(text, LARGE) : parseJson(text);
  } catch {
    return undefined;
  }
}
