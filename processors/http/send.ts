import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { request } from 'undici';
import { NoAnswer } from '../no-answer.js';
import { CellError } from '../processor.js';
import { dispatcherFor, type Place } from './dispatcher.js';
import { failureAt } from './proxy-failures.js';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** True for a POST that only asks, and so may be sent again; other methods say it themselves. */
  readonly asks?: boolean;
  /** The largest answer that is wanted, in bytes; default and at most 256 MiB: as base64 it still is one string of JavaScript's. */
  readonly largest?: number | undefined;
}

interface Head {
  readonly status: number;
  /** By lower-case name; several of one name joined as a list. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer of any status. */
export interface HttpAnswer extends Head {
  readonly body: Buffer;
}

/** An answer whose body is still to come. */
export interface OpenAnswer extends Head {
  /** Destroying it closes the connection; it has to be read or destroyed. */
  readonly body: Readable;
}

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
 * @throws {CellError} for a redirect
 */
export async function open(
  place: Place,
  { method, url, headers, body, signal }: HttpRequest,
): Promise<OpenAnswer> {
  const { dispatcher, proxy } = dispatcherFor(place);
  try {
    const answer = await request(url, {
      method,
      headers: { 'user-agent': 'spin-runtime', ...headers },
      ...(body !== undefined && { body }),
      dispatcher,
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
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')]),
      ),
      body: answer.body,
    };
  } catch (error) {
    if (error instanceof CellError || signal.aborted) throw error;
    throw proxy === undefined ? new NoAnswer(url.host, error) : failureAt(proxy, url.host, error);
  }
}

/**
 * The same, with the whole answer.
 * @throws {CellError} also for one that is too large
 */
export async function send(place: Place, request: HttpRequest): Promise<HttpAnswer> {
  const { url, signal, largest = LARGEST } = request;
  const { status, headers, body } = await open(place, request);
  try {
    if (Number(headers['content-length'] ?? 0) > largest) throw tooLarge(largest);
    const packed = await buffer(limited(body, largest));
    return { status, headers, body: await unpacked(packed, headers['content-encoding'], largest) };
  } catch (error) {
    body.destroy();
    if (error instanceof CellError || signal.aborted) throw error;
    throw new NoAnswer(url.host, error);
  }
}

/** `{ mediaType: 'text/html', charset: 'utf-8' }` of a Content-Type; the type is empty when there is none. */
export function contentTypeOf({ headers }: HttpAnswer): { mediaType: string; charset: string } {
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '').split(';');
  const charset = parameters.map((each) => /^\s*charset\s*=\s*"?([\w.:-]+)/i.exec(each)?.[1]).find(Boolean);
  return { mediaType: mediaType.trim().toLowerCase(), charset: charset ?? 'utf-8' };
}

async function unpacked(content: Buffer, encoding = '', largest: number): Promise<Buffer> {
  const decode = decoders[encoding.toLowerCase()];
  if (decode === undefined || content.length === 0) return content;
  try {
    return await decode(content, { maxOutputLength: largest });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(largest);
    throw new CellError('The answer is not compressed the way it says.', { cause });
  }
}

async function* limited(body: AsyncIterable<Buffer>, largest: number): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > largest) throw tooLarge(largest);
    yield chunk;
  }
}

function tooLarge(bytes: number): CellError {
  return new CellError(`The answer is larger than ${bytes / 1024 ** 2} MiB. Ask for less.`);
}
