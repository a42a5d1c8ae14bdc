/** A terminal's colour codes (ECMA-48 SGR), as IPython puts them between the tokens of a traceback. */
const COLOUR = /\u001b\[[0-9;]*m/g;

/** A text read without its colour codes, and the way back to each character's place in the text itself. */
export class Uncoloured {
  readonly text: string;
  readonly #coloured: string;
  /** For each piece between colour codes: where it starts here, and in the coloured text. */
  readonly #pieces: readonly { readonly at: number; readonly original: number }[];

  constructor(coloured: string) {
    this.#coloured = coloured;
    const pieces = [{ at: 0, original: 0 }];
    let text = '';
    let end = 0;
    if (coloured.includes('\u001b[')) {
      for (const code of coloured.matchAll(COLOUR)) {
        text += coloured.slice(end, code.index);
        end = code.index + code[0].length;
        pieces.push({ at: text.length, original: end });
      }
    }
    this.text = end === 0 ? coloured : text + coloured.slice(end);
    this.#pieces = pieces;
  }

  /** The coloured text of a half-open range of {@link text}; codes at its borders belong to what follows them. */
  slice(start: number, end: number): string {
    return this.#coloured.slice(this.#original(start), this.#original(end));
  }

  /** The colour codes alone of such a range. */
  codes(start: number, end: number): string {
    if (this.#pieces.length === 1) return '';
    return (this.slice(start, end).match(COLOUR) ?? []).join('');
  }

  #original(at: number): number {
    if (at === 0) return 0;
    if (at >= this.text.length) return this.#coloured.length;
    let low = 0;
    let high = this.#pieces.length - 1;
    // The first piece that starts at or after `at` has the codes before it: those belong to what follows.
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#pieces[middle]?.at ?? 0) < at) low = middle;
      else high = middle - 1;
    }
    const { at: start, original } = this.#pieces[low] ?? { at: 0, original: 0 };
    return original + (at - start);
  }
}
