import t from 'tap';
import type { Page } from '../../processors/core/pages.js';
import { type Polled, untilDone } from '../../processors/core/polled.js';

/** A job that is done at its nth look. */
function jobOf(looks: number, told: string[]): Polled<number> {
  let looked = 0;
  return {
    look: async () => ++looked,
    isDone: (state) => state >= looks,
    progressOf: (state) => `look ${state}`,
    cancel: async (signal) => void told.push(`cancelled, signal aborted: ${signal.aborted}`),
  };
}

async function pagesOf<State>(
  generator: AsyncGenerator<Page, State>,
): Promise<{ pages: Page[]; state: State }> {
  const pages: Page[] = [];
  for (;;) {
    const { done, value } = await generator.next();
    if (done) return { pages, state: value };
    pages.push(value);
  }
}

t.test('a job that is done is not cancelled, and its progress is told', async (t) => {
  const told: string[] = [];
  const { pages, state } = await pagesOf(untilDone(jobOf(3, told), new AbortController().signal));
  t.equal(state, 3);
  t.same(pages, [
    { kind: 'progress', text: 'look 1' },
    { kind: 'progress', text: 'look 2' },
  ]);
  t.same(told, []);
});

t.test('an interrupt cancels it at the service, with a signal that still allows a request', async (t) => {
  const told: string[] = [];
  const cell = new AbortController();
  const waiting = untilDone(jobOf(Number.POSITIVE_INFINITY, told), cell.signal);
  await waiting.next();
  const next = waiting.next();
  cell.abort(new Error('interrupted'));
  await t.rejects(next);
  t.same(told, ['cancelled, signal aborted: false']);
});

t.test('a look that fails cancels it too, and a failing cancellation hides nothing', async (t) => {
  const told: string[] = [];
  const failing: Polled<number> = {
    ...jobOf(9, told),
    look: () => Promise.reject(new Error('no answer')),
    cancel: async () => {
      told.push('asked');
      throw new Error('gone');
    },
  };
  await t.rejects(pagesOf(untilDone(failing, new AbortController().signal)), { message: 'no answer' });
  t.same(told, ['asked']);
});

t.test('a cell that stops reading cancels it', async (t) => {
  const told: string[] = [];
  const waiting = untilDone(jobOf(9, told), new AbortController().signal);
  await waiting.next();
  await waiting.return(0);
  t.equal(told.length, 1);
});
