import type { Span } from '../wire/json-text.js';
import type { Uncoloured } from './colours.js';

/** The text in a frame where a delivered value was. */
export const MASK = '***';

/** A range of a text with masks for spans; a span that reaches beyond the range's start has its mask already. */
export function masked(plain: Uncoloured, spans: readonly Span[], range: Span): string {
  let result = '';
  let at = range.start;
  for (const { start, end } of spans) {
    if (start >= range.end) break;
    if (end <= range.start) continue;
    const stop = Math.min(end, range.end);
    if (start >= at) result += plain.slice(at, start) + MASK;
    result += plain.codes(Math.max(start, at), stop);
    at = stop;
  }
  return result + plain.slice(at, range.end);
}
