import { OUT, RAW, TIMEOUT } from './options.js';
import { CellError, type Processor } from './processor.js';
import { isProvided, referencesIn } from './references.js';

interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'];
/** The client computes these from what it sends (RFC 9112 section 6). */
const COMPUTED = ['content-length', 'transfer-encoding', 'connection'];
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

/**
 * One HTTP request, written as in the .http files of editors: a request line, headers, an empty line, a body.
 * It leaves from the kernel; the helper encodes each reference for where it stands.
 */
export const rest: Processor = {
  name: 'rest',
  summary: 'sends one HTTP request; a status of 400 or more fails the cell',
  options: { timeout: TIMEOUT, out: OUT, raw: RAW },

  compile({ body, options: { raw, timeout, out } }, context) {
    const request = parseRequest(body);
    const texts = [request.url, ...Object.values(request.headers), request.body ?? ''];
    const references = raw === true ? [] : [...new Set(texts.flatMap(referencesIn))].filter(isProvided);
    return {
      run: {
        kind: 'call',
        name: 'rest',
        args: {
          method: request.method,
          url: request.url,
          ...(Object.keys(request.headers).length > 0 ? { headers: request.headers } : {}),
          ...(request.body === undefined ? {} : { body: request.body }),
          ...(timeout === undefined ? {} : { timeout }),
          ...(out === undefined ? {} : { out }),
          ...(raw === true ? { raw } : {}),
        },
      },
      deliver: references.map((name) => ({ name, value: context.resolve(name) })),
    };
  },
};

/** @throws {CellError} with the line, counted from the one after `%%rest` */
function parseRequest(text: string): HttpRequest {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const first = lines.findIndex((line) => !isComment(line) && line.trim() !== '');
  if (first < 0) throw new CellError('A %%rest cell needs a request line, e.g. GET https://example.com/api.');
  const end = lines.findIndex((line, index) => index > first && line.startsWith('###'));
  if (end >= 0 && lines.slice(end).some((line) => line.trim() !== '' && !isComment(line))) {
    throw new CellError(`Line ${end + 1}: one request in a cell; write the next one in a cell of its own.`);
  }
  const request = end < 0 ? lines : lines.slice(0, end);
  let at = first + 1;
  const [method, start] = parseRequestLine(request[first] ?? '', at);
  let url = start;
  for (; /^[ \t]+[?&]/.test(request[at] ?? ''); at++) url += request[at]?.trim() ?? '';

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
    url,
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

function parseRequestLine(line: string, number: number): [method: string, url: string] {
  const match = /^\s*(?:([A-Za-z]+)[ \t]+)?(\S+?)(?:[ \t]+HTTP\/[\d.]+)?\s*$/.exec(line);
  const method = (match?.[1] ?? 'GET').toUpperCase();
  const url = match?.[2] ?? '';
  if (!METHODS.includes(method) || !/^(?:https?:\/\/|\{\{)/i.test(url)) {
    throw new CellError(
      `Line ${number}: expected a request line like “GET https://example.com/api”. Methods: ${METHODS.join(', ')}.`,
    );
  }
  return [method, url];
}

function isComment(line: string): boolean {
  return line.startsWith('#') || line.startsWith('//');
}
