import { decode, encode, type Wire } from '../../gateway/channel/codec.js';
import type { Frame, Payload } from '../../gateway/channel/frame.js';

export interface Parts {
  readonly header?: object;
  readonly parent_header?: object;
  readonly metadata?: object;
  readonly content?: object;
}

/** A kernel message as it travels, for tests of the parts that never see a socket. */
export function payloadOf(wire: Wire, channel: string, parts: Parts): Payload {
  const { header = {}, parent_header = {}, metadata = {}, content = {} } = parts;
  return encode(wire, channel, {
    header: JSON.stringify({ msg_id: 'm1', msg_type: 'status', session: 's1', ...header }),
    parent_header: JSON.stringify(parent_header),
    metadata: JSON.stringify(metadata),
    content: JSON.stringify(content),
  });
}

export function bytesOf(payload: Payload): Buffer {
  return typeof payload.data === 'string' ? Buffer.from(payload.data) : payload.data;
}

export function frameOf(wire: Wire, payload: Payload): Frame {
  return decode(wire, bytesOf(payload), payload.binary);
}
