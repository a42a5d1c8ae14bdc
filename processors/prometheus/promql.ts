import { isDuration } from '../core/duration.js';
import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { compoundName, isPlain, type Value } from '../core/value.js';

/** What may stand outside of quotes: a metric's or label's name. */
const NAME = /^[A-Za-z_:][\w:]*$/;

/** What a string of a query is to its language. */
export interface StringKind {
  /** A value stands there for itself: it is escaped as a literal, and a list becomes alternatives. */
  readonly isRegex: boolean;
  /** What has a meaning there that can't be escaped, and what the string is: `{{` in a template. */
  readonly refuses?: readonly [part: string, kind: string];
}

/**
 * Puts kernel variables into PromQL by its own rules (invariant S11): inside quotes a value is escaped for that quote,
 * and as a literal where the matcher takes a regular expression (a list there becomes alternatives); outside of quotes
 * only numbers, names and durations can stand.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
 *
 * @param kindOf for a language with the same strings: what the one is that opens at an index, behind another one
 * @throws {CellError} for a value that can't stand where the reference is
 */
export function renderPromql(
  query: string,
  values: ReadonlyMap<string, Value>,
  kindOf: (query: string, at: number, before: StringKind) => StringKind = promqlKind,
): string {
  let result = '';
  let quote = '';
  let kind: StringKind = { isRegex: false };
  for (let at = 0; at < query.length; ) {
    const reference =
      query.startsWith('{{', at) && query[at - 1] !== '\\' ? referenceAt(query, at) : undefined;
    if (reference !== undefined) {
      result += place(reference, values.get(reference), quote, kind);
      at += reference.length + 4;
      continue;
    }
    const character = query[at] ?? '';
    if (character === '\\' && query.startsWith('\\{{', at)) {
      result += '{{';
      at += 3;
      continue;
    }
    if (quote === '' && character === '#') {
      const end = query.indexOf('\n', at);
      result += query.slice(at, end < 0 ? undefined : end);
      at = end < 0 ? query.length : end;
      continue;
    }
    if (quote !== '' && quote !== '`' && character === '\\') {
      result += query.slice(at, at + 2);
      at += 2;
      continue;
    }
    if (quote === '' && /["'`]/.test(character)) {
      quote = character;
      kind = kindOf(query, at, kind);
    } else if (character === quote) quote = '';
    result += character;
    at += 1;
  }
  return result;
}

/** Whether `=~` or `!~` is right before an index. */
function promqlKind(query: string, at: number): StringKind {
  return { isRegex: /^[=!]~$/.test(textBefore(query, at, 2)) };
}

/** The last characters before an index, without the spaces between. */
export function textBefore(query: string, at: number, most: number): string {
  let before = at;
  while (/\s/.test(query[before - 1] ?? '')) before -= 1;
  return query.slice(Math.max(0, before - most), before);
}

function place(
  reference: string,
  value: Value | undefined,
  quote: string,
  { isRegex, refuses }: StringKind,
): string {
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  if (quote === '') return bare(reference, value);
  const texts =
    value.type === 'list' ? value.value.map((item) => plain(reference, item)) : [plain(reference, value)];
  if (!isRegex && texts.length !== 1)
    throw new CellError(`{{${reference}}} is a list: use it only in a =~ or !~ matcher.`);
  const text = isRegex ? texts.map(literally).join('|') : (texts[0] ?? '');
  if (refuses !== undefined && text.includes(refuses[0]))
    throw new CellError(
      `{{${reference}}} contains ${refuses[0]}, which has a meaning in ${refuses[1]}. Use a value without it.`,
    );
  if (quote === '`') {
    if (text.includes('`'))
      throw new CellError(`{{${reference}}} contains a backtick. Use double quotes there.`);
    return text;
  }
  return text.replace(/[\\"'\n\r]/g, (c) =>
    c === '\n' ? '\\n' : c === '\r' ? '\\r' : c === quote || c === '\\' ? `\\${c}` : c,
  );
}

function bare(reference: string, value: Value): string {
  if (value.type === 'number') return value.value;
  const { value: text } = value;
  if (typeof text === 'string' && (NAME.test(text) || isDuration(text))) return text;
  throw new CellError(
    `{{${reference}}} is outside quotes. Only a number, a name or a duration such as 5m can be used there.`,
  );
}

function plain(reference: string, value: Value): string {
  if (!isPlain(value)) {
    const is = value.type === 'list' ? 'is a nested list' : `contains ${compoundName(value)}`;
    throw new CellError(`{{${reference}}} ${is}. PromQL has no such value.`);
  }
  return String(value.value);
}

/** RE2 takes these as they are only behind a backslash. */
function literally(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&');
}
