import { setImmediate } from 'node:timers/promises';
import type { Delivered } from './delivered.js';
import { MASK } from './masked.js';

/** How much of an answer is searched in one go, in bytes: other clients wait no longer than for that. */
const WINDOW = 256 * 1024;

/** What has to be seen before a window, in bytes: an ellipsis, so that the end of a value behind it is known for one. */
const CONTEXT = 64;

/**
 * Takes values out of what a service answered, in whatever way it is escaped there: a service that quotes a credential
 * writes it by the rules of its format, which may be JSON in JSON in HTML. Lets other work go on between windows.
 *
 * @param data a text in an encoding in which ASCII is ASCII, or any bytes
 * @returns the same object when there was nothing to hide
 */
export async function maskAnswer(credentials: Delivered, data: Buffer): Promise<Buffer> {
  const masking = windows(credentials, data);
  for (let step = masking.next(); ; step = masking.next()) {
    if (step.done) return step.value;
    await setImmediate();
  }
}

/** The same for a thread in which nothing else waits. */
export function maskAtOnce(credentials: Delivered, data: Buffer): Buffer {
  const masking = windows(credentials, data);
  for (let step = masking.next(); ; step = masking.next()) if (step.done) return step.value;
}

/** Yields between windows. */
function* windows(credentials: Delivered, data: Buffer): Generator<void, Buffer> {
  if (credentials.empty) return data;
  const overlap = credentials.reachInBytes;
  const kept: (Buffer | string)[] = [];
  let shown = 0;
  for (let at = 0; at < data.length; at += WINDOW) {
    if (at > 0) yield;
    // What begins in a window ends in it; what began before it has been found there.
    const from = Math.max(0, at - CONTEXT);
    const text = data.toString('latin1', from, at + WINDOW + overlap);
    for (const span of credentials.findInBytes(text)) {
      const [start, end] = [from + span.start, from + span.end];
      if (end <= shown) continue;
      // One that goes on from the window before has its mask already.
      if (start >= shown) kept.push(data.subarray(shown, start), MASK);
      shown = end;
    }
  }
  if (kept.length === 0) return data;
  return Buffer.concat([...kept, data.subarray(shown)].map((piece) => Buffer.from(piece)));
}
