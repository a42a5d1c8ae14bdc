import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { compoundName, isPlain, type Value } from '../core/value.js';

/** The place of a value in a text. */
export interface Reference {
  readonly reference: string;
}

/** A text cut at its references. */
export type Template = readonly (string | Reference)[];

/** Values by reference. */
export type Values = ReadonlyMap<string, Value>;

/** What the author may write in path and query. Characters that no URL contains are encoded for them. */
const SYNTAX = "%/:?[]@!$&'()*+,;=~";
/** RFC 9110 section 5.5: a control character can be read as the end of the field. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/**
 * Cuts a text into literal pieces and references; an odd number of backslashes before `{{` makes it literal.
 * @param raw nothing is a reference
 */
export function cut(text: string, raw = false): Template {
  if (raw) return [text];
  const pieces: (string | Reference)[] = [];
  let literal = '';
  let end = 0;
  for (const match of text.matchAll(/(?<!\\)(\\*)\{\{/g)) {
    const slashes = match[1]?.length ?? 0;
    const start = match.index + slashes;
    if (slashes % 2 === 1) {
      literal += text.slice(end, start - 1);
      end = start;
      continue;
    }
    const reference = referenceAt(text, start);
    if (reference === undefined) continue;
    literal += text.slice(end, start);
    if (literal !== '') pieces.push(literal);
    literal = '';
    pieces.push({ reference });
    end = start + reference.length + 4;
  }
  literal += text.slice(end);
  return literal === '' ? pieces : [...pieces, literal];
}

/** @throws {CellError} for a value that services read in different ways: a list, a dict, None */
export function textOf({ reference }: Reference, values: Values): string {
  const value = values.get(reference);
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  if (!isPlain(value)) {
    throw new CellError(
      `{{${reference}}} is ${compoundName(value)}; only text, numbers and dates can be used here.`,
    );
  }
  return String(value.value);
}

/**
 * A text with its values as they are: for a parameter that is encoded as a whole, never for a language.
 *
 * @throws {CellError} for a value that is no plain one
 */
export function renderText(text: string, values: Values): string {
  return cut(text)
    .map((piece) => (typeof piece === 'string' ? piece : textOf(piece, values)))
    .join('');
}

/**
 * Path and query with each value encoded, so that it can't become syntax (invariant S11).
 * @returns e.g. `/things/a%2Fb?x=1%262`
 */
export function renderTarget(template: Template, values: Values): string {
  if (template.some((piece) => typeof piece === 'string' && /[\s\\]/.test(piece)))
    throw new CellError('The path contains white space or a backslash.');
  const result: string[] = [];
  // The last segment of the path, as far as it can be a step: `%2E%2E`, and one more.
  let segment = '';
  const put = (text: string) => {
    result.push(text);
    const slash = text.lastIndexOf('/');
    segment = slash < 0 ? (segment + text).slice(0, 7) : text.slice(slash + 1, slash + 8);
  };
  let inQuery = false;
  for (const piece of template) {
    if (typeof piece === 'string') {
      const [text = '', fragment] = piece.split('#', 2);
      inQuery ||= text.includes('?');
      put(percentEncoded(text, SYNTAX));
      if (fragment !== undefined) break;
      continue;
    }
    const value = textOf(piece, values);
    if (value === '' && !inQuery)
      throw new CellError(`{{${piece.reference}}} is empty, which would change the path.`);
    put(percentEncoded(value, ''));
    if (!inQuery && /^(?:\.|%2e){1,2}$/i.test(segment))
      throw new CellError(`{{${piece.reference}}} would lead to another folder of the URL.`);
  }
  return result.join('');
}

/** @throws {CellError} for a value that would be more than the value of this header */
export function renderHeader(name: string, template: Template, values: Values): string {
  const isAlone = template.length === 1;
  const basic = name.toLowerCase() === 'authorization' ? basicCredentials(template, values) : undefined;
  if (basic !== undefined) return `Basic ${Buffer.from(basic).toString('base64')}`;
  if (name.toLowerCase() === 'cookie' && !isAlone) {
    for (const piece of template) {
      if (typeof piece !== 'string' && textOf(piece, values).includes(';'))
        throw new CellError(`{{${piece.reference}}} contains a semicolon, which would start another cookie.`);
    }
  }
  const value = template.map((piece) => (typeof piece === 'string' ? piece : textOf(piece, values))).join('');
  if (CONTROL.test(value))
    throw new CellError(`The value of header ${name} contains a line break or another control character.`);
  if (/[^\x00-\xff]/.test(value))
    throw new CellError(`The value of header ${name} contains characters that HTTP can't send there.`);
  return value;
}

/**
 * `Basic user password` and `Basic user:password`, which .http files leave to the client to encode.
 * @returns `user:password`; undefined for anything else
 */
function basicCredentials(template: Template, values: Values): string | undefined {
  const [first = ''] = template;
  if (typeof first !== 'string' || !/^basic /i.test(first)) return undefined;
  let user = '';
  let password: string | undefined;
  for (const piece of [first.slice(6).trimStart(), ...template.slice(1)]) {
    const text = typeof piece === 'string' ? piece : textOf(piece, values);
    if (password === undefined && typeof piece === 'string') {
      const [before = '', after] = text.split(/:(.*)|\s+(.*)/s).filter((part) => part !== undefined);
      user += before;
      password = after;
      continue;
    }
    if (password === undefined && text.includes(':') && typeof piece !== 'string')
      throw new CellError(`{{${piece.reference}}} contains a colon, which would end the user's name.`);
    if (password === undefined) user += text;
    else password += text;
  }
  return password === undefined ? undefined : `${user}:${password}`;
}

/** As UTF-8; letters, digits, `_`, `-`, `.` and `~` always stay (RFC 3986 section 2.3). */
export function percentEncoded(text: string, safe: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      const stays = byte < 0x80 && (/[\w.~-]/.test(character) || safe.includes(character));
      return stays ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
