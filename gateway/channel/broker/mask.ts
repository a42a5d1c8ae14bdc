import { apart, isSmall, type Pieces, sizeOf } from '../../../processors/core/apart.js';
import type { Content, Page } from '../../../processors/core/pages.js';
import type { Json } from '../../../processors/core/processor.js';
import { Secret } from '../../../processors/core/secret.js';
import { maskAnswer, maskAtOnce } from '../hidden/answer-mask.js';
import { Delivered, type OpenEnd } from '../hidden/delivered.js';
import { readable } from '../wire/charset.js';
import { mapStrings } from '../wire/json-text.js';

/** What the helper gets: a page of the result, or the sentence that the cell fails with. */
export type Answer = Page | { readonly kind: 'error'; readonly sentence: string };

/** Words of the pages themselves: a credential that happens to be one would say nothing as a whole string. */
const WORDS = new Set(
  `kind columns name type number float text bool time bytes json rows content progress end displays value note notice summary whole
   error sentence text/plain text/html text/markdown application/json application/vnd.vegalite.v5+json`.split(
    /\s+/,
  ),
);

/**
 * Takes a connection's credentials out of everything that its service answers, before the kernel gets it: some quote
 * what they were sent, in an error, an echo, a debug page (invariant S10). The one place for all processors.
 */
export class PageMask {
  readonly #credentials = new Delivered(true);
  readonly #hidden = new Set<string>();

  hide(credential: Secret): void {
    this.#hidden.add(credential.reveal());
    this.#credentials.add([credential]);
  }

