import { CellError } from '../core/processor.js';

/** Source: XML 1.0, production 2 (Char); with `u` a surrogate is one without its pair. */
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/u;

/** What begins with `<` and is no tag, and what ends it; the first that fits. */
const OTHERS = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<!', '>'],
] as const;

/** Reads XML or HTML once, from its beginning on: knows whether a value may stand where it has come to. */
export class Markup {
  /** What ends the place: undefined is text; `tag` goes on to its `>`, or to a quote. */
  #end: string | undefined;

  /** More of the author's own text. */
  read(literal: string): void {
    for (let at = 0; at >= 0 && at < literal.length; ) at = this.#step(literal, at);
  }

  /** @throws {CellError} where it would be no text: only an element's and a quoted attribute's are encoded */
  encode(value: string, reference: string): string {
    if (this.#end !== undefined && this.#end !== '"' && this.#end !== "'") {
      throw new CellError(
        `{{${reference}}} can only be the text of an element or a part of a quoted attribute.`,
      );
    }
    if (NOT_XML.test(value))
      throw new CellError(`{{${reference}}} contains characters that XML does not allow.`);
    // Line ends as numbers: a parser would change them.
    return value.replace(/[&<>"'\r\n\t]/g, (character) => `&#${character.charCodeAt(0)};`);
  }

  /** @returns where to go on; -1 at the end */
  #step(literal: string, at: number): number {
    if (this.#end === undefined) return this.#open(literal, literal.indexOf('<', at));
    if (this.#end === 'tag') {
      const found = firstOf(literal, at);
      if (found >= 0) this.#end = literal[found] === '>' ? undefined : literal[found];
      return found < 0 ? found : found + 1;
    }
    const found = literal.indexOf(this.#end, at);
    if (found < 0) return found;
    const { length } = this.#end;
    this.#end = this.#end === '"' || this.#end === "'" ? 'tag' : undefined;
    return found + length;
  }

  #open(literal: string, at: number): number {
    if (at < 0) return at;
    const other = OTHERS.find(([start]) => literal.startsWith(start, at));
    this.#end = other?.[1] ?? 'tag';
    return at + (other?.[0].length ?? 1);
  }
}

const TAG_GOES_ON = /[>"']/g;

function firstOf(literal: string, at: number): number {
  TAG_GOES_ON.lastIndex = at;
  return TAG_GOES_ON.exec(literal)?.index ?? -1;
}
