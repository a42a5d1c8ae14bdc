import type { Secret } from '../../../processors/core/secret.js';
import type { Span } from '../wire/json-text.js';
import { Uncoloured } from './colours.js';
import { ESCAPED_PLAIN, Unescaped } from './escapes.js';
import { MASK, masked } from './masked.js';
import { merged } from './occurrences.js';
import { findPieces, mayBeShortened, tracesOfPieces } from './shortened.js';
import { findAround, Value } from './value.js';

/**
 * Values shorter than this are not hidden: they occur by chance in every output, and hiding `1` or `on`
 * would destroy it without keeping anything secret.
 */
const SHORTEST = 4;

/** Lines of a value from this length on are hidden by themselves: programs indent, quote and number lines. */
const SHORTEST_LINE = 12;

/** A kept end of this length isn't the beginning of a value by chance. */
const LONG_PIECE = 8;

/** How ESC begins in JSON, whichever way its last digit is written: colours inside values hide their core. */
const ESCAPE = '\\u001';

/** Up to this size a text is read without its escapes as a whole, in characters. */
const UNESCAPED_WHOLE = 4 * 1024;

/** Up to this size one pattern for all values costs less than a native search for each; beyond it those are faster. */
const SMALL_BYTES = 2 * 1024;

/** The end of a stream so far, which the next chunk may turn into a value. */
export interface OpenEnd {
  readonly text: string;
  /** So many of its first characters belong to a value whose mask has been shown already. */
  readonly masked: number;
}

const NO_END: OpenEnd = { text: '', masked: 0 };

/** The values that one kernel was given; every frame that leaves the kernel is searched for them. */
export class Delivered {
  readonly #values = new Map<string, Value>();
  /** Every two characters that follow each other in a form, as {@link pair}s; the first one follows nothing. */
  readonly #pairs = new Set<number>();
  /** What {@link mayBeIn} looks for: as bytes, and as one pattern for all. */
  #traces: readonly Buffer[] = [];
  #anyTrace = /(?!)/;
  /** Matches a piece of a value that a display cut. */
  #anyPiece = /(?!)/;
  readonly #ofService: boolean;
  #reach = 0;

  /** @param ofService true for the texts of services, which may escape even what needs no escape */
  constructor(ofService = false) {
    this.#ofService = ofService;
  }

