import { escapedFor, type Language, plainOnly, textOf } from '../core/placed-values.js';
import { CellError } from '../core/processor.js';
import { isPlain, type Value } from '../core/value.js';

const string = escapedFor('"');

/**
 * The query language of Logs Insights.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
 */
export const INSIGHTS_QUERY: Language = {
  quotes: [
    { open: '"', close: '"', hasEscapes: true, write: string },
    { open: "'", close: "'", hasEscapes: true, write: escapedFor("'") },
    { open: '`', close: '`', hasEscapes: false, write: plainOnly },
    {
      open: '/',
      close: '/',
      hasEscapes: true,
      write: literally,
      // Anywhere else it divides.
      beginsAfter: (before) => /(?:\blike|=~|[(,]|\bparse\s+\S{1,30})$/i.test(before),
    },
  ],
  comments: ['#'],
  bare: (value, reference) =>
    value.type === 'list'
      ? `[${value.value.map((item) => literal(item, reference)).join(', ')}]`
      : literal(value, reference),
};

/**
 * Filter patterns of log events.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export const FILTER_PATTERN: Language = {
  quotes: [
    { open: '"', close: '"', hasEscapes: true, write: string },
    { open: '%', close: '%', hasEscapes: true, write: (text, reference) => escapedPattern(text, reference) },
  ],
  comments: [],
  bare: (value, reference) =>
    value.type === 'number' ? value.value : `"${string(textOf(value, reference))}"`,
};

/**
 * Metric math, SEARCH and Metrics Insights.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
 */
export const METRIC_EXPRESSION: Language = {
  quotes: [
    { open: '"', close: '"', hasEscapes: true, write: plainOnly },
    { open: "'", close: "'", hasEscapes: true, write: plainOnly },
  ],
  comments: [],
  bare: (value, reference) => {
    const text = textOf(value, reference);
    if (value.type === 'number' || /^[A-Za-z_]\w*$/.test(text)) return text;
    throw new CellError(`{{${reference}}} is outside quotes. Only a number or a name can be used there.`);
  },
};

function literal(value: Value, reference: string): string {
  if (value.type === 'number') return value.value;
  if (isPlain(value)) return `"${string(String(value.value))}"`;
  return textOf(value, reference);
}

/** Inside a regular expression: each character for itself. */
function literally(text: string, reference: string): string {
  if (/[\x00-\x1f\x7f]/.test(text))
    throw new CellError(`{{${reference}}} contains a line break, which can't be written here.`);
  return text.replace(/[\\.+*?()|[\]{}^$/]/g, '\\$&');
}

function escapedPattern(text: string, reference: string): string {
  if (text.includes('%'))
    throw new CellError(`{{${reference}}} contains a percent sign, which ends the pattern.`);
  return literally(text, reference);
}
