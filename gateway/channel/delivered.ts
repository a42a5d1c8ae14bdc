import type { Secret } from '../../processors/secret.js';

/** What stands in a frame where a delivered value was. */
export const MASK = '***';

/**
 * Values shorter than this are not hidden: they occur by chance in every output, and hiding `1` or `on`
 * would destroy it without keeping anything secret.
 */
const SHORTEST = 4;

/** Characters that neither JSON nor Python's repr ever writes differently. */
const PLAIN_RUN = /[A-Za-z0-9_.\-+=:@,;!?#%*()[\]|~^]+/g;

/** One delivered value in all the ways in which it may stand in a message's strings. */
interface Value {
  readonly forms: readonly string[];
  /** Bytes that every form holds as they are: what the hot path looks for; empty when there are none. */
  readonly core: string;
  readonly raw: Buffer;
}

/** The values that one kernel was given; every frame that leaves the kernel is searched for them. */
export class Delivered {
  readonly #values = new Map<string, Value>();
  #forms: readonly string[] = [];

  add(secrets: readonly Secret[]): void {
    for (const secret of secrets) {
      const value = secret.reveal();
      if (value.length < SHORTEST || this.#values.has(value)) continue;
      const runs = (value.match(PLAIN_RUN) ?? []).sort((a, b) => b.length - a.length);
      this.#values.set(value, { forms: formsOf(value), core: runs[0] ?? '', raw: Buffer.from(value) });
      // Longest first, so that a value inside another one doesn't leave the other's rest behind.
      this.#forms = [...this.#values.values()]
        .flatMap(({ forms }) => forms)
        .sort((a, b) => b.length - a.length);
    }
  }

  get empty(): boolean {
    return this.#values.size === 0;
  }

  /** Characters of the longest form; no {@link openEnd} is longer. */
  get reach(): number {
    return this.#forms[0]?.length ?? 0;
  }

  /** A fast test that never misses: false means that no form of any value is in these bytes. */
  mayBeIn(data: Buffer): boolean {
    for (const { core } of this.#values.values()) {
      if (core === '' || data.indexOf(core, 0, 'latin1') !== -1) return true;
    }
    return false;
  }

  /** @returns the text with every value, in every form, replaced by {@link MASK} */
  hide(text: string): string {
    let hidden = text;
    for (const form of this.#forms) if (hidden.includes(form)) hidden = hidden.replaceAll(form, () => MASK);
    return hidden;
  }

  /** @returns the bytes with every value overwritten in place (a binary buffer must keep its length) */
  hideBytes(data: Buffer): Buffer {
    let copy: Buffer | undefined;
    for (const { raw } of this.#values.values()) {
      for (let at = data.indexOf(raw); at !== -1; at = data.indexOf(raw, at + raw.length)) {
        copy ??= Buffer.from(data);
        copy.fill('*', at, at + raw.length);
      }
    }
    return copy ?? data;
  }

  /** @returns how many characters at the end of `text` may be the beginning of a value */
  openEnd(text: string): number {
    const last = text.at(-1);
    if (last === undefined) return 0;
    let longest = 0;
    for (const form of this.#forms) {
      // A beginning that ends the text ends with its last character.
      let at = form.lastIndexOf(last, form.length - 2);
      while (at >= longest && !text.endsWith(form.slice(0, at + 1))) {
        at = at === 0 ? -1 : form.lastIndexOf(last, at - 1);
      }
      longest = Math.max(longest, at + 1);
    }
    return longest;
  }
}

/**
 * A value as code prints it: raw, as JSON (twice nested too, with and without non-ASCII escapes), and as
 * Python's repr writes it into error messages.
 */
function formsOf(value: string): string[] {
  const json = [jsonEscape(value), asciiEscape(jsonEscape(value))];
  const repr = [pythonRepr(value, "'"), pythonRepr(value, '"')];
  const nested = [...json, ...repr].map(jsonEscape);
  return [...new Set([value, ...json, ...repr, ...nested])];
}

function jsonEscape(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

function asciiEscape(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Source: CPython's unicode_repr; printable non-ASCII stays as it is. */
function pythonRepr(value: string, quote: string): string {
  const named: Record<string, string> = {
    '\\': '\\\\',
    '\n': '\\n',
    '\r': '\\r',
    '\t': '\\t',
    [quote]: `\\${quote}`,
  };
  return value.replace(
    /[\u0000-\u001f\u007f-\u00a0\u00ad\\'"]/g,
    (c) => named[c] ?? (c < ' ' || c > '~' ? `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}` : c),
  );
}
