import { CellError } from './cell-error.js';
import { referenceAt } from './references.js';
import { compoundName, isPlain, type Value } from './value.js';

/** A place between two marks where a language has a text. */
export interface Quotes {
  readonly open: string;
  readonly close: string;
  /** Whether a backslash takes the next character's meaning away. */
  readonly hasEscapes: boolean;
  /** The value as it is written there. @throws {CellError} for one that can't be */
  readonly write: (text: string, reference: string) => string;
  /** Whether it may begin here, where its mark means something else too; default always. */
  readonly beginsAfter?: (before: string) => boolean;
}

/** As much of a language as it takes to put values into its texts. */
export interface Language {
  /** Those whose marks begin alike: the longest first. */
  readonly quotes: readonly Quotes[];
  /** What begins a comment, up to the end of its line. */
  readonly comments: readonly string[];
  /** A value outside of quotes and comments. @throws {CellError} for one that can't be there */
  readonly bare: (value: Value, reference: string) => string;
}

/** Characters before a mark that are looked at. */
const REACH = 40;

/**
 * Puts kernel variables into a query by the rules of its language (invariant S11): a value never ends the text that it
 * is in, and outside of one it is a literal.
 *
 * @throws {CellError} for a value that can't stand where its reference is
 */
export function placeValues(
  query: string,
  values: ReadonlyMap<string, Value>,
  { quotes, comments, bare }: Language,
): string {
  let result = '';
  let inside: Quotes | undefined;
  for (let at = 0; at < query.length; ) {
    if (query.startsWith('\\{{', at)) {
      result += '{{';
      at += 3;
      continue;
    }
    const reference = query.startsWith('{{', at) ? referenceAt(query, at) : undefined;
    if (reference !== undefined) {
      const value = values.get(reference);
      if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
      result +=
        inside === undefined ? bare(value, reference) : inside.write(textOf(value, reference), reference);
      at += reference.length + 4;
      continue;
    }
    let length = 1;
    if (inside !== undefined) {
      if (inside.hasEscapes && query[at] === '\\') length = 2;
      else if (query.startsWith(inside.close, at)) {
        length = inside.close.length;
        // Twice is one of them, where there are no other escapes.
        if (!inside.hasEscapes && query.startsWith(inside.close, at + length)) length *= 2;
        else inside = undefined;
      }
    } else if (comments.some((mark) => query.startsWith(mark, at))) {
      const end = query.indexOf('\n', at);
      length = (end < 0 ? query.length : end) - at;
    } else {
      const before = query.slice(Math.max(0, at - REACH), at).trimEnd();
      inside = quotes.find(
        ({ open, beginsAfter }) => query.startsWith(open, at) && beginsAfter?.(before) !== false,
      );
      length = inside?.open.length ?? 1;
    }
    result += query.slice(at, at + length);
    at += length;
  }
  return result;
}

/** @throws {CellError} for a value that has no text: a list, a dict, None */
export function textOf(value: Value, reference: string): string {
  if (isPlain(value)) return String(value.value);
  throw new CellError(
    `{{${reference}}} is ${compoundName(value)}. Only text, numbers and dates can be used here.`,
  );
}

/** Inside quotes with backslash escapes, as in C and JSON. */
export function escapedFor(close: string): (text: string) => string {
  return (text) =>
    text.replace(/[\\"'`\n\r\t]/g, (character) => {
      if (character === '\n') return '\\n';
      if (character === '\r') return '\\r';
      if (character === '\t') return '\\t';
      return character === '\\' || character === close ? `\\${character}` : character;
    });
}

/** Where a language has no way to write them: quotes, backslashes, line breaks. @throws {CellError} */
export function plainOnly(text: string, reference: string): string {
  if (!/[\\"'`\x00-\x1f\x7f]/.test(text)) return text;
  throw new CellError(
    `{{${reference}}} contains a quote, a backslash or a line break, which can't be written here.`,
  );
}
