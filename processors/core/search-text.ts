import { CellError } from './processor.js';
import { referenceAt } from './references.js';
import { compoundName, isPlain, type Value } from './value.js';

/** The characters that a query language of Lucene's kind reads as its own. */
export interface SearchSyntax {
  /** Of the language, for messages. */
  readonly name: string;
  /** Each of these can stand behind a backslash. */
  readonly special: RegExp;
  /** These mean something even there: a value with one of them has to stand in quotes. */
  readonly unescapable?: RegExp;
  /** True where `/…/` is a regular expression. */
  readonly hasPatterns: boolean;
}

/** Reads as itself wherever a word can stand. */
const WORD = /^(?!(?:AND|OR|NOT|TO|IN)$)[\p{L}\p{N}_][\p{L}\p{N}_.]*$/u;
const CONTROL = /\p{Cc}/u;

/** Characters before a reference that tell what can stand there. */
const REACH = 4;

/**
 * Puts kernel variables into a search query by the language's rules (invariant S11): in quotes a value is escaped for
 * them; where a term can stand, it becomes one word or a phrase in quotes; as a part of a word its special characters are
 * escaped. A list becomes alternatives in parentheses.
 *
 * @throws {CellError} for a value that can't stand where the reference is
 */
export function renderSearch(
  query: string,
  values: ReadonlyMap<string, Value>,
  syntax: SearchSyntax,
): string {
  let result = '';
  let isQuoted = false;
  let isPattern = false;
  for (let at = 0; at < query.length; ) {
    // A backslash takes what is behind it along, so that none is before this.
    const reference = query.startsWith('{{', at) ? referenceAt(query, at) : undefined;
    if (reference !== undefined) {
      if (isPattern)
        throw new CellError(
          `{{${reference}}} is in a regular expression, where values can't be put in. Use quotes or a wildcard.`,
        );
      const end = at + reference.length + 4;
      const value = values.get(reference);
      if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
      result += isQuoted
        ? inQuotes(textOf(reference, value, syntax))
        : placed(reference, value, result.slice(-REACH), query.slice(end, end + 1), syntax);
      at = end;
      continue;
    }
    if (query.startsWith('\\{{', at)) {
      result += '{{';
      at += 3;
      continue;
    }
    const character = query[at] ?? '';
    if (character === '\\') {
      result += query.slice(at, at + 2);
      at += 2;
      continue;
    }
    if (character === '"' && !isPattern) isQuoted = !isQuoted;
    else if (character === '/' && syntax.hasPatterns && !isQuoted) isPattern = !isPattern;
    result += character;
    at += 1;
  }
  return result;
}

/** @param before the last characters up to here @param after the next character */
function placed(
  reference: string,
  value: Value,
  before: string,
  after: string,
  syntax: SearchSyntax,
): string {
  const startsTerm = /(?:^|[\s:(=<>[{])$/.test(before);
  const isTerm = startsTerm && /^[\s)\]}]?$/.test(after);
  if (value.type === 'list') {
    if (!isTerm || /[<>=[{]$/.test(before))
      throw new CellError(`{{${reference}}} is a list: write it as a whole term, e.g. service:{{names}}.`);
    if (value.value.length === 0)
      throw new CellError(`{{${reference}}} is an empty list: nothing matches it.`);
    return `(${value.value.map((each) => termOf(textOf(reference, each, syntax))).join(' OR ')})`;
  }
  const text = textOf(reference, value, syntax);
  // Behind a colon, a comparison or the bounds of a range a minus is a number's.
  const isNumber = value.type === 'number' && (/^\d/.test(text) || /(?:[:<>=[{]|TO )$/.test(before));
  if (isTerm) return isNumber ? text : termOf(text);
  if (value.type === 'number' && /^[\d.]+$/.test(text)) return text;
  if (text === '' || CONTROL.test(text) || syntax.unescapable?.test(text))
    throw new CellError(
      `{{${reference}}} can't be a part of a word here. Write it in quotes: "{{${reference}}}".`,
    );
  return text.replace(syntax.special, '\\$&');
}

function termOf(text: string): string {
  return WORD.test(text) ? text : `"${inQuotes(text)}"`;
}

function inQuotes(text: string): string {
  return text.replace(/[\\"]/g, '\\$&');
}

function textOf(reference: string, value: Value, { name }: SearchSyntax): string {
  if (isPlain(value)) return String(value.value);
  throw new CellError(`{{${reference}}} is ${compoundName(value)}. ${name} has no such value.`);
}
