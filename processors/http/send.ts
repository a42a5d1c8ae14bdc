import type { Readable } from 'node:stream';
import { request } from 'undici';
import { CellError } from '../core/processor.js';
import type { Resources } from '../core/resources.js';
import { Collected } from './collected.js';
import { decoded } from './content-codings.js';
import { Dispatchers, type Place } from './dispatcher.js';
import { NoAnswer } from './no-answer.js';
import { placeOf } from './place.js';
import { failureAt } from './proxy-failures.js';
import { isRedirect } from './redirects.js';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** Where its connection stays open. */
  readonly resources: Resources;
  /** True for a POST that only asks, and so may be sent again; other methods say it themselves. */
  readonly asks?: boolean;
  /** True where the caller follows redirects; else they fail the request. */
  readonly takesRedirects?: boolean;
  /** The largest answer, in bytes; default and at most 256 MiB. The gateway keeps it until the kernel has it. */
  readonly largest?: number | undefined;
}

interface Head {
  readonly status: number;
  /** By lower-case name; several of one name joined as a list. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer of any status, decoded. */
export interface HttpAnswer extends Head {
  /** As they came: to make one of many takes its time. */
  readonly pieces: readonly Buffer[];
  /** Bytes of them all. */
  readonly size: number;
  /** One of all: for those that are small, see {@link HttpRequest.largest}. */
  readonly body: Buffer;
}

/** An answer whose body is still to come. */
export interface OpenAnswer extends Head {
  /** Destroying it closes the connection; it has to be read or destroyed. */
  readonly body: Readable;
}

const LARGEST = 256 * 1024 * 1024;

/**
 * One request with a connection's credentials. Redirects are not followed here: they could carry the credentials
 * elsewhere (invariant S12).
 *
 * @returns any answer, also one that says no
 * @throws {NoAnswer} when there is none
 * @throws {CellError} for a redirect
 */
export async function open(
  place: Place,
  { method, url, headers, body, signal, resources, takesRedirects }: HttpRequest,
): Promise<OpenAnswer> {
  const { dispatcher, proxy } = resources.of(Dispatchers).for(place);
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
    // An abandoned body emits an error, and there may be no other listener (invariant S14).
    answer.body.on('error', () => {});
    if (isRedirect(answer.statusCode) && takesRedirects !== true) {
      answer.body.destroy();
      throw new CellError(
        `${placeOf(url)} redirects to another address (HTTP ${answer.statusCode}), which is not followed with ` +
          "credentials. Ask for the final address, or put it into the connection's url.",
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
    throw proxy === undefined ? new NoAnswer(placeOf(url), error) : failureAt(proxy, placeOf(url), error);
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
    const announced = request.method === 'HEAD' ? 0 : Number(headers['content-length'] ?? 0);
    if (announced > largest) throw tooLarge(largest);
    const collected = new Collected();
    for await (const piece of decoded(body, headers['content-encoding'])) {
      collected.add(piece);
      if (collected.size > largest) throw tooLarge(largest);
    }
    return answerOf({ status, headers }, collected.pieces, collected.size);
  } catch (error) {
    body.destroy();
    if (error instanceof CellError || signal.aborted) throw error;
    throw new NoAnswer(placeOf(url), error);
  }
}

function answerOf(head: Head, pieces: readonly Buffer[], size: number): HttpAnswer {
  let body: Buffer | undefined;
  return {
    ...head,
    pieces,
    size,
    get body() {
      body ??= Buffer.concat(pieces, size);
      return body;
    },
  };
}

/** The first bytes of an answer, as text. */
export function beginningOf({ pieces }: HttpAnswer, bytes: number): string {
  const first: Buffer[] = [];
  let left = bytes;
  for (const piece of pieces) {
    if (left <= 0) break;
    first.push(piece.subarray(0, left));
    left -= piece.length;
  }
  return Buffer.concat(first).toString();
}

/** `{ mediaType: 'text/html', charset: 'utf-8' }` of a Content-Type; the type is empty when there is none. */
export function contentTypeOf({ headers }: HttpAnswer): { mediaType: string; charset: string } {
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '').split(';');
  const charset = parameters.map((each) => /^\s*charset\s*=\s*"?([\w.:-]+)/i.exec(each)?.[1]).find(Boolean);
  return { mediaType: mediaType.trim().toLowerCase(), charset: charset ?? 'utf-8' };
}

function tooLarge(bytes: number): CellError {
  const size = bytes < 1e6 ? `${bytes / 1e3} kB` : `${bytes / 1024 ** 2} MiB`;
  return new CellError(`The answer is larger than ${size}. Ask for less.`);
}
