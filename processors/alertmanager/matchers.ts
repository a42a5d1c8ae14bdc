import { CellError } from '../core/processor.js';
import { quoted } from '../core/refusal.js';

/** Source: https://prometheus.io/docs/alerting/latest/configuration/#matcher */
export interface Matcher {
  readonly name: string;
  readonly value: string;
  readonly isRegex: boolean;
  readonly isEqual: boolean;
}

const SPACES = /[\s,{}]*/y;
const NAME = /[A-Za-z_:][\w:]*/y;
const OPERATOR = /\s*(=~|!~|!=|=)\s*/y;
const BARE = /[^\s,{}"'`]+/y;
const PLAIN_NAME = /^[A-Za-z_:][\w:]*$/;

/**
 * Matchers as Prometheus, Alertmanager and amtool write them, one a line or between commas, with braces or without.
 *
 * @throws {CellError} saying which one is none
 */
export function readMatchers(text: string): Matcher[] {
  const matchers: Matcher[] = [];
  for (let at = skip(text, 0); at < text.length; at = skip(text, at)) {
    const start = at;
    const name = text[at] === '"' ? stringAt(text, at) : wordAt(NAME, text, at);
    if (name === undefined) throw noMatcher(text, start);
    at = name.end;
    OPERATOR.lastIndex = at;
    const operator = OPERATOR.exec(text);
    if (operator === null) throw noMatcher(text, start);
    at += operator[0].length;
    const value = text[at] === '"' ? stringAt(text, at) : wordAt(BARE, text, at);
    if (value === undefined) throw noMatcher(text, start);
    at = value.end;
    const sign = operator[1] ?? '=';
    matchers.push({
      name: name.text,
      value: value.text,
      isRegex: sign.endsWith('~'),
      isEqual: sign.startsWith('='),
    });
  }
  return matchers;
}

/** As it stands in a matcher's `filter`, and in a table. */
export function writeMatcher({ name, value, isRegex, isEqual }: Matcher): string {
  const sign = isEqual ? (isRegex ? '=~' : '=') : isRegex ? '!~' : '!=';
  return `${PLAIN_NAME.test(name) ? name : inQuotes(name)}${sign}${inQuotes(value)}`;
}

function inQuotes(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

function skip(text: string, at: number): number {
  SPACES.lastIndex = at;
  return at + (SPACES.exec(text)?.[0].length ?? 0);
}

interface Found {
  readonly text: string;
  readonly end: number;
}

function wordAt(pattern: RegExp, text: string, at: number): Found | undefined {
  pattern.lastIndex = at;
  const found = pattern.exec(text)?.[0];
  return found === undefined ? undefined : { text: found, end: at + found.length };
}

/** A string in double quotes, with the escapes that these have. @returns undefined when it doesn't end */
function stringAt(text: string, start: number): Found | undefined {
  let result = '';
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '"') return { text: result, end: at + 1 };
    if (character !== '\\') {
      result += character;
      continue;
    }
    at += 1;
    const escaped = text[at] ?? '';
    // Any other one is two characters: `\d` of a regular expression.
    result += ESCAPES[escaped] ?? `\\${escaped}`;
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', '"': '"', '\\': '\\' };

function noMatcher(text: string, at: number): CellError {
  const line = text.slice(at).split('\n')[0] ?? '';
  return new CellError(
    `“${quoted(line)}” is not a matcher. Write label="value", or != for not, =~ and !~ for regular expressions.`,
  );
}
