import { randomUUID } from 'node:crypto';
import { decode, encode, type Wire } from '../../gateway/channel/wire/codec.js';
import type { Frame, Payload } from '../../gateway/channel/wire/frame.js';

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

/**
 * A v1 message as a kernel or client of `@jupyterlab/services` sends it, filled up to a size.
 *
 * @param content a `stream`'s filling is its text, an execute_request's is a comment after its code, anything else's is
 *   another member
 * @param size of the frame's payload, in bytes; 0: as small as it is
 */
export function sizedMessage(
  channel: string,
  type: string,
  parent_header: object,
  content: Readonly<Record<string, unknown>>,
  size: number,
): Buffer {
  const header = {
    msg_id: randomUUID(),
    msg_type: type,
    username: 'username',
    session: 'session',
    date: new Date().toISOString(),
    version: '5.3',
  };
  const make = (filling: string) => {
    const filled =
      type === 'stream'
        ? { ...content, text: filling }
        : type === 'execute_request'
          ? { ...content, code: `${content.code} #${filling}` }
          : { ...content, filling };
    return bytesOf(payloadOf('v1', channel, { header, parent_header, content: filled }));
  };
  const empty = make('').length;
  return make(
    '0123456789'.repeat(Math.ceil(Math.max(0, size - empty) / 10)).slice(0, Math.max(0, size - empty)),
  );
}