  add(secrets: readonly Secret[]): void {
    for (const value of secrets.map((secret) => secret.reveal())) {
      if (value.length < SHORTEST || this.#values.has(value)) continue;
      const lines = value.split(/[\r\n]+/).map((line) => line.trim());
      for (const each of [value, ...lines.filter((line) => line.length >= SHORTEST_LINE)]) this.#add(each);
    }
    if (this.empty) return;
    const traces = [...new Set([ESCAPE, ...[...this.#values.values()].map(({ core }) => core)])];
    this.#traces = traces.map((trace) => Buffer.from(trace));
    this.#anyTrace = anyOf(traces);
    this.#anyPiece = anyOf(new Set([...this.#values.values()].flatMap(({ texts }) => tracesOfPieces(texts))));
  }

  #add(value: string): void {
    const known = new Value(value);
    this.#values.set(value, known);
    for (const form of known.texts) {
      for (let at = 0; at < form.length; at++)
        this.#pairs.add(pair(form.charCodeAt(at - 1), form.charCodeAt(at)));
    }
    this.#reach = Math.max(this.#reach, ...known.texts.map((form) => form.length));
  }

  /** The number of values: it only grows. */
  get size(): number {
    return this.#values.size;
  }

  get empty(): boolean {
    return this.#values.size === 0;
  }

  /** Characters of the longest form: what has to be seen of a text's end to know whether a value begins there. */
  get reach(): number {
    return this.#reach;
  }

  /**
   * A fast test that never misses: false means that no value begins in a text that ends so.
   *
   * @param end the last two characters, or all there is
   */
  mayGoOnAfter(end: string): boolean {
    const last = end.charCodeAt(end.length - 1);
    return (
      this.#pairs.has(pair(Number.NaN, last)) || this.#pairs.has(pair(end.charCodeAt(end.length - 2), last))
    );
  }

  /** True when the text's end may be the beginning of a value. */
  mayGoOn(text: string): boolean {
    return this.#openStart(text) < text.length;
  }

  /** A fast test that never misses: false means that no form of any value is in these bytes. */
  mayBeIn(data: Buffer): boolean {
    if (data.length > SMALL_BYTES) {
      if (this.#traces.some((trace) => data.includes(trace))) return true;
      return mayBeShortened(data) && this.#anyPiece.test(data.toString('latin1'));
    }
    const text = data.toString('latin1');
    return this.#anyTrace.test(text) || (mayBeShortened(text) && this.#anyPiece.test(text));
  }

  /** {@link mayBeIn} for a text without colours. */
  mayBeInText(text: string): boolean {
    for (const { core } of this.#values.values()) {
      if (core === '' || text.includes(core)) return true;
    }
    return this.#isOdd(text) || ((mayBeShortened(text) || text.includes('…')) && this.#anyPiece.test(text));
  }

  /** A fast test that never misses: false means that this text is part of no form. */
  #mayStandIn(piece: string): boolean {
    for (let at = 1; at < piece.length; at++)
      if (!this.#pairs.has(pair(piece.charCodeAt(at - 1), piece.charCodeAt(at)))) return false;
    return true;
  }

  /** Whether a service's text escapes characters that need no escape. */
  #isOdd(text: string): boolean {
    return this.#ofService && ESCAPED_PLAIN.test(text);
  }

  /**
   * @param shortest hides only values of this length or more
   * @returns the text with every value, in every form, replaced by {@link MASK}
   */
  hide(text: string, shortest = SHORTEST): string {
    const plain = new Uncoloured(text);
    const spans = this.#find(plain.text, shortest);
    return spans.length === 0 ? text : masked(plain, spans, { start: 0, end: plain.text.length });
  }

  /**
   * Hides values in a text that goes on: what may yet become a value is kept back, shorter than the longest form.
   *
   * @param before what was kept back when the text so far ended
   * @param mayHold false when {@link mayBeIn} has said so of the chunk
   * @returns what can be shown, and the new end; `shown` is `chunk` itself when nothing is hidden or kept
   */
  hideChunk(
    chunk: string,
    before: OpenEnd = NO_END,
    mayHold = true,
  ): { readonly shown: string; readonly end: OpenEnd } {
    const plain = new Uncoloured(before.text + chunk);
    const { text } = plain;
    const spans = mayHold || before !== NO_END ? this.#find(text, SHORTEST, before.masked) : [];
    const open = this.#openStart(text);
    if (spans.length === 0 && open === text.length) return { shown: before.text + chunk, end: NO_END };
    const isShown = ({ start }: Span) => start < open || (start === 0 && before.masked > 0);
    const across = spans.find((span) => span.end > open && isShown(span));
    return {
      shown: masked(plain, spans, { start: before.masked, end: open }),
      end: { text: plain.slice(open, text.length), masked: across ? across.end - open : 0 },
    };
  }

  /**
   * @returns what a kept end shows when nothing follows it: a piece that is too long for chance is the beginning of a
   *   value, whose rest a dying kernel didn't send
   */
  close({ text, masked: done }: OpenEnd): string {
    const plain = new Uncoloured(text);
    if (plain.text.length - done >= LONG_PIECE) return MASK;
    const all = { start: done, end: plain.text.length };
    return masked(plain, this.#find(plain.text, SHORTEST, done), all);
  }

  /** @returns the bytes with every value overwritten in place (a binary buffer must keep its length) */
  hideBytes(data: Buffer): Buffer {
    const found: Span[] = [];
    let text: string | undefined;
    for (const { core, bytes } of this.#values.values()) {
      if (core !== '' && !data.includes(core, 0, 'latin1')) continue;
      text ??= data.toString('latin1');
      for (const form of bytes) form.find(text, found);
    }
    if (found.length === 0) return data;
    const copy = Buffer.from(data);
    for (const { start, end } of found) copy.fill('*', start, end);
    return copy;
  }

  /** {@link hideBytes} for texts of two and four bytes a character, inside data that isn't declared as text. */
  hideWide(data: Buffer): Buffer {
    if (!data.includes(0)) return data;
    const found: Span[] = [];
    for (const { wide: forms } of this.#values.values()) {
      for (const wide of forms) {
        for (let at = data.indexOf(wide); at !== -1; at = data.indexOf(wide, at + wide.length))
          found.push({ start: at, end: at + wide.length });
      }
    }
    if (found.length === 0) return data;
    const copy = Buffer.from(data);
    for (const { start, end } of found) copy.fill('*', start, end);
    return copy;
  }

  /** @returns where values are in bytes that are read as Latin-1, in order; those that overlap are one */
  findInBytes(latin1: string): readonly Span[] {
    return this.#spans(latin1, SHORTEST, true);
  }

  /** The most bytes that one value may take in a service's text: each of them as an escape of an escape. */
  get reachInBytes(): number {
    return 12 * Math.max(0, ...[...this.#values.keys()].map((value) => Buffer.byteLength(value))) + 256;
  }

  /**
   * @param done the first characters that are masked already
   * @returns where values are, in order; those that overlap are one
   */
  #find(text: string, shortest: number, done = 0): readonly Span[] {
    return this.#spans(text, shortest, false, done > 0 ? [{ start: 0, end: done }] : []);
  }

  /** @param ofBytes whether the text has one character for each byte of UTF-8 */
  #spans(text: string, shortest: number, ofBytes: boolean, found: Span[] = []): readonly Span[] {
    const isOdd = this.#isOdd(text);
    let unescaped: Unescaped | undefined;
    for (const value of this.#values.values()) {
      if (value.length < shortest) continue;
      const isCertain = value.core === '' || text.includes(value.core);
      if (isCertain) for (const form of ofBytes ? value.bytes : value.forms) form.find(text, found);
      if (value.bare === '' || !(isOdd || (isCertain && !value.isPlain))) continue;
      if (isOdd || value.core === '' || text.length <= UNESCAPED_WHOLE) {
        unescaped ??= new Unescaped(text, ofBytes);
        unescaped.find(value.bare, found);
      } else findAround(text, value, ofBytes, found);
    }
    if (mayBeShortened(text) || text.includes('…')) {
      const all = [...this.#values.values()].map(({ texts }) => texts);
      findPieces(text, all, (piece) => this.#mayStandIn(piece), found);
    }
    return merged(found);
  }

  /** @returns the first index from which the text's end is the beginning of a form; the text's length when none is */
  #openStart(text: string): number {
    let first = text.length;
    for (const { forms } of this.#values.values()) {
      for (const form of forms) first = form.openStart(text, first);
    }
    return first;
  }
}

/** An expression without alternatives would fit everything. */
function anyOf(texts: Iterable<string>): RegExp {
  const all = [...texts];
  if (all.length === 0) return /(?!)/;
  return new RegExp(all.map((text) => text.replace(/\W/g, '\\$&')).join('|'));
}

/** @param before UTF-16 unit, NaN for none */
function pair(before: number, unit: number): number {
  return (before << 16) | unit;
}
