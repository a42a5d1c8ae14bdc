/** A number of JSON that JavaScript's numbers would change, e.g. a large identifier. */
export class ExactNumber {
  /** As it was written. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): string {
    return MARK + this.text;
  }
}

/** A service's text contains it only by intent. Then it is a number's text. */
const MARK = '\u0000exact number:';
const MAY_BE_LONG = /\d[\d.]{14}|\d[eE]/;
/** Only for well-formed JSON: a text that isn't closed would be searched again and again. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const NUMBER = /^-?\d[\d.eE+-]*$/;

/**
 * JSON.parse, except that numbers which JavaScript can't represent become an {@link ExactNumber}.
 * @throws {SyntaxError} for a text that isn't JSON
 */
export function parseExactJson(text: string): unknown {
  const plain: unknown = JSON.parse(text);
  if (!MAY_BE_LONG.test(text)) return plain;
  let some = false;
  const marked = text.replace(TOKENS, (token) => {
    if (token.startsWith('"') || isHeld(token)) return token;
    some = true;
    return `"\\u0000${MARK.slice(1)}${token}"`;
  });
  if (!some) return plain;
  return JSON.parse(marked, (_, value: unknown) => {
    if (typeof value !== 'string' || !value.startsWith(MARK)) return value;
    const number = value.slice(MARK.length);
    return NUMBER.test(number) ? new ExactNumber(number) : value;
  });
}

/** JSON whose numbers are written as they came. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value).replace(/"\\u0000exact number:(-?\d[\d.eE+-]*)"/g, '$1');
}

/** By the shortest text that is read as the same number: https://tc39.es/ecma262/#sec-numeric-types-number-tostring */
function isHeld(text: string): boolean {
  const number = Number(text);
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(number);
  return Number.isFinite(number) && canonical(text) === canonical(String(number));
}

/** Sign, digits without zeros around them, and the power of ten of the first. */
function canonical(text: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const all = whole + fraction;
  const digits = all.replace(/^0+/, '');
  if (digits === '') return '0';
  const first = whole.length - (all.length - digits.length) + Number(power);
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return `${sign}${digits.slice(0, end)}e${first}`;
}
