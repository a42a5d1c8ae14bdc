import { isUtf8 } from 'node:buffer';
import type { Span } from '../wire/json-text.js';

/**
 * A text without its escapes, and the way back to each character's place: JSON (`\/`, `\u0026`), HTML entities,
 * percent-encoding, backslashes and octal numbers of shells, doubled quotes of CSV, SQL and YAML, also within one another.
 *
 * Quotes, backslashes, plus signs and white space are what programs double, escape, fold and leave out: a run of them reads as
 * one mark. Values are read the same way, so that both agree whatever is an escape in them by chance.
 */
export class Unescaped {
  readonly text: string;
  readonly #source: string;
  /** Where each stretch starts here and there; within one, both go on together. */
  readonly #at: number[] = [0];
  readonly #from: number[] = [0];

  /** @param ofBytes true for a text of one character for each byte of UTF-8 */
  constructor(source: string, ofBytes: boolean) {
    this.#source = source;
    let text = '';
    let end = 0;
    let isMarked = false;
    const put = (written: string, from: number, to: number) => {
      text += source.slice(end, from);
      // A second mark beside one says nothing more.
      const isSame = written === MARK && isMarked && from === end;
      // What reads as nothing parts no marks.
      isMarked = written === MARK || (isMarked && written === '' && from === end);
      this.#at.push(text.length, text.length + (isSame ? 0 : written.length));
      this.#from.push(from, to);
      if (!isSame) text += written;
      end = to;
    };
    TOKEN.lastIndex = 0;
    for (let token = TOKEN.exec(source); token !== null; token = TOKEN.exec(source)) {
      const [all] = token;
      const to = token.index + all.length;
      if (all.charCodeAt(0) > 0x7f) {
        if (!ofBytes) put(bytesOf(all), token.index, to);
      } else put(written(token, source.charAt(to)), token.index, to);
    }
    this.text = text + source.slice(end);
  }

  /** @param found gets the places of a text without escapes in the source, shifted by `offset` */
  find(bare: string, found: Span[], offset = 0): void {
    for (let at = this.text.indexOf(bare); at !== -1; at = this.text.indexOf(bare, at + bare.length)) {
      found.push({
        start: offset + this.#original(at, true),
        end: offset + this.#original(at + bare.length, false),
      });
    }
  }

  /** @param isStart false for the end of a range: an escape that writes no character isn't part of it */
  #original(at: number, isStart: boolean): number {
    let low = 0;
    let high = this.#at.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const start = this.#at[middle] ?? 0;
      if (isStart ? start <= at : start < at) low = middle;
      else high = middle - 1;
    }
    const [start = 0, from = 0, next = this.#source.length] = [
      this.#at[low],
      this.#from[low],
      this.#from[low + 1],
    ];
    // Several characters of one escape have its place.
    return isStart
      ? Math.min(from + (at - start), next)
      : Math.min(Math.max(from + (at - start), from), next);
  }
}

/** What a run of quotes, backslashes and white space reads as. */
const MARK = '\0';

/** Fewer other characters would be found by chance. */
const FEWEST = 4;

/** HTML's names of characters in credentials and URLs: https://html.spec.whatwg.org/#named-character-references */
const NAMES: Readonly<Record<string, string>> = Object.fromEntries(
  `amp& AMP& lt< LT< gt> GT> sol/ plus+ equals= colon: semi; period. comma, excl! num# dollar$ percnt% lpar( rpar) ast* midast*
  quest? commat@ lsqb[ lbrack[ rsqb] rbrack] Hat^ lowbar_ UnderBar_ lcub{ lbrace{ verbar| vert| VerticalLine| rcub} rbrace}
  quot" QUOT" apos' grave\` bsol\\`
    .split(/\s+/)
    .map((pair) => [pair.slice(0, -1), pair.slice(-1)]),
);

