import { CellError } from '../processor.js';
import { jsonOf } from '../value.js';
import { percentEncoded, type Reference, type Template, textOf, type Values } from './template.js';

/** What is only a word in whatever language: the values of a body whose type isn't known here. */
const PLAIN_WORDS = /^[\w.@/+-]+(?: [\w.@/+-]+)*$/;
/** Source: XML 1.0, production 2 (Char); with `u` a surrogate is one that stands alone. */
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/u;
const COMPLETE_MARKUP =
  /<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<![A-Za-z][^<>]*>|<(?![!?])(?:"[^"]*"|'[^']*'|[^"'<>])*>/gs;

/** The media type of a body without a Content-Type header. */
export function guessType(template: Template, values: Values): string {
  const [first = ''] = template;
  const isJson =
    typeof first === 'string'
      ? /^\s*[{[]/.test(first)
      : template.length === 1 && values.get(first.reference)?.type !== 'text';
  return isJson ? 'application/json' : 'text/plain; charset=utf-8';
}

/**
 * A value is encoded for the place that it stands in; one that is the whole body goes as it is, or as JSON.
 * @throws {CellError} for a value that can't stand where the reference is
 */
export function renderBody(template: Template, contentType: string, values: Values): string {
  const kind = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (/jsonl?$/.test(kind)) return renderJson(template, values);
  let encode: (value: string, reference: string, before: string) => string = plainWords;
  let pieces = template;
  if (kind === '' || kind === 'text/plain' || template.length === 1) encode = (value) => value;
  else if (kind === 'application/x-www-form-urlencoded') {
    encode = (value) => percentEncoded(value, '').replaceAll('%20', '+');
    // Editors let a form go on in a line that starts with &.
    pieces = template.map((piece) => (typeof piece === 'string' ? piece.replace(/\s*\n\s*&/g, '&') : piece));
  } else if (/\/xml$|\+xml$|\/html$/.test(kind)) encode = markupText;
  let result = '';
  for (const piece of pieces) {
    result += typeof piece === 'string' ? piece : encode(textOf(piece, values), piece.reference, result);
  }
  return result;
}

function plainWords(value: string, reference: string): string {
  if (PLAIN_WORDS.test(value)) return value;
  throw new CellError(
    `{{${reference}}} holds characters that may be syntax in a body of this type. ` +
      'Build the whole body in a variable, and let a reference to it be the body.',
  );
}

/** Text of an element or of a quoted attribute; anywhere else an encoded value would be none. */
function markupText(value: string, reference: string, before: string): string {
  const open = before.replace(COMPLETE_MARKUP, '');
  const start = open.indexOf('<');
  if (start >= 0) {
    const tag = open.slice(start + 1);
    const unquoted = tag.replace(/"[^"]*"|'[^']*'/g, '');
    if (/^[!?]/.test(tag) || !/["']/.test(unquoted)) {
      throw new CellError(
        `{{${reference}}} can only be the text of an element or stand in a quoted attribute.`,
      );
    }
  }
  if (NOT_XML.test(value)) throw new CellError(`{{${reference}}} holds characters that XML can't hold.`);
  // Line ends as numbers: a parser would change them.
  return value.replace(/[&<>"'\r\n\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function renderJson(template: Template, values: Values): string {
  let result = '';
  let inString = false;
  let escaped = false;
  for (const piece of template) {
    if (typeof piece !== 'string') {
      result += inString ? JSON.stringify(textOf(piece, values)).slice(1, -1) : jsonAt(piece, values);
      escaped = false;
      continue;
    }
    for (const character of piece) {
      if (escaped) escaped = false;
      else if (character === '\\') escaped = inString;
      else if (character === '"') inString = !inString;
    }
    result += piece;
  }
  return result;
}

function jsonAt({ reference }: Reference, values: Values): string {
  const value = values.get(reference);
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  return jsonOf(value);
}
