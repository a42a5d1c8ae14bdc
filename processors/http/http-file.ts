import { CellError } from '../core/processor.js';
import { refuseSpaced } from '../core/references.js';
import { boundaryOf, multipartText } from './multipart.js';

/** One request as a cell writes it; every part may hold references. */
export interface HttpFile {
  readonly method: string;
  /** An absolute URL, one that starts with a reference, or a path that starts with `/`. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'];
/** The client computes these from what it sends (RFC 9112 section 6). */
const COMPUTED = ['content-length', 'transfer-encoding', 'connection'];
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

/** True when a text starts with a method and a target, as any request does and no GraphQL query. */
export function startsWithRequest(text: string): boolean {
  const line = text.split('\n').find((each) => each.trim() !== '' && !isComment(each)) ?? '';
  return isRequestLine(line, true);
}

/**
 * Reads a request as the .http files of editors hold them: a request line, headers, an empty line, a body.
 * Sources: https://www.jetbrains.com/help/idea/exploring-http-syntax.html, https://httpyac.github.io/guide/request.html
 *
 * @param example a right request line, for messages
 * @param mayBePath whether the target may be a path, which starts with `/`
 * @throws {CellError} with the line, counted from the one after the cell's first
 */
export function parseHttpFile(text: string, example: string, mayBePath: boolean): HttpFile {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const first = lines.findIndex((line) => !isComment(line) && line.trim() !== '');
  if (first < 0) throw new CellError(`This cell needs a request line, e.g. ${example}.`);
  const [start, end] = targetFrom(lines, first);
  const [method, target] = parseRequestLine(start, first + 1, example);
  if (target.startsWith('/') && !mayBePath) throw noRequestLine(first + 1, example);

  // By the lower-case name, under the name as it was written first.
  const headers = new Map<string, [name: string, value: string]>();
  const following = followingLines(lines);
  let at = end;
  for (; at < lines.length && lines[at]?.trim() !== ''; at++) {
    const line = lines[at] ?? '';
    if (line.startsWith('###') && isRequestLine(lines[following[at] ?? -1])) throw several(at);
    if (isComment(line)) continue;
    const [name, value] = parseHeader(line, at + 1);
    const key = name.toLowerCase();
    const [known, before] = headers.get(key) ?? [name];
    // Several fields of one name are one list (RFC 9110 section 5.3); cookies have their own separator.
    const separator = key === 'cookie' ? '; ' : ', ';
    headers.set(key, [known, before === undefined ? value : before + separator + value]);
  }
  const body = bodyOf(lines, at + 1, following, headers.get('content-type')?.[1] ?? '');
  return {
    method,
    target,
    headers: Object.fromEntries(headers.values()),
    body: body === '' ? undefined : body,
  };
}

/** The text below the headers, to the end of the request. */
function bodyOf(
  all: readonly string[],
  from: number,
  following: readonly number[],
  contentType: string,
): string {
  const lines = all.slice(from, endOf(all, from, following));
  const script = lines.findIndex((line) => /^[<>] \{%/.test(line));
  if (script >= 0)
    throw new CellError(`Line ${from + script + 1}: scripts are not supported; use --out, and Python.`);
  if (/^\s*multipart\//i.test(contentType)) {
    const boundary = boundaryOf(contentType);
    if (boundary === undefined)
      throw new CellError(
        'A body in parts needs a boundary: Content-Type: multipart/form-data; boundary=abc',
      );
    return multipartText(lines, boundary, from + 1);
  }
  const body = lines.join('\n').trimEnd();
  if (/^<@?\s/.test(body))
    throw new CellError('A body from a file is not supported; read it into a variable.');
  return body;
}

/**
 * Where the request ends: `###` parts requests where another one follows, or nothing at all; anywhere else it is text, as
 * a heading of Markdown is.
 * @throws {CellError} where another one follows
 */
function endOf(lines: readonly string[], from: number, following: readonly number[]): number {
  const hasBody =
    lines
      .slice(from)
      .find((line) => line.trim() !== '')
      ?.startsWith('###') === false;
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (!line.startsWith('###')) continue;
    const next = lines[following[at] ?? -1];
    // Behind a body a bare URL may be text.
    if (isRequestLine(next, hasBody)) throw several(at);
    if (next === undefined && (/^#+\s*$/.test(line) || !hasBody)) return at;
  }
  return lines.length;
}

/** Of each line the next one that is neither empty nor a comment. */
function followingLines(lines: readonly string[]): readonly number[] {
  const following: number[] = new Array(lines.length);
  let next = -1;
  for (let at = lines.length - 1; at >= 0; at--) {
    following[at] = next;
    const line = lines[at] ?? '';
    if (line.trim() !== '' && !isComment(line)) next = at;
  }
  return following;
}

/**
 * The request line, whose target may continue on further lines.
 * @returns it, and the line behind it
 */
function targetFrom(lines: readonly string[], first: number): [line: string, end: number] {
  const parts = [withoutVersion(lines[first] ?? '')];
  let end = first + 1;
  for (let at = end; at < lines.length; ) {
    const line = lines[at] ?? '';
    if (isComment(line) && !line.startsWith('###')) at += 1;
    else if (/^\s*[?&]|^\s+\//.test(line)) {
      parts.push(withoutVersion(line));
      end = at += 1;
    } else break;
  }
  return [parts.join(''), end];
}

/** A version behind the target, as requests on the wire have it, says nothing here. */
function withoutVersion(line: string): string {
  const text = line.trim();
  const version = /\sHTTP\/[\d.]{1,5}$/i.exec(text.slice(-12))?.[0];
  return version === undefined ? text : text.slice(0, -version.length).trimEnd();
}

function several(at: number): CellError {
  return new CellError(`Line ${at + 1}: a cell sends one request. Write the next one in another cell.`);
}

function parseHeader(line: string, number: number): [name: string, value: string] {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon).trim();
  if (colon < 1 || !TOKEN.test(name)) {
    throw new CellError(
      `Line ${number}: expected a header like “Accept: application/json”, or an empty line.`,
    );
  }
  if (COMPUTED.includes(name.toLowerCase()))
    throw new CellError(`Leave out ${name}: it is set from the body.`);
  return [name, line.slice(colon + 1).trim()];
}

function parseRequestLine(line: string, number: number, example: string): [method: string, target: string] {
  if (!isRequestLine(line)) {
    // Perhaps its spaces are the mistake.
    refuseSpaced(line);
    throw noRequestLine(number, example);
  }
  const words = line.split(/\s+/, 2);
  return [(words.length > 1 ? (words[0] ?? '') : 'GET').toUpperCase(), words.at(-1) ?? ''];
}

/** @param needsMethod whether a bare URL is none */
function isRequestLine(line: string | undefined, needsMethod = false): boolean {
  const [first = '', second, more] = withoutVersion(line ?? '').split(/\s+/, 3);
  const target = second ?? first;
  if (more !== undefined || !/^(?:https?:\/\/|\{\{|\/)/i.test(target)) return false;
  return second === undefined ? !needsMethod : METHODS.includes(first.toUpperCase());
}

function noRequestLine(number: number, example: string): CellError {
  return new CellError(
    `Line ${number}: expected a request line like “${example}”. Methods: ${METHODS.join(', ')}.`,
  );
}

function isComment(line: string): boolean {
  return line.startsWith('#') || line.startsWith('//');
}
