import { isDuration } from '../core/duration.js';
import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { compoundName, isPlain, type Value } from '../core/value.js';

/** What may stand outside of quotes: a metric's or label's name. */
const NAME = /^[A-Za-z_:][\w:]*$/;

/**
 * Puts kernel variables into PromQL by its own rules (invariant S11): inside quotes a value is escaped for that quote,
 * and as a literal where the matcher takes a regular expression (a list there becomes alternatives); outside of quotes
 * only numbers, names and durations can stand.
 *
 * Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals
 *
 * @throws {CellError} for a value that can't stand where the reference is
 */
export function renderPromql(query: string, values: ReadonlyMap<string, Value>): string {
  let result = '';
  let quote = '';
  let isRegex = false;
  for (let at = 0; at < query.length; ) {
    const reference =
      query.startsWith('{{', at) && query[at - 1] !== '\\' ? referenceAt(query, at) : undefined;
    if (reference !== undefined) {
      result += place(reference, values.get(reference), quote, isRegex);
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
      isRegex = followsRegexMatcher(query, at);
    } else if (character === quote) quote = '';
    result += character;
    at += 1;
  }
  return result;
}

/** Whether `=~` or `!~` is right before an index. */
function followsRegexMatcher(query: string, at: number): boolean {
  let before = at;
  while (/\s/.test(query[before - 1] ?? '')) before -= 1;
  return /^[=!]~$/.test(query.slice(Math.max(0, before - 2), before));
}

function place(reference: string, value: Value | undefined, quote: string, isRegex: boolean): string {
  if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
  if (quote === '') return bare(reference, value);
  const texts =
    value.type === 'list' ? value.value.map((item) => plain(reference, item)) : [plain(reference, value)];
  if (!isRegex && texts.length !== 1)
    throw new CellError(`{{${reference}}} is a list: use it only in a =~ or !~ matcher.`);
  const text = isRegex ? texts.map(literally).join('|') : (texts[0] ?? '');
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
