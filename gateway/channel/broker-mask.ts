import type { Content, Page } from '../../processors/pages.js';
import type { Json } from '../../processors/processor.js';
import type { Secret } from '../../processors/secret.js';
import { maskAnswer } from './answer-mask.js';
import { readable } from './charset.js';
import { Delivered, type OpenEnd } from './delivered.js';
import { mapStrings } from './json-text.js';

/** What the helper gets: a page of the result, or the sentence that the cell fails with. */
export type Answer = Page | { readonly kind: 'error'; readonly sentence: string };

/** Words of the pages themselves: a credential that happens to be one would say nothing as a whole string. */
const WORDS = new Set(
  `kind columns name type number float text bool time bytes json rows content progress end displays value note summary
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

  hide(credential: Secret): void {
    this.#credentials.add([credential]);
  }

  /** Hides what a page's JSON doesn't show as it is: a text that goes on in the next page, and bytes. */
  async *pages(pages: AsyncIterable<Page>): AsyncGenerator<Page> {
    let open: OpenEnd | undefined;
    let bytesColumns: readonly boolean[] = [];
    for await (const page of pages) {
      if (page.kind === 'text') {
        const { shown, end } = this.#credentials.hideChunk(page.text, open);
        open = end.text === '' ? undefined : end;
        if (shown !== '') yield { kind: 'text', text: shown };
        continue;
      }
      if (page.kind === 'end' && open !== undefined) {
        yield { kind: 'text', text: this.#credentials.close(open) };
      }
      if (page.kind === 'columns') bytesColumns = page.columns.map(({ type }) => type === 'bytes');
      if (page.kind === 'content') yield await this.#content(page);
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

  /** What a service says at length is cut with an ellipsis, which may stand in the middle of a credential. */
  sentence(text: string): string {
    const pieces = this.#credentials.hide(text).split('…');
    return pieces
      .map((piece, at) => (at < pieces.length - 1 ? this.#credentials.hideChunk(piece).shown : piece))
      .join('…');
  }

  /** As the kernel is to read it: what an unusual encoding hides from a search is written in UTF-8. */
  async #content(page: Content): Promise<Content> {
    if (this.#credentials.empty) return { ...page, data: page.data.subarray(0, page.longest) };
    const { data, charset } = readable(bufferOf(page.data), page);
    return { ...page, charset, data: (await this.#bytes(data)).subarray(0, page.longest) };
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

function bufferOf(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function encoded({ data, ...rest }: Content): object {
  return { ...rest, data: bufferOf(data).toString('base64') };
}
