import type { Span } from '../wire/json-text.js';

/**
 * Finding one form of a value, whatever it is made of: of a value that repeats itself (`0000`) a long run of the same is one
 * place, found in one pass, not one for each of its characters.
 */
export class Pattern {
  readonly text: string;
  /** The least shift by which the form overlaps itself; its length where it doesn't. */
  readonly #period: number;

  constructor(text: string) {
    this.text = text;
    this.#period = text.length - (borders(text).at(-1) ?? 0);
  }

  /** @param found gets every place of the form, those that overlap as one */
  find(text: string, found: Span[]): void {
    const { length } = this.text;
    for (let start = text.indexOf(this.text); start !== -1; ) {
      let end = start + length;
      while (end < text.length && text.charCodeAt(end) === text.charCodeAt(end - this.#period)) end++;
      const last = start + Math.floor((end - start - length) / this.#period) * this.#period;
      found.push({ start, end: last + length });
      start = text.indexOf(this.text, last + 1);
    }
  }

  /** @returns the first index, from `from` on, from which the text's end is the beginning of the form; `before` when none is */
  openStart(text: string, before: number): number {
    const first = this.text.charAt(0);
    const from = Math.max(0, text.length - this.text.length + 1);
    let tries = 0;
    for (let at = text.indexOf(first, from); at !== -1 && at < before; at = text.indexOf(first, at + 1)) {
      if (this.text.startsWith(text.slice(at))) return at;
      if (++tries === MOST_TRIES) return Math.min(before, text.length - this.#overlap(text.slice(from)));
    }
    return before;
  }

  /** How long the longest end of a text is that begins the form: in one pass (Knuth, Morris, Pratt). */
  #overlap(text: string): number {
    const table = borders(this.text);
    let matched = 0;
    for (let at = 0; at < text.length; at++) {
      while (matched > 0 && text.charCodeAt(at) !== this.text.charCodeAt(matched))
        matched = table[matched - 1] ?? 0;
      if (text.charCodeAt(at) === this.text.charCodeAt(matched)) matched++;
    }
    return matched;
  }
}

/** After so many beginnings that came to nothing the text repeats itself, and another way is faster. */
const MOST_TRIES = 32;

/** For each beginning of a text: how long the longest other beginning is with which it ends. */
function borders(text: string): Uint32Array {
  const table = new Uint32Array(text.length);
  let length = 0;
  for (let at = 1; at < text.length; at++) {
    while (length > 0 && text.charCodeAt(at) !== text.charCodeAt(length)) length = table[length - 1] ?? 0;
    if (text.charCodeAt(at) === text.charCodeAt(length)) length++;
    table[at] = length;
  }
  return table;
}

/** @returns the same places in order; those that overlap are one */
export function merged(spans: Span[]): readonly Span[] {
  if (spans.length < 2) return spans;
  spans.sort((a, b) => a.start - b.start || b.end - a.end);
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = result.at(-1);
    if (last && start < last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}
