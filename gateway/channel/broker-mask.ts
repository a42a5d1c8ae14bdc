import { isUtf8 } from 'node:buffer';
import type { Content, Page } from '../../processors/pages.js';
import type { Json } from '../../processors/processor.js';
import type { Secret } from '../../processors/secret.js';
import { Delivered, type OpenEnd } from './delivered.js';
import { mapStrings } from './json-text.js';

/** What the helper gets: a page of the result, or the sentence that the cell fails with. */
export type Answer = Page | { readonly kind: 'error'; readonly sentence: string };

/** Words of the pages themselves: a credential that happens to be one would say nothing as a whole string. */
const WORDS = new Set(
  `kind columns name type number float text bool time bytes json rows content progress end displays value note notice summary
   error sentence text/plain text/html text/markdown application/json application/vnd.vegalite.v5+json`.split(
    /\s+/,
  ),
);

/**
 * Takes a connection's credentials out of everything that its service answers, before the kernel gets it: some quote
 * what they were sent, in an error, an echo, a debug page (invariant S10). The one place for all processors.
 */
export class PageMask {
  readonly #credentials = new Delivered();

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
      if (page.kind === 'content') yield { ...page, data: this.#bytes(page.data).subarray(0, page.longest) };
      else if (page.kind === 'rows' && bytesColumns.includes(true)) {
        yield {
          ...page,
          rows: page.rows.map((values, at) =>
            bytesColumns[at] ? values.map((each) => this.#base64(each)) : values,
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

  /** Text in every form in which a value may stand in it, anything else byte by byte. */
  #bytes(data: Uint8Array): Uint8Array {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (this.#credentials.empty || !this.#credentials.mayBeIn(bytes)) return data;
    return isUtf8(bytes)
      ? Buffer.from(this.#credentials.hide(bytes.toString()))
      : this.#credentials.hideBytes(bytes);
  }

  #base64(value: Json): Json {
    if (typeof value !== 'string') return value;
    const data = Buffer.from(value, 'base64');
    const hidden = this.#bytes(data);
    return hidden === data ? value : Buffer.from(hidden).toString('base64');
  }
}

function encoded({ data, ...rest }: Content): object {
  return { ...rest, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') };
}
