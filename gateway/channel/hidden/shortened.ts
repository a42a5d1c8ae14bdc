import type { Span } from '../wire/json-text.js';

/**
 * A piece of a value that a display cut is hidden from this length on: shorter ones are no secret any more, and stand beside
 * an ellipsis by chance (`https://…`). Python's reprlib shows 12 characters before its dots.
 */
const SHORTEST_PIECE = 12;

/**
 * What displays write in the place of what they leave out: pandas, reprlib and IPython `...`, `%whos` `<...>`, textwrap
 * `[...]`, unittest `[65 chars]`, rich `'+65`, this runtime and many others `…`. In bytes read as Latin-1 the latter is three
 * characters.
 */
const ELLIPSIS =
  /(?:\| __truncated__ ?)?\.{3,}|…|\u00e2\u0080\u00a6|\\u2026|&hellip;|\[\d{1,9} chars\]|(?<=['"])\+\d{1,9}/g;
const HAS_ELLIPSIS = ['...', '\u00e2\u0080\u00a6', '\\u2026', '&hellip;', ' chars]'];

const QUOTE = 0x22;
const APOSTROPHE = 0x27;

/** What may stand between the piece and the ellipsis: brackets, a bar, a space, a closing quote. */
const LONGEST_BETWEEN = 4;
const BETWEEN = /[\s'"`|()[\]<>{}]/;

/** An end of a value is tried at so many places of its form: one that repeats itself has many that fit. */
const MOST_TRIES = 50;

/** A fast test of a text in UTF-8: bytes, or a text of one character for each. */
export function mayBeShortened(utf8: Buffer | string): boolean {
  if (typeof utf8 !== 'string')
    return HAS_ELLIPSIS.some((mark) => utf8.includes(mark, 0, 'latin1')) || isCounted(utf8);
  for (const mark of HAS_ELLIPSIS) if (utf8.includes(mark)) return true;
  return isCounted(utf8);
}

/** A plus sign behind a quote. Plus signs are looked for: JSON has a quote in every line, and a search stops at each. */
function isCounted(utf8: Buffer | string): boolean {
  for (let at = utf8.indexOf('+'); at !== -1; at = utf8.indexOf('+', at + 1)) {
    const before = typeof utf8 === 'string' ? utf8.charCodeAt(at - 1) : utf8[at - 1];
    if (before === QUOTE || before === APOSTROPHE) return true;
  }
  return false;
}

/**
 * Of a message that holds none of these no piece of a value can have been cut off.
 *
 * @param forms all ways to write a value, first as it is
 * @returns texts of which every piece that is hidden contains one; an empty one where no such text is known
 */
export function tracesOfPieces(forms: readonly string[]): readonly string[] {
  if (forms.every(({ length }) => length <= SHORTEST_PIECE)) return [];
  const heads = forms.map((form) => form.slice(0, SHORTEST_PIECE));
  const tails = forms.map((form) => form.slice(-SHORTEST_PIECE));
  return [...new Set([heads, tails].flatMap(coverOf))];
}

/** One text that all have, or one for each. */
function coverOf(pieces: readonly string[]): readonly string[] {
  const common = commonRun(pieces);
  return common === '' ? pieces.map((piece) => runsOf(piece)[0] ?? '') : [common];
}

/** What stays as it is however often a text is escaped, longest first. */
function runsOf(text: string): readonly string[] {
  return (text.match(/[A-Za-z0-9_.-]+/g) ?? []).sort((a, b) => b.length - a.length);
}

function commonRun(texts: readonly string[]): string {
  for (const run of runsOf(texts[0] ?? '')) {
    // An end that other forms push out of the piece isn't in all of them.
    for (let length = run.length; length >= 3; length--) {
      for (const part of [run.slice(0, length), run.slice(-length)]) {
        if (texts.every((text) => text.includes(part))) return part;
      }
    }
  }
  return '';
}

/**
 * Finds pieces of values beside an ellipsis.
 *
 * @param values the forms of each
 * @param mayStandIn a fast test: false for what is in no form
 * @param found gets where they stand
 */
export function findPieces(
  text: string,
  values: readonly (readonly string[])[],
  mayStandIn: (piece: string) => boolean,
  found: Span[],
): void {
  for (const { index, 0: mark } of text.matchAll(ELLIPSIS)) {
    for (const end of borders(text, index, -1)) {
      const key = text.slice(Math.max(0, end - SHORTEST_PIECE), end);
      if (key.length < SHORTEST_PIECE || !mayStandIn(key)) continue;
      for (const forms of values) {
        const start = beginningBefore(text, end, key, forms);
        if (start < end) found.push({ start, end });
      }
    }
    for (const start of borders(text, index + mark.length, 1)) {
      const key = text.slice(start, start + SHORTEST_PIECE);
      if (key.length < SHORTEST_PIECE || !mayStandIn(key)) continue;
      for (const forms of values) {
        const end = endAfter(text, start, key, forms);
        if (end > start) found.push({ start, end });
      }
    }
  }
}

/** Where a piece may end before an ellipsis, or start behind it. */
function borders(text: string, at: number, step: 1 | -1): readonly number[] {
  const all = [at];
  for (let border = at; all.length <= LONGEST_BETWEEN; ) {
    if (!BETWEEN.test(text.charAt(step > 0 ? border : border - 1))) break;
    border += step;
    all.push(border);
  }
  return all;
}

/**
 * What was cut twice has lost both its ends, so that a piece of more than {@link SHORTEST_PIECE} counts wherever in the form
 * it is.
 *
 * @param key the last characters of the piece
 */
function beginningBefore(text: string, end: number, key: string, forms: readonly string[]): number {
  let longest = 0;
  for (const form of forms) {
    let tries = 0;
    for (let at = form.lastIndexOf(key); at !== -1 && tries < MOST_TRIES; tries++) {
      if (at + key.length <= longest) break;
      let length = key.length;
      while (length < at + key.length && text[end - length - 1] === form[at + key.length - length - 1])
        length++;
      if (length > key.length || at === 0) longest = Math.max(longest, length);
      at = at === 0 ? -1 : form.lastIndexOf(key, at - 1);
    }
  }
  return end - longest;
}

/** @param key the first characters of the piece */
function endAfter(text: string, start: number, key: string, forms: readonly string[]): number {
  let longest = 0;
  for (const form of forms) {
    let tries = 0;
    for (let at = form.indexOf(key); at !== -1 && tries < MOST_TRIES; tries++) {
      if (form.length - at <= longest) break;
      let length = key.length;
      while (at + length < form.length && text[start + length] === form[at + length]) length++;
      if (length > key.length || at + length === form.length) longest = Math.max(longest, length);
      at = form.indexOf(key, at + 1);
    }
  }
  return start + longest;
}
