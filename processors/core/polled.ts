import { setTimeout as pause } from 'node:timers/promises';
import type { Page } from './pages.js';
import { within } from './within.js';

/** A job that a service does by itself, and that is asked again and again whether it is done. */
export interface Polled<State> {
  /** @returns where it stands now */
  look(): Promise<State>;
  isDone(state: State): boolean;
  /** What is shown meanwhile: `scanned 12,000 events (40 %)`. */
  progressOf(state: State): string;
  /** Ends it at the service. The cell's own signal has aborted when this is called: it needs one of its own. */
  cancel(signal: AbortSignal): Promise<unknown>;
}

/** Milliseconds between two looks: short ones for a job of a moment, then longer ones. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const GROWTH = 1.5;

/** How long the service may take to end a job, in milliseconds. */
const CANCEL_LIMIT_MS = 10_000;

/**
 * Waits for a job at a service. A job that isn't waited for any longer (an interrupt, a time limit, a failure) is
 * cancelled there: it costs the service until then.
 *
 * @param signal of the cell
 * @returns the state in which it was done
 * @throws what `look` throws, or the signal's reason
 */
export async function* untilDone<State>(
  { look, isDone, progressOf, cancel }: Polled<State>,
  signal: AbortSignal,
): AsyncGenerator<Page, State> {
  let isOver = false;
  try {
    for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * GROWTH, LONGEST_PAUSE_MS)) {
      const state = await look();
      isOver = isDone(state);
      if (isOver) return state;
      yield { kind: 'progress', text: progressOf(state) };
      await pause(wait, undefined, { signal });
    }
  } finally {
    // Whether it worked or not, the cell tells of what ended it.
    if (!isOver)
      await within(CANCEL_LIMIT_MS, cancel(AbortSignal.timeout(CANCEL_LIMIT_MS)), () => {}).catch(() => {});
  }
}
