import type { Secret } from '../../processors/secret.js';
import { Uncoloured } from './colours.js';
import { formsOf, PLAIN_RUN } from './forms.js';
import type { Span } from './json-text.js';

/** What stands in a frame where a delivered value was. */
export const MASK = '***';

/**
 * Values shorter than this are not hidden: they occur by chance in every output, and hiding `1` or `on`
 * would destroy it without keeping anything secret.
 */
const SHORTEST = 4;

/** Lines of a value from this length on are hidden by themselves: programs indent, quote and number lines. */
const SHORTEST_LINE = 12;

/** A kept end of this length isn't the beginning of a value by chance. */
const LONG_PIECE = 8;

/** How ESC begins in JSON, whichever way its last digit is written: colours stand within values and hide their core. */
const ESCAPE = '\\u001';

/** Up to this size one pattern for all values costs less than a native search for each; beyond it those are faster. */
const SMALL_BYTES = 2 * 1024;

/** One delivered value in all the ways in which it may stand in a message's strings. */
interface Value {
  readonly forms: readonly string[];
  /** Characters that every form holds as they are: what the hot path looks for; empty when there are none. */
  readonly core: string;
  /** The forms as they stand in a binary buffer. */
  readonly bytes: readonly Buffer[];
}

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
  #reach = 0;

  add(secrets: readonly Secret[]): void {
    for (const value of secrets.map((secret) => secret.reveal())) {
      if (value.length < SHORTEST || this.#values.has(value)) continue;
      const lines = value.split(/[\r\n]+/).map((line) => line.trim());
      for (const each of [value, ...lines.filter((line) => line.length >= SHORTEST_LINE)]) this.#add(each);
    }
    if (this.empty) return;
    const traces = [...new Set([ESCAPE, ...[...this.#values.values()].map(({ core }) => core)])];
    this.#traces = traces.map((trace) => Buffer.from(trace));
    this.#anyTrace = new RegExp(traces.map((trace) => trace.replace(/\W/g, '\\$&')).join('|'));
  }

  #add(value: string): void {
    const runs = (value.match(PLAIN_RUN) ?? []).sort((a, b) => b.length - a.length);
    const forms = formsOf(value);
    const core = runs[0] ?? '';
    this.#values.set(value, { forms, core, bytes: forms.map((form) => Buffer.from(form)) });
    for (const form of forms) {
      for (let at = 0; at < form.length; at++)
        this.#pairs.add(pair(form.charCodeAt(at - 1), form.charCodeAt(at)));
    }
    this.#reach = Math.max(this.#reach, ...forms.map((form) => form.length));
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
    if (data.length <= SMALL_BYTES) return this.#anyTrace.test(data.toString('latin1'));
    return this.#traces.some((trace) => data.includes(trace));
  }

  /** {@link mayBeIn} for a text without colours. */
  mayBeInText(text: string): boolean {
    for (const { core } of this.#values.values()) {
      if (core === '' || text.includes(core)) return true;
    }
    return false;
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
    let copy: Buffer | undefined;
    for (const { core, bytes } of this.#values.values()) {
      if (core !== '' && !data.includes(core, 0, 'latin1')) continue;
      for (const form of bytes) {
        for (let at = data.indexOf(form); at !== -1; at = data.indexOf(form, at + 1)) {
          copy ??= Buffer.from(data);
          copy.fill('*', at, at + form.length);
        }
      }
    }
    return copy ?? data;
  }

  /**
   * @param done the first characters that are masked already
   * @returns where values stand, in order; those that overlap are one
   */
  #find(text: string, shortest: number, done = 0): readonly Span[] {
    const found: Span[] = done > 0 ? [{ start: 0, end: done }] : [];
    for (const { core, forms } of this.#values.values()) {
      if (core !== '' && !text.includes(core)) continue;
      for (const form of forms) {
        if (form.length < shortest) continue;
        for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1))
          found.push({ start: at, end: at + form.length });
      }
    }
    return found.length < 2 ? found : merged(found);
  }

  /** @returns the first index from which the text's end is the beginning of a form; the text's length when none is */
  #openStart(text: string): number {
    let first = text.length;
    for (const { forms } of this.#values.values()) {
      for (const form of forms) {
        const from = Math.max(0, text.length - form.length + 1);
        for (let at = text.indexOf(form.charAt(0), from); at !== -1 && at < first; ) {
          if (form.startsWith(text.slice(at))) first = at;
          else at = text.indexOf(form.charAt(0), at + 1);
        }
      }
    }
    return first;
  }
}

/** @param before UTF-16 unit, NaN for none */
function pair(before: number, unit: number): number {
  return (before << 16) | unit;
}

function merged(spans: Span[]): Span[] {
  spans.sort((a, b) => a.start - b.start || b.end - a.end);
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    const last = result.at(-1);
    if (last && start < last.end) last.end = Math.max(last.end, end);
    else result.push({ start, end });
  }
  return result;
}

/** A range of a text with masks for spans; a span that reaches beyond the range's start has its mask already. */
function masked(plain: Uncoloured, spans: readonly Span[], range: Span): string {
  let result = '';
  let at = range.start;
  for (const { start, end } of spans) {
    if (start >= range.end) break;
    if (end <= range.start) continue;
    const stop = Math.min(end, range.end);
    if (start >= at) result += plain.slice(at, start) + MASK;
    result += plain.codes(Math.max(start, at), stop);
    at = stop;
  }
  return result + plain.slice(at, range.end);
}
