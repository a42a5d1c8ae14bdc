import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import { shortened } from '../core/refusal.js';
import { isPlain, jsonOf, type Table, type Value } from '../core/value.js';

/** What is put in of a list of dicts, as the kernel's helper does with a DataFrame. */
const MOST_ROWS = 200;
const MOST_COLUMNS = 50;
/** Characters. */
const LONGEST_FIELD = 500;

/**
 * Puts kernel variables into a prompt: text as it is, a table as CSV with its size stated, lists as JSON.
 * A model tells instructions from data by nothing but their form, so a table is fenced.
 */
export function renderPrompt(prompt: string, values: ReadonlyMap<string, Value>): string {
  let result = '';
  let at = 0;
  for (;;) {
    const next = prompt.indexOf('{{', at);
    if (next < 0) return result + prompt.slice(at);
    const isEscaped = prompt[next - 1] === '\\' && next > at;
    const reference = isEscaped ? undefined : referenceAt(prompt, next);
    result += prompt.slice(at, isEscaped ? next - 1 : next);
    if (reference === undefined) {
      result += '{{';
      at = next + 2;
      continue;
    }
    const value = values.get(reference);
    if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
    result += textOf(value);
    at = next + reference.length + 4;
  }
}

function textOf(value: Value): string {
  if (value.type === 'table') return tableText(value.value);
  if (value.type === 'list') {
    const records = value.value.filter((item) => item.type === 'object');
    return records.length === value.value.length && records.length > 0
      ? tableText(tableOfRecords(records))
      : jsonOf(value);
  }
  return isPlain(value) ? String(value.value) : jsonOf(value);
}

/** The beginning of a list of dicts. */
function tableOfRecords(records: readonly Extract<Value, { type: 'object' }>[]): Table {
  const head = records.slice(0, MOST_ROWS);
  const names = [...new Set(head.flatMap((record) => Object.keys(record.value)))];
  const columns = names.slice(0, MOST_COLUMNS);
  return {
    columns,
    rows: head.map(({ value }) =>
      columns.map((name) => (Object.hasOwn(value, name) ? fieldOf(value[name]) : null)),
    ),
    total: records.length,
    all_columns: names.length,
  };
}

function fieldOf(value: Value | undefined): string | null {
  if (value === undefined || value.type === 'null') return null;
  return shortened(isPlain(value) ? String(value.value) : jsonOf(value), LONGEST_FIELD);
}

/** RFC 4180, in a fence that its content can't close. */
function tableText({ columns, rows, total, all_columns }: Table): string {
  const csv = [columns, ...rows].map((row) => row.map(field).join(',')).join('\n');
  const longest = Math.max(2, ...[...csv.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const shown = rows.length < total ? `the first ${rows.length} of ${total} rows` : `${total} rows`;
  const more = columns.length < all_columns ? `, the first ${columns.length} of ${all_columns} columns` : '';
  return `(table as CSV: ${shown}${more})\n${fence}csv\n${csv}\n${fence}\n`;
}

function field(text: string | null): string {
  if (text === null) return '';
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
