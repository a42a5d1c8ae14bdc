import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { renderSearch, type SearchSyntax } from '../core/search-text.js';
import { isPlain, type Value } from '../core/value.js';

/** What the first word of a cell's body may be. */
export const SUBJECTS = ['logs', 'spans', 'metrics', 'monitors', 'events', 'aggregate'] as const;
export type Subject = (typeof SUBJECTS)[number];

/**
 * Reads `logs service:web status:error`, however many lines it has.
 * @throws {CellError} for a body that begins with another word
 */
export function readBody(body: string): { readonly subject: Subject; readonly query: string } {
  const text = body.trim();
  const word = /^\S*/.exec(text)?.[0] ?? '';
  const subject = SUBJECTS.find((each) => each === word);
  if (subject === undefined)
    throw new CellError(
      `A %%datadog cell begins with ${SUBJECTS.slice(0, -1).join(', ')} or ${SUBJECTS.at(-1)}, and goes on with a query, ` +
        'e.g. logs service:web status:error.',
    );
  return {
    subject,
    query: text
      .slice(word.length)
      .trim()
      .replace(/\s*\n\s*/g, ' '),
  };
}

/** Source: https://docs.datadoghq.com/logs/explorer/search_syntax/ (escaping of special characters and spaces) */
const SEARCH: SearchSyntax = {
  name: 'Datadog’s search',
  special: /[-=!&|><(){}[\]"*?:\\#~^+,;\s]/g,
  hasPatterns: false,
};

/** Source: https://docs.datadoghq.com/getting_started/tagging/#define-tags */
const TAG = /^[\p{L}\p{N}_.:/-]+$/u;

/** A query with the values of its references. */
export function renderQuery(subject: Subject, query: string, values: ReadonlyMap<string, Value>): string {
  return subject === 'metrics' ? renderMetrics(query, values) : renderSearch(query, values, SEARCH);
}

/**
 * A metric query has no quotes: only a value that is a tag or a number can stand in it. A list is for `IN (…)`.
 * @throws {CellError} for any other value
 */
function renderMetrics(query: string, values: ReadonlyMap<string, Value>): string {
  let result = '';
  for (let at = 0; at < query.length; ) {
    if (query.startsWith('\\{{', at)) {
      result += '{{';
      at += 3;
      continue;
    }
    const reference = query.startsWith('{{', at) ? referenceAt(query, at) : undefined;
    if (reference === undefined) {
      result += query[at] ?? '';
      at += 1;
      continue;
    }
    const value = values.get(reference);
    if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
    const isList = value.type === 'list';
    if (isList && !/\bIN\s{0,9}\(\s{0,9}$/i.test(result.slice(-40)))
      throw new CellError(`{{${reference}}} is a list: write it as {env IN ({{${reference}}})}.`);
    result += (isList ? value.value : [value]).map((each) => tagOf(reference, each)).join(',');
    at += reference.length + 4;
  }
  return result;
}

function tagOf(reference: string, value: Value): string {
  const text = isPlain(value) ? String(value.value) : '';
  if (TAG.test(text)) return text;
  throw new CellError(
    `{{${reference}}} can't be used in a metric query: only numbers and the letters of tags (a-z, 0-9, _ - . : /) can.`,
  );
}