  /** Hides what a page's JSON doesn't show as it is: a text that goes on in the next page, and bytes. */
  async *pages(pages: AsyncIterable<Page>, signal: AbortSignal): AsyncGenerator<Page> {
    let open: OpenEnd | undefined;
    let bytesColumns: readonly boolean[] = [];
    for await (const page of pages) {
      if (page.kind === 'text') {
        const { shown, end } = this.#credentials.hideChunk(page.text, open);
        open = end.text === '' ? undefined : end;
        if (shown !== '') yield { kind: 'text', text: shown };
        continue;
      }
      if (page.kind === 'end' && open !== undefined)
        yield { kind: 'text', text: this.#credentials.close(open) };
      if (page.kind === 'columns') bytesColumns = page.columns.map(({ type }) => type === 'bytes');
      if (page.kind === 'content') yield* this.#content(page, signal);
      else if (page.kind === 'rows' && bytesColumns.includes(true)) {
        yield {
          ...page,
          rows: await Promise.all(
            page.rows.map((values, at) =>
              bytesColumns[at] ? Promise.all(values.map((each) => this.#base64(each))) : values,
            ),
          ),
        };
      } else yield page;
    }
  }

  /** @returns the answer as the helper reads it, bytes as base64 */
  json(answer: Answer): string {
    if (answer.kind === 'error')
      return JSON.stringify({ ...answer, sentence: this.sentence(answer.sentence) });
    const json = JSON.stringify(answer.kind === 'content' ? encoded(answer) : answer);
    if (answer.kind === 'content' || !this.#credentials.mayBeInText(json)) return json;
    return mapStrings(json, (text) => (WORDS.has(text) ? text : this.#credentials.hide(text)));
  }

  /** A service's long message is cut with an ellipsis, which may be in the middle of a credential. */
  sentence(text: string): string {
    const pieces = this.#credentials.hide(text).split('…');
    return pieces
      .map((piece, at) => (at < pieces.length - 1 ? this.#credentials.hideChunk(piece).shown : piece))
      .join('…');
  }

  /**
   * A content without credentials, in pieces that fit a page each. A large one is searched in a separate thread. The
   * kernel gets text in UTF-8 where an unusual encoding would hide it from a search.
   */
  async *#content(page: Content, signal: AbortSignal): AsyncGenerator<Page> {
    const pieces = piecesOf(page);
    let before: Masked | undefined;
    for await (const piece of this.#masked(page, pieces, signal)) {
      if (before !== undefined) yield { ...page, ...before, more: true };
      before = piece;
    }
    yield { ...page, ...(before ?? { data: new Uint8Array() }) };
  }

  async *#masked(page: Content, pieces: Pieces, signal: AbortSignal): AsyncGenerator<Masked> {
    const { charset, mediaType, longest } = page;
    if (this.#credentials.empty) yield* ofPageSize(pieces, charset, longest);
    else if (isSmall(pieces)) {
      const text = readable(joined(pieces), page);
      yield* ofPageSize([await this.#bytes(text.data)], text.charset, longest);
    } else {
      const argument: LargeContent = { credentials: [...this.#hidden], charset, mediaType, longest };
      yield* apart<Masked>(
        pieces,
        { module: new URL(import.meta.url), name: 'maskedPieces', argument },
        signal,
      );
    }
  }

  /** The same for a thread in which nothing else waits. */
  *maskedAtOnce(pieces: Pieces, { charset, mediaType, longest }: LargeContent): Generator<Masked> {
    const text = readable(joined(pieces), { charset, mediaType });
    const masked = this.#credentials.hideWide(maskAtOnce(this.#credentials, text.data));
    yield* ofPageSize([masked], text.charset, longest);
  }

  async #bytes(data: Buffer): Promise<Buffer> {
    const masked = await maskAnswer(this.#credentials, data);
    return this.#credentials.hideWide(masked);
  }

  async #base64(value: Json): Promise<Json> {
    if (typeof value !== 'string') return value;
    const data = Buffer.from(value, 'base64');
    const hidden = await this.#bytes(data);
    return hidden === data ? value : hidden.toString('base64');
  }
}

function piecesOf({ data }: Content): Pieces {
  return data instanceof Uint8Array ? [data] : data;
}

function joined(pieces: Pieces): Buffer {
  const [first = new Uint8Array()] = pieces;
  return pieces.length < 2
    ? Buffer.from(first.buffer, first.byteOffset, first.byteLength)
    : Buffer.concat(pieces, sizeOf(pieces));
}

function encoded({ data, ...rest }: Content): object {
  return { ...rest, data: joined(data instanceof Uint8Array ? [data] : data).toString('base64') };
}

/** Bytes of one page: as base64 they fit one answer. */
const PIECE_BYTES = 512 * 1024;

/** A part of a content that fits a page, and the encoding that all of it is in. */
interface Masked {
  readonly data: Uint8Array;
  readonly charset: string;
}

interface LargeContent extends Pick<Content, 'charset' | 'mediaType'> {
  readonly credentials: readonly string[];
  readonly longest: number | undefined;
}

/** A work for {@link apart}. */
export function maskedPieces(pieces: Pieces, argument: unknown): Generator<Masked> {
  const content = argument as LargeContent;
  const mask = new PageMask();
  for (const credential of content.credentials) mask.hide(new Secret(credential));
  return mask.maskedAtOnce(pieces, content);
}

/** Copies: of a view all that it is a view of would go along to another thread. */
function* ofPageSize(pieces: Pieces, charset: string, longest = Number.POSITIVE_INFINITY): Generator<Masked> {
  let group: Uint8Array[] = [];
  let size = 0;
  let left = longest;
  for (const whole of pieces) {
    for (let at = 0; at < whole.length && left > 0; ) {
      const piece = whole.subarray(at, at + Math.min(PIECE_BYTES - size, left));
      group.push(piece);
      at += piece.length;
      left -= piece.length;
      size += piece.length;
      if (size < PIECE_BYTES) continue;
      yield { charset, data: new Uint8Array(Buffer.concat(group, size)) };
      group = [];
      size = 0;
    }
  }
  if (size > 0) yield { charset, data: new Uint8Array(Buffer.concat(group, size)) };
}