const HEX = '[0-9a-fA-F]';
const TOKEN = new RegExp(
  [
    '<span>&#(?<apart>36|92);</span>',
    `\\\\+u(?<high>[dD][89abAB]${HEX}{2})\\\\+u(?<low>[dD][c-fC-F]${HEX}{2})`,
    `(?<highs>(?:\\\\+x[89a-fA-F]${HEX})+)`,
    `\\\\+(?:u(?<u>${HEX}{4})|u\\{0*(?<brace>${HEX}{1,6})\\}|U(?<U>${HEX}{8})|x(?<x>${HEX}{2}))`,
    '\\\\+0?(?<octal>[0-3][0-7]{2})',
    '(?<control>\\\\+[nrt])',
    `%(?:25)*(?<percent>${HEX}{2})`,
    `&(?:amp;)*#(?:0*(?<decimal>\\d{1,7})|[xX]0*(?<hex>${HEX}{1,6}));?`,
    `&(?:amp;)*(?<name>${Object.keys(NAMES).join('|')}|nbsp|Tab|NewLine);`,
    '[\\s"\'`+]+',
    '\\\\+',
    '[\\u0080-\\uffff]+',
  ].join('|'),
  'g',
);

/** The escape of a letter, digit or one of `_.-`, which programs leave as they are: without one they are raw. */
export const ESCAPED_PLAIN =
  /\\(?:u\{?0{0,6}|U0{6}|x)(?:2[dDeE]|3\d|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])|\\0?(?:55|56|6\d|7[01]|1[0-7]\d)|%(?:25)*(?:2[dDeE]|3\d|[46][1-9a-fA-F]|[57][0-9aA]|5[fF])|&(?:amp;)*#(?:0*(?:4[5-9]|5\d|6[5-9]|[789]\d|1[012]\d)|[xX]0*(?:2[dDeE]|3\d|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]))|&(?:amp;)*(?:period|lowbar|UnderBar|hyphen|dash);/;

/** @returns what to look for in an {@link Unescaped} text; empty for a value that would be found by chance */
export function bareOf(value: string): string {
  const { text } = new Unescaped(value, false);
  const bare = text.replaceAll(MARK, ' ').trim().replaceAll(' ', MARK);
  return bare.replaceAll(MARK, '').length < FEWEST ? '' : bare;
}

/** The text that a token writes, in UTF-8. */
function written(token: RegExpExecArray, next: string): string {
  const { apart, high, low, highs, u, brace, U, x, octal, control, percent, decimal, hex, name } =
    token.groups ?? {};
  if (control !== undefined) return MARK;
  if (high !== undefined) return bytesOf(String.fromCharCode(parse(high, 16), parse(low, 16)));
  if (highs !== undefined) return highsOf(highs);
  // Bytes: each byte of a character has its own escape.
  const byte = x ?? percent;
  if (byte !== undefined) return soft(String.fromCharCode(parse(byte, 16)));
  if (octal !== undefined) return soft(String.fromCharCode(parse(octal, 8)));
  const hexadecimal = u ?? brace ?? U ?? hex;
  if (hexadecimal !== undefined) return soft(character(parse(hexadecimal, 16)));
  const number = apart ?? decimal;
  if (number !== undefined) return soft(character(parse(number, 10)));
  if (name !== undefined) return soft(NAMES[name] ?? ' ');
  // A backslash that only escapes what follows it.
  return token[0].startsWith('\\') && /^[^\w\s"'`+\\]/.test(next) ? '' : MARK;
}

/** Bytes of UTF-8, as Python shows those, or characters of Latin-1, as it shows a text. */
function highsOf(escapes: string): string {
  const bytes = Buffer.from(escapes.replace(/\\+x/g, ''), 'hex');
  return isUtf8(bytes) ? bytes.toString('latin1') : bytesOf(bytes.toString('latin1'));
}

function soft(text: string): string {
  return /^[\s"'`+\\]$/.test(text) ? MARK : text;
}

function character(code: number): string {
  return code > 0x10ffff ? '\ufffd' : bytesOf(String.fromCodePoint(code));
}

function parse(digits: string | undefined, base: number): number {
  return Number.parseInt(digits ?? '', base);
}

function bytesOf(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1');
}
