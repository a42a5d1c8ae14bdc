import { isDuration } from '../core/duration.js';
import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';

/** A variable of a dashboard with its value. */
export interface Variable {
  readonly values: readonly string[];
  /** Whether it can have several values: a query takes them as a regular expression then. */
  readonly isMulti: boolean;
  /** Whether a kernel variable is a part of it, see `Given`. */
  readonly isFromKernel: boolean;
  /** Its values are no text but the language's own: what "All" stands for. */
  readonly isWritten: boolean;
}

/**
 * What a query is written in. The strings of `promql` (and LogQL) are known. Of `sql` and of `strict`, all others, they
 * aren't: there a value from a kernel has to be a number, or stand between quotes. `words` have no syntax that a word could
 * be.
 */
export type Language = 'promql' | 'sql' | 'strict' | 'words';

/** `$name`, `${name}`, `${name:format}`, `[[name]]`: https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/ */
const REFERENCE =
  /\$(\w{1,100})|\$\{(\w{1,100})(?:\.\w{1,100})?(?::(\w{1,30}))?\}|\[\[(\w{1,100})(?::(\w{1,30}))?\]\]/g;
/** Between quotes these mean the same in every language: no quote, backslash or control character. */
const HARMLESS = /^[\p{L}\p{N}_.:@/ -]*$/u;
const WORD = /^[\p{L}\p{N}_-]+$/u;
const NUMBER = /^-?\d{1,30}(?:\.\d{1,30})?$/;
const NAME = /^[A-Za-z_:][\w:]*$/;

/**
 * Puts a dashboard's variables into a part of a query. Names that the dashboard hasn't, e.g. `$__interval`, stay: the data
 * source knows them.
 *
 * @throws {CellError} for a value of the kernel that could be more than a value there
 */
export function interpolate(
  text: string,
  variables: ReadonlyMap<string, Variable>,
  language: Language,
): string {
  let result = '';
  let end = 0;
  const quotes = new Quotes(text);
  for (const match of text.matchAll(REFERENCE)) {
    const [whole, plain, braced, format, square, squareFormat] = match;
    const name = plain ?? braced ?? square ?? '';
    const variable = variables.get(name);
    result += text.slice(end, match.index);
    end = match.index + whole.length;
    const around = `${text[match.index - 1] ?? ''}${text[end] ?? ''}`;
    const place: Place = {
      language,
      quote: language === 'promql' ? quotes.at(match.index) : '',
      isQuoted: around === "''" || around === '""',
    };
    result += variable === undefined ? whole : inPlace(name, variable, format ?? squareFormat, place);
  }
  return result + text.slice(end);
}

/** The same for each string of a query, however deep. */
export function interpolateAll(
  value: unknown,
  variables: ReadonlyMap<string, Variable>,
  language: Language,
): unknown {
  if (typeof value === 'string') return interpolate(value, variables, language);
  if (Array.isArray(value)) return value.map((each) => interpolateAll(each, variables, language));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, interpolateAll(each, variables, language)]),
  );
}

interface Place {
  readonly language: Language;
  /** Of PromQL: the quote in which it is; empty: none. */
  readonly quote: string;
  /** Whether it is all that is between two quotes. */
  readonly isQuoted: boolean;
}

function inPlace(name: string, variable: Variable, format: string | undefined, place: Place): string {
  const { values, isMulti, isFromKernel, isWritten } = variable;
  const { language, quote } = place;
  if (isWritten) return values.join('|');
  if (isFromKernel && quote === '' && !values.every((value) => isHarmless(value, place)))
    throw moreThanAValue(name);
  const text = formatted(values, format ?? usualFormat(language, isMulti));
  if (quote === '') return text;
  if (quote === '`') {
    if (text.includes('`')) throw new CellError(`The value of ${name} contains a backtick.`);
    return text;
  }
  return text.replace(/[\\"'\n\r]/g, (c) =>
    c === '\n' ? '\\n' : c === '\r' ? '\\r' : c === quote || c === '\\' ? `\\${c}` : c,
  );
}

/** Whether text from a kernel can be nothing but a value at a place outside of known quotes. */
export function isHarmless(value: string, { language, isQuoted }: Omit<Place, 'quote'>): boolean {
  if (NUMBER.test(value)) return true;
  if (language === 'promql') return NAME.test(value) || isDuration(value);
  return language === 'words' ? WORD.test(value) : isQuoted && HARMLESS.test(value);
}

export function moreThanAValue(name: string): CellError {
  return new CellError(
    `The value of ${name} could be more than a value in this query. Put it between quotes there, and use letters, digits, spaces and _ . : @ / - in it.`,
  );
}

function usualFormat(language: Language, isMulti: boolean): string {
  if (language === 'promql') return isMulti ? 'regex' : 'raw';
  if (language === 'sql') return isMulti ? 'sqlstring' : 'raw';
  return 'glob';
}

/** Source: https://grafana.com/docs/grafana/latest/dashboards/variables/variable-syntax/#advanced-variable-format-options */
function formatted(values: readonly string[], format: string): string {
  const each = (write: (value: string) => string) => values.map(write);
  const several = (texts: readonly string[], [open, between, close]: readonly [string, string, string]) =>
    texts.length === 1 ? (texts[0] ?? '') : `${open}${texts.join(between)}${close}`;
  switch (format) {
    case 'raw':
    case 'csv':
      return values.join(',');
    case 'pipe':
      return values.join('|');
    case 'text':
      return values.join(' + ');
    case 'regex':
      return several(each(literally), ['(', '|', ')']);
    case 'glob':
      return several(values, ['{', ',', '}']);
    case 'json':
      return JSON.stringify(values.length === 1 ? values[0] : values);
    case 'singlequote':
      return each((value) => `'${value.replaceAll("'", "\\'")}'`).join(',');
    case 'doublequote':
      return each((value) => `"${value.replaceAll('"', '\\"')}"`).join(',');
    case 'sqlstring':
      return each((value) => `'${value.replaceAll("'", "''")}'`).join(',');
    case 'lucene':
      return several(
        each((value) => `"${value.replace(/[\\"]/g, '\\$&')}"`),
        ['(', ' OR ', ')'],
      );
    case 'percentencode':
      return encodeURIComponent(several(values, ['{', ',', '}']));
    default:
      throw new CellError(
        `The dashboard writes a variable in the format ${quoted(format)}, which is not known here.`,
      );
  }
}

function literally(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}

/** In which quotes a place of PromQL or LogQL is. Places are asked for in order. */
class Quotes {
  readonly #text: string;
  #at = 0;
  #quote = '';

  constructor(text: string) {
    this.#text = text;
  }

  /** @returns the quote; empty: none */
  at(index: number): string {
    for (; this.#at < index; this.#at++) {
      const character = this.#text[this.#at] ?? '';
      if (this.#quote === '') {
        if (/["'`]/.test(character)) this.#quote = character;
      } else if (character === '\\' && this.#quote !== '`') this.#at += 1;
      else if (character === this.#quote) this.#quote = '';
    }
    return this.#quote;
  }
}
