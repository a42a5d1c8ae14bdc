/**
 * Reading JSON as text, for the places where a parsed value would lose something: Python writes NaN and
 * Infinity, and a JavaScript round trip changes big integers and `1.0`.
 */

/** No object of the protocol has more than some dozens; a frame has room for millions. */
const MOST_MEMBERS = 100_000;

/** A half-open range `[start, end)` of string indices. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the values of a JSON object's own keys.
 *
 * @param text a JSON object; nothing below its first level is read beyond brackets and strings
 * @returns where each value is in `text`; the last one wins for a repeated key, as in every JSON parser
 * @throws {SyntaxError} when `text` is not an object whose brackets and strings close
 */
export function memberSpans(text: string): Map<string, Span> {
  const spans = new Map<string, Span>();
  let at = skipSpace(text, 0);
  at = expect(text, at, '{');
  if (text[at] === '}') return ended(text, at + 1, spans);
  for (;;) {
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const start = expect(text, skipSpace(text, keyEnd), ':');
    const end = valueEnd(text, start);
    spans.set(key, { start, end });
    if (spans.size > MOST_MEMBERS) throw new SyntaxError('too many members');
    at = skipSpace(text, end);
    if (text[at] === '}') return ended(text, at + 1, spans);
    at = expect(text, at, ',');
  }
}

/**
 * Sets members of a JSON object; every other one keeps its text, so that no number or nesting is read.
 *
 * @param members JSON text by key; undefined removes the member
 */
export function withMembers(text: string, members: Readonly<Record<string, string | undefined>>): string {
  const kept = [...memberSpans(text)].filter(([key]) => !Object.hasOwn(members, key));
  const texts = kept.map(([key, { start, end }]) => `${JSON.stringify(key)}: ${text.slice(start, end)}`);
  for (const [key, value] of Object.entries(members))
    if (value !== undefined) texts.push(`${JSON.stringify(key)}: ${value}`);
  return `{${texts.join(', ')}}`;
}

const NOT_A_NUMBER = /-?Infinity|NaN/g;

/**
 * Reads JSON as Python's parser does: NaN and Infinity too, which become null.
 *
 * @throws {SyntaxError}
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(mapBare(text, (bare) => bare.replace(NOT_A_NUMBER, 'null')));
  }
}

/**
 * Reads a JSON object's strings, and of its other members what is small together: parsed, a large one takes thirty times
 * its size in memory (invariant S14).
 *
 * @param most how much of other members is read, in characters
 * @throws {SyntaxError}
 */
export function parseSmall(text: string, most: number): Record<string, unknown> {
  let left = most;
  const entries: [string, unknown][] = [];
  for (const [key, { start, end }] of memberSpans(text)) {
    if (text[start] !== '"') {
      if (end - start > left) continue;
      left -= end - start;
    }
    entries.push([key, parseJson(text.slice(start, end))]);
  }
  return Object.fromEntries(entries);
}

/**
 * Maps the text between the strings of a JSON text. A string without an end ends the work.
 *
 * @throws {SyntaxError}
 */
export function mapBare(text: string, change: (bare: string) => string): string {
  let result = '';
  let at = 0;
  for (;;) {
    const quote = text.indexOf('"', at);
    result += change(text.slice(at, quote === -1 ? text.length : quote));
    if (quote === -1) return result;
    at = stringEnd(text, quote);
    result += text.slice(quote, at);
  }
}

/**
 * Maps every string literal of a JSON text, keys included; everything else stays as it is.
 *
 * @param change gets the decoded string; its answer is written back only where it differs
 */
export function mapStrings(text: string, change: (value: string) => string): string {
  let result = '';
  let copied = 0;
  let start = text.indexOf('"');
  while (start !== -1) {
    const end = stringEnd(text, start);
    const value = decodeString(text.slice(start, end));
    const changed = value === undefined ? undefined : change(value);
    if (changed !== undefined && changed !== value) {
      result += text.slice(copied, start) + JSON.stringify(changed);
      copied = end;
    }
    start = text.indexOf('"', end);
  }
  return result + text.slice(copied);
}

function decodeString(literal: string): string | undefined {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return undefined;
  }
}

function ended(text: string, at: number, spans: Map<string, Span>): Map<string, Span> {
  if (skipSpace(text, at) !== text.length) throw new SyntaxError('text after the JSON object');
  return spans;
}

export function skipSpace(text: string, at: number): number {
  let next = at;
  while (isSpace(text[next])) next++;
  return next;
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\n' || character === '\r' || character === '\t';
}

function expect(text: string, at: number, character: string): number {
  if (text[at] !== character) throw new SyntaxError(`expected ${character} at ${at}`);
  return skipSpace(text, at + 1);
}

/** @returns the index after the string literal that starts at `at`; escaped quotes don't end it */
export function stringEnd(text: string, at: number): number {
  if (text[at] !== '"') throw new SyntaxError(`expected a string at ${at}`);
  let quote = at;
  for (;;) {
    quote = text.indexOf('"', quote + 1);
    if (quote === -1) throw new SyntaxError(`the string at ${at} has no end`);
    let before = quote;
    while (text[before - 1] === '\\') before--;
    if ((quote - before) % 2 === 0) return quote + 1;
  }
}

function valueEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      at = stringEnd(text, at);
      continue;
    }
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') {
      if (depth === 0) break;
      depth--;
    } else if (character === ',' && depth === 0) break;
    at++;
  }
  let end = at;
  while (end > start && isSpace(text[end - 1])) end--;
  if (depth !== 0 || end === start || at >= text.length) throw new SyntaxError(`no value at ${start}`);
  return end;
}
