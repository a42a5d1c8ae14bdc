import type { Value } from '../../../processors/core/value.js';

/** How deep a kernel's lists and dicts may nest. */
const DEEPEST = 20;

/** What the helper's `typed()` wrote (values.py). A kernel can send anything: what isn't typed so is left out. */
export function readValues(values: unknown): ReadonlyMap<string, Value> {
  const read = new Map<string, Value>();
  for (const [reference, value] of Object.entries(Object(values) as object)) {
    if (isValue(value)) read.set(reference, value);
  }
  return read;
}

function isValue(value: unknown, depth = 0): value is Value {
  const { type, value: inner } = Object(value) as { type?: unknown; value?: unknown };
  if (type === 'list')
    return depth < DEEPEST && Array.isArray(inner) && inner.every((item) => isValue(item, depth + 1));
  if (type === 'object') {
    const isObject = typeof inner === 'object' && inner !== null && !Array.isArray(inner);
    return isObject && depth < DEEPEST && Object.values(inner).every((item) => isValue(item, depth + 1));
  }
  if (type === 'table') return isTable(inner);
  if (type === 'null') return inner === null;
  if (type === 'bool') return typeof inner === 'boolean';
  if (type === 'number') return typeof inner === 'string' && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(inner);
  if (type === 'bytes') return typeof inner === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(inner);
  return (type === 'text' || type === 'date' || type === 'time') && typeof inner === 'string';
}

function isTable(value: unknown): boolean {
  const { columns, rows, total, all_columns } = Object(value) as Record<string, unknown>;
  const isText = (field: unknown) => typeof field === 'string' || field === null;
  return (
    Array.isArray(columns) &&
    columns.every((name) => typeof name === 'string') &&
    Array.isArray(rows) &&
    rows.every((row) => Array.isArray(row) && row.length === columns.length && row.every(isText)) &&
    Number.isSafeInteger(total) &&
    Number.isSafeInteger(all_columns)
  );
}
