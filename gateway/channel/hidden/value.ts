import type { Span } from '../wire/json-text.js';
import { bareOf, Unescaped } from './escapes.js';
import { formsOf, PLAIN_RUN } from './forms.js';
import { Pattern } from './occurrences.js';

/** One delivered value in all the forms that a message's strings may contain. */
export class Value {
  readonly forms: readonly Pattern[];
  /** Characters that every form contains unchanged: the hot path looks for them. Empty when there are none. */
  readonly core: string;
  readonly texts: readonly string[];
  readonly #value: string;
  #bytes: readonly Pattern[] | undefined;
  #bare: string | undefined;

  constructor(value: string) {
    this.#value = value;
    this.texts = formsOf(value);
    this.forms = this.texts.map((form) => new Pattern(form));
    this.core = (value.match(PLAIN_RUN) ?? []).sort((a, b) => b.length - a.length)[0] ?? '';
  }

  get length(): number {
    return this.#value.length;
  }

  /** The forms as they are in bytes that are read as Latin-1. */
  get bytes(): readonly Pattern[] {
    this.#bytes ??= this.texts.map((form) => new Pattern(Buffer.from(form).toString('latin1')));
    return this.#bytes;
  }

  /** As it reads without escapes. */
  get bare(): string {
    this.#bare ??= bareOf(this.#value);
    return this.#bare;
  }

  /** Whether programs write it as it is, whatever they escape. */
  get isPlain(): boolean {
    return this.core === this.#value;
  }

  /** In UTF-16 and UTF-32, in either order of bytes. */
  get wide(): readonly Buffer[] {
    const utf16 = Buffer.from(this.#value, 'utf16le');
    const points = Array.from(this.#value, (character) => character.codePointAt(0) ?? 0);
    const utf32 = Buffer.from(Uint32Array.from(points).buffer);
    return [utf16, Buffer.from(utf16).swap16(), utf32, Buffer.from(utf32).swap32()];
  }
}

/**
 * Reads no more of a long text without its escapes than the parts around the value's core, and reads each only once: a
 * core of one letter is everywhere.
 */
export function findAround(
  text: string,
  { core, bare, length }: Value,
  ofBytes: boolean,
  found: Span[],
): void {
  const reach = 12 * length + 64;
  for (let at = text.indexOf(core); at !== -1; ) {
    const start = Math.max(0, at - reach);
    // Cores that are near each other have one stretch around them.
    let last = at;
    for (let next = last; ; last = next) {
      next = text.lastIndexOf(core, last + core.length + 2 * reach);
      if (next <= last) break;
    }
    const end = last + core.length + reach;
    at = text.indexOf(core, last + 1);
    new Unescaped(text.slice(start, end), ofBytes).find(bare, found, start);
  }
}
