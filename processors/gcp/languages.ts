import { escapedFor, type Language, textOf } from '../core/placed-values.js';
import { CellError } from '../core/processor.js';
import type { Value } from '../core/value.js';

const string = escapedFor('"');

/**
 * The language of Cloud Logging, and that of asset search. Outside of quotes a text gets them.
 * Source: https://cloud.google.com/logging/docs/view/logging-query-language
 */
export const LOGGING_QUERY: Language = {
  quotes: [
    { open: '"', close: '"', hasEscapes: true, write: string },
    { open: "'", close: "'", hasEscapes: true, write: escapedFor("'") },
  ],
  comments: ['--'],
  bare: (value, reference) => {
    if (value.type !== 'list') return literal(value, reference);
    if (value.value.length === 0) throw new CellError(`{{${reference}}} is an empty list.`);
    // `severity=("ERROR" OR "CRITICAL")`
    return `(${value.value.map((item) => literal(item, reference)).join(' OR ')})`;
  },
};

function literal(value: Value, reference: string): string {
  return value.type === 'number' ? value.value : `"${string(textOf(value, reference))}"`;
}
