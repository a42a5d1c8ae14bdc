import { escapedFor, type Language, plainOnly, textOf } from '../core/placed-values.js';
import { CellError } from '../core/processor.js';
import { isPlain, type Value } from '../core/value.js';

const doubled = (mark: string) => (text: string, reference: string) => {
  if (/[\n\r]/.test(text))
    throw new CellError(`{{${reference}}} contains a line break, which can't be written here.`);
  return text.replaceAll(mark, mark + mark);
};
const string = escapedFor('"');

/**
 * Kusto's query language. Outside of quotes a value is a literal of its type: a text gets quotes.
 * Source: https://learn.microsoft.com/kusto/query/scalar-data-types/string
 */
export const KQL: Language = {
  quotes: [
    { open: '```', close: '```', hasEscapes: false, write: plainOnly },
    { open: '@"', close: '"', hasEscapes: false, write: doubled('"') },
    { open: "@'", close: "'", hasEscapes: false, write: doubled("'") },
    { open: '"', close: '"', hasEscapes: true, write: string },
    { open: "'", close: "'", hasEscapes: true, write: escapedFor("'") },
  ],
  comments: ['//'],
  bare: (value, reference) => {
    if (value.type !== 'list') return literal(value, reference);
    if (value.value.length === 0) throw new CellError(`{{${reference}}} is an empty list.`);
    return value.value.map((item) => literal(item, reference)).join(', ');
  },
};

function literal(value: Value, reference: string): string {
  if (!isPlain(value)) return textOf(value, reference);
  if (value.type === 'number') {
    if (!/^-?\d[\d.eE+-]*$/.test(value.value))
      return `real(${value.value.toLowerCase().replace('inf', '+inf').replace('-+', '-')})`;
    return value.value.startsWith('-') ? `(${value.value})` : value.value;
  }
  if (value.type === 'bool') return String(value.value);
  if (value.type === 'date' || value.type === 'time') return `datetime("${string(value.value)}")`;
  return `"${string(value.value)}"`;
}
