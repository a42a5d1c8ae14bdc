import type { Redactor } from '../../gateway/channel/hidden/redact.js';
import type { Wire } from '../../gateway/channel/wire/codec.js';
import type { Payload } from '../../gateway/channel/wire/frame.js';
import { frameOf } from './frames.js';

/** All that a client gets when a frame comes, in order. */
export function redacted(redactor: Redactor, wire: Wire, payload: Payload): Payload[] {
  const { released, shown } = redactor.pass(frameOf(wire, payload), payload);
  return shown ? [...released, shown] : [...released];
}
