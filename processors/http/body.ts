import { CellError } from '../core/processor.js';
import { jsonOf, type Value } from '../core/value.js';
import { bytesOf } from './bytes.js';
import { renderForm } from './form.js';
import { Markup } from './markup.js';
import { renderMultipart } from './multipart.js';
import { type Reference, type Template, textOf, type Values } from './template.js';

/** A plain word in any language: only such values go into a body of unknown type. */
const PLAIN_WORDS = /^[\w.@/+-]+(?: [\w.@/+-]+)*$/;

/** Media types of one JSON text a line. No name for it is registered. */
const JSON_LINES = /[/+.-](?:x-)?(?:ndjson|json-?lines?|jsonl|json-stream)$|\/stream\+json$/;
const JSON_SEQUENCE = /[/+]json-seq$/;

/** What begins a text of a JSON sequence (RFC 7464 section 2.2). */
const RECORD_SEPARATOR = '\x1e';

/** The media type of a body without a Content-Type header. */
export function guessType(template: Template, values: Values): string {
  const [first = ''] = template;
  if (typeof first !== 'string' && template.length === 1) {
    const type = values.get(first.reference)?.type;
    if (type === 'bytes') return 'application/octet-stream';
    return type === 'text' ? 'text/plain; charset=utf-8' : 'application/json';
  }
  const isJson = typeof first === 'string' && /^\s*[{[]/.test(first);
  return isJson ? 'application/json' : 'text/plain; charset=utf-8';
}

/**
 * A value is encoded for its place. One that is the whole body goes as it is, or as JSON.
 * @throws {CellError} for a value that isn't possible where the reference is
 */
export function renderBody(template: Template, contentType: string, values: Values): string | Buffer {
  const kind = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  const [whole] = template.length === 1 ? template : [];
  if (whole !== undefined && typeof whole !== 'string') {
    const bytes = bytesOf(whole, values);
    if (bytes !== undefined) return bytes;
    const value = values.get(whole.reference);
    if (value?.type === 'text') return ended(value.value, kind);
    if (value?.type === 'list' && JSON_LINES.test(kind)) return linesOf(value.value);
  }
  if (JSON_LINES.test(kind) || JSON_SEQUENCE.test(kind)) return ended(renderJson(template, values), kind);
  if (kind.endsWith('json')) return renderJson(template, values);
  if (kind === 'application/x-www-form-urlencoded') return renderForm(template, values);
  if (kind.startsWith('multipart/')) return renderMultipart(template, contentType, values);
  if (/\/xml$|\+xml$|\/html$/.test(kind) && template.length > 1) return renderMarkup(template, values);
  const isText = kind === '' || kind === 'text/plain' || template.length === 1;
  const encode = isText ? (value: string) => value : plainWords;
  return template
    .map((piece) => (typeof piece === 'string' ? piece : encode(textOf(piece, values), piece.reference)))
    .join('');
}

/** Each line of JSON lines ends; each text of a sequence is begun too. */
function ended(text: string, kind: string): string {
  if (text === '') return text;
  if (JSON_SEQUENCE.test(kind) && !text.includes(RECORD_SEPARATOR)) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line) => `${RECORD_SEPARATOR}${line}\n`).join('');
  }
  const isLines = JSON_LINES.test(kind) || JSON_SEQUENCE.test(kind);
  return isLines && !text.endsWith('\n') ? `${text}\n` : text;
}

function linesOf(items: readonly Value[]): string {
  return items.map((item) => `${jsonOf(item)}\n`).join('');
}

function plainWords(value: string, reference: string): string {
  if (PLAIN_WORDS.test(value)) return value;
  throw new CellError(
    `{{${reference}}} contains characters that may be syntax in a body of this type. ` +
      'Build the whole body in a variable, and write only its reference as the body.',
  );
}

function renderMarkup(template: Template, values: Values): string {
  const markup = new Markup();
  return template
    .map((piece) => {
      if (typeof piece !== 'string') return markup.encode(textOf(piece, values), piece.reference);
      markup.read(piece);
      return piece;
    })
    .join('');
}

function renderJson(template: Template, values: Values): string {
  const result: string[] = [];
  let inString = false;
  let escaped = false;
  for (const piece of template) {
    if (typeof piece !== 'string') {
      result.push(inString ? JSON.stringify(textOf(piece, values)).slice(1, -1) : jsonAt(piece, values));
      escaped = false;
      continue;
    }
    for (const character of piece) {
      if (escaped) escaped = false;
      else if (character === '\\') escaped = inString;
      else if (character === '"') inString = !inString;
    }
    result.push(piece);
  }
  return result.join('');
}

function jsonAt({ reference }: Reference, values: Values): string {
  const value = values.get(reference);
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  return jsonOf(value);
}
