import { within } from '../core/within.js';

/** How long a database may take to stop what it does, in milliseconds: then its connection is closed. */
export const CANCEL_MS = 1_000;
/** How long it may take to forget what a cell has set. */
export const RESET_MS = 5_000;

/** Waits for something, however it ends, but not longer than that. */
export function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const over = () => {};
  return within(ms, work.then(over, over), over);
}
