import { CellError } from '../processor.js';

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
const REQUEST_LINE = /^\s*(?:([A-Za-z]+)[ \t]+)?(\S+?)(?:[ \t]+HTTP\/[\d.]+)?\s*$/;

/** True when a text starts with a method and a target, as any request does and no GraphQL query. */
export function startsWithRequest(text: string): boolean {
  const line = text.split('\n').find((each) => each.trim() !== '' && !isComment(each)) ?? '';
  return METHODS.includes(REQUEST_LINE.exec(line)?.[1]?.toUpperCase() ?? '');
}

/**
 * Reads a request as the .http files of editors hold them: a request line, headers, an empty line, a body.
 *
 * @param example a right request line, for messages
 * @param mayBePath whether the target may be a path, which starts with `/`
 * @throws {CellError} with the line, counted from the one after the cell's first
 */
export function parseHttpFile(text: string, example: string, mayBePath: boolean): HttpFile {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const first = lines.findIndex((line) => !isComment(line) && line.trim() !== '');
  if (first < 0) throw new CellError(`This cell needs a request line, e.g. ${example}.`);
  const end = lines.findIndex((line, index) => index > first && line.startsWith('###'));
  if (end >= 0 && lines.slice(end).some((line) => line.trim() !== '' && !isComment(line))) {
    throw new CellError(`Line ${end + 1}: one request in a cell; write the next one in a cell of its own.`);
  }
  const request = end < 0 ? lines : lines.slice(0, end);
  let at = first + 1;
  const [method, start] = parseRequestLine(request[first] ?? '', at, example);
  if (start.startsWith('/') && !mayBePath) throw noRequestLine(at, example);
  let target = start;
  for (; /^[ \t]+[?&]/.test(request[at] ?? ''); at++) target += request[at]?.trim() ?? '';

  // By the lower-case name, under the name as it was written first.
  const headers = new Map<string, [name: string, value: string]>();
  for (; at < request.length && request[at]?.trim() !== ''; at++) {
    const line = request[at] ?? '';
    if (isComment(line)) continue;
    const [name, value] = parseHeader(line, at + 1);
    const key = name.toLowerCase();
    const [known, before] = headers.get(key) ?? [name];
    // Several fields of one name are one list (RFC 9110 section 5.3); cookies have their own separator.
    const separator = key === 'cookie' ? '; ' : ', ';
    headers.set(key, [known, before === undefined ? value : before + separator + value]);
  }
  const body = request
    .slice(at + 1)
    .join('\n')
    .trimEnd();
  if (/^<@?\s/.test(body))
    throw new CellError('A body from a file is not supported; read it into a variable.');
  return {
    method,
    target,
    headers: Object.fromEntries(headers.values()),
    body: body === '' ? undefined : body,
  };
}

function parseHeader(line: string, number: number): [name: string, value: string] {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon).trim();
  if (colon < 1 || !TOKEN.test(name)) {
    throw new CellError(
      `Line ${number}: expected a header like “Accept: application/json”, or an empty line.`,
    );
  }
  if (COMPUTED.includes(name.toLowerCase())) {
    throw new CellError(`Leave out ${name}: it follows from the body.`);
  }
  return [name, line.slice(colon + 1).trim()];
}

function parseRequestLine(line: string, number: number, example: string): [method: string, target: string] {
  const match = REQUEST_LINE.exec(line);
  const method = (match?.[1] ?? 'GET').toUpperCase();
  const target = match?.[2] ?? '';
  if (!METHODS.includes(method) || !/^(?:https?:\/\/|\{\{|\/)/i.test(target)) {
    throw noRequestLine(number, example);
  }
  return [method, target];
}

function noRequestLine(number: number, example: string): CellError {
  return new CellError(
    `Line ${number}: expected a request line like “${example}”. Methods: ${METHODS.join(', ')}.`,
  );
}

function isComment(line: string): boolean {
  return line.startsWith('#') || line.startsWith('//');
}
