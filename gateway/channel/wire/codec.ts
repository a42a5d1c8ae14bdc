import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../../errors.js';
import { type Frame, malformed, PARTS, type Part, type Payload, readObject } from './frame.js';
import { checkJson } from './json-check.js';
import { parseJson } from './json-text.js';
import { LegacyFrame } from './legacy.js';
import { encodeV1, V1Frame } from './v1.js';

/**
 * How Jupyter messages travel on a kernel websocket. `v1` is the subprotocol
 * `v1.kernel.websocket.jupyter.org`; `legacy` is a connection without a subprotocol: JSON text frames, and
 * binary ones for messages with buffers.
 * Source: https://jupyter-server.readthedocs.io/en/latest/developers/websocket-protocols.html
 */
export type Wire = 'v1' | 'legacy';

/** From this many characters on a text is checked without being built: parsing it is faster, and takes its memory. */
const LARGE = 1024 * 1024;

export const V1_PROTOCOL = 'v1.kernel.websocket.jupyter.org';

/**
 * Locates the parts of a message. Text in a binary frame that isn't UTF-8 reads with replacement characters: Python prints undecodable
 * file names (PEP 383) as bytes that aren't.
 *
 * @param binary whether the websocket frame was binary
 * @throws {GatewayError} MALFORMED_FRAME for what isn't a Jupyter message, UNSUPPORTED_FRAME for a text
 *   frame on a v1 connection
 */
export function decode(wire: Wire, data: Buffer, binary: boolean): Frame {
  if (wire === 'v1') {
    if (!binary)
      throw new GatewayError('UNSUPPORTED_FRAME', 'A v1 kernel websocket carries binary frames only.');
    return new V1Frame(data);
  }
  if (binary) return LegacyFrame.withBuffers(data);
  // RFC 6455 section 8.1; the websockets' own check is off, so that each message is checked once.
  if (!isUtf8(data)) throw malformed('A text frame is not UTF-8.');
  return new LegacyFrame(data, []);
}

/**
 * Like {@link decode}, and everything in it is what it should be: JSON objects in UTF-8. For what goes to a kernel.
 *
 * @throws {GatewayError} MALFORMED_FRAME, UNSUPPORTED_FRAME
 */
export function decodeStrictly(wire: Wire, data: Buffer, binary: boolean): Frame {
  const frame = decode(wire, data, binary);
  for (const text of frame.texts()) {
    if (!isUtf8(text)) throw malformed('A part of the message is not UTF-8.');
    // In v1 the texts are the parts, which are read below.
    if (wire === 'legacy') checkText(text.toString('utf8'));
  }
  for (const part of PARTS) checkPart(wire, frame, part);
  return frame;
}

function checkPart(wire: Wire, frame: Frame, part: Part): void {
  const text = frame.text(part);
  if (text.length <= LARGE) {
    readObject(frame, part);
    return;
  }
  if (wire === 'v1') checkText(text);
  if (!text.trimStart().startsWith('{')) throw malformed(`The message's ${part} is not a JSON object.`);
}

function checkText(text: string): void {
  try {
    if (text.length > LARGE) checkJson(text);
    else parseJson(text);
  } catch {
    throw malformed('A part of the message is not JSON.');
  }
}

/** A message of the gateway's own. */
export function encode(wire: Wire, channel: string, parts: Readonly<Record<Part, string>>): Payload {
  if (wire === 'v1')
    return { data: encodeV1([channel, ...PARTS.map((part) => parts[part])], []), binary: true };
  const members = PARTS.map((part) => `"${part}":${parts[part]}`).join(',');
  return { data: `{"channel":${JSON.stringify(channel)},${members},"buffers":[]}`, binary: false };
}
