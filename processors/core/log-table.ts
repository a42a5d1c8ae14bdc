import type { Page } from './pages.js';
import { tableOfRecords } from './records.js';
import type { Json } from './value.js';

/** A line of a log. */
export interface LogEntry {
  /** Microseconds since 1970, as digits. */
  readonly time: string;
  /** What the service knows of it beside its text: labels, tags, attributes. */
  readonly fields: Readonly<Record<string, Json>>;
  readonly message: string;
}

/**
 * Log lines as a table: their time, what is known of them, and their text last, because it is long.
 *
 * @param entries in the order in which they are shown
 */
export function logTable(entries: readonly LogEntry[]): Generator<Page> {
  return tableOfRecords(
    entries.map(({ time, fields, message }) => ({ time, ...others(fields), message })),
    { types: { time: 'time', message: 'text' }, isLast: (column) => column === 'message' },
  );
}

/** A service may call a field of its own as a column of every log. */
function others(fields: LogEntry['fields']): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [TAKEN.has(name) ? `${name}_` : name, value]),
  );
}

const TAKEN = new Set(['time', 'message']);
