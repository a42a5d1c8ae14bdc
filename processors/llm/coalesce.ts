import { within } from '../core/within.js';

/**
 * Joins pieces of text that come fast, so that a notebook shows them only a few times a second.
 *
 * @param everyMs least time between two texts, in milliseconds
 */
export async function* coalesced(
  pieces: AsyncIterator<string>,
  everyMs: number,
): AsyncGenerator<string, void> {
  const ask = () => {
    const coming = pieces.next();
    // A reader that stops in between doesn't wait for it any more.
    coming.catch(() => {});
    return coming;
  };
  let text = '';
  let shownAt = Number.NEGATIVE_INFINITY;
  let coming = ask();
  for (;;) {
    const rest = shownAt + everyMs - performance.now();
    const piece =
      text === '' ? await coming : rest > 0 ? await within(rest, coming, () => undefined) : undefined;
    if (piece?.done) break;
    if (piece !== undefined) {
      text += piece.value;
      coming = ask();
    } else {
      yield text;
      text = '';
      shownAt = performance.now();
    }
  }
  if (text !== '') yield text;
}
