import { STATUS_CODES } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { request } from 'undici';
import { CellError } from '../processor.js';
import { dispatcherFor, type Place } from './dispatcher.js';
import { NoAnswer } from './failures.js';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name; several of one name joined as a list. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** The largest answer that is read into memory, in bytes; as base64 it still is one string of JavaScript's. */
const LARGEST = 256 * 1024 * 1024;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

const decoders: Readonly<
  Record<string, (packed: Buffer, limit: { maxOutputLength: number }) => Promise<Buffer>>
> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/**
 * One request with a connection's credentials. Redirects are not followed: they would carry the credentials
 * elsewhere (invariant S12).
 *
 * @returns any answer, also one that says no
 * @throws {NoAnswer} when there is none
 * @throws {CellError} for a redirect, or an answer that is too large
 */
export async function send(
  place: Place,
  { method, url, headers, body, signal }: HttpRequest,
): Promise<HttpAnswer> {
  try {
    const answer = await request(url, {
      method,
      headers: { 'user-agent': 'spin-runtime', ...headers },
      ...(body !== undefined && { body }),
      dispatcher: dispatcherFor(place),
      // The signal has the cell's own time limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      signal,
    });
    // A body that is given up says so, and nobody may be listening (invariant S14).
    answer.body.on('error', () => {});
    if (REDIRECTS.has(answer.statusCode)) {
      answer.body.destroy();
      throw new CellError(
        `${url.host} sends on to another address (HTTP ${answer.statusCode}), which is not followed with ` +
          "credentials: ask for the final one, or put it into the connection's url.",
      );
    }
    if (Number(answer.headers['content-length'] ?? 0) > LARGEST) {
      answer.body.destroy();
      throw tooLarge();
    }
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
      ),
      body: await unpacked(await buffer(limited(answer.body)), answer.headers['content-encoding']),
    };
  } catch (error) {
    if (error instanceof CellError || signal.aborted) throw error;
    throw new NoAnswer(url.host, error);
  }
}

/** `HTTP 404 Not Found` */
export function statusLine(status: number): string {
  return `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim();
}

/** `{ mediaType: 'text/html', charset: 'utf-8' }` of a Content-Type; the type is empty when there is none. */
export function contentTypeOf({ headers }: HttpAnswer): { mediaType: string; charset: string } {
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '').split(';');
  const charset = parameters.map((each) => /^\s*charset\s*=\s*"?([\w.:-]+)/i.exec(each)?.[1]).find(Boolean);
  return { mediaType: mediaType.trim().toLowerCase(), charset: charset ?? 'utf-8' };
}

async function unpacked(content: Buffer, encoding: string | string[] | undefined): Promise<Buffer> {
  const decode = decoders[String(encoding ?? '').toLowerCase()];
  if (decode === undefined || content.length === 0) return content;
  try {
    return await decode(content, { maxOutputLength: LARGEST });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge();
    throw new CellError('The answer is not compressed the way it says.', { cause });
  }
}

async function* limited(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LARGEST) throw tooLarge();
    yield chunk;
  }
}

function tooLarge(): CellError {
  return new CellError(`The answer is larger than ${LARGEST / 1024 ** 2} MiB. Ask for less.`);
}
