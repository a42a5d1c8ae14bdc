import { CellError } from '../processor.js';
import { compoundName, type Value } from '../value.js';
import type { Annotation } from './marks.js';

/** More hide the chart. */
const MOST_ANNOTATIONS = 50;
const LONGEST_TEXT = 80;

export interface Annotations {
  readonly all: readonly Annotation[];
  /** What isn't marked, in a sentence; may be empty. */
  readonly note: string;
}

/**
 * The times of a DataFrame, each with the texts beside it.
 *
 * @param name of the kernel's variable
 * @throws {CellError} for a value without times
 */
export function annotationsOf(name: string, value: Value | undefined): Annotations {
  if (value?.type !== 'table')
    throw new CellError(
      `--annotate takes a DataFrame with a column of times, and ${name} is ${value === undefined ? 'not set' : (compoundName(value) ?? `a ${value.type}`)}.`,
    );
  const { columns, rows, total } = value.value;
  const time = columns.findIndex((_, at) => rows.length > 0 && rows.every((row) => isTime(row[at])));
  if (time < 0)
    throw new CellError(`--annotate: no column of ${name} contains only times such as 2026-01-31 12:00:00.`);
  const all = rows.slice(0, MOST_ANNOTATIONS).map((row) => ({
    time: milliseconds(row[time] ?? ''),
    text: row
      .filter((cell, at) => at !== time && cell !== null)
      .join(' ')
      .slice(0, LONGEST_TEXT),
  }));
  const note =
    total > all.length
      ? `The chart marks the first ${all.length} of ${total.toLocaleString('en')} rows of ${name}.`
      : '';
  return { all, note };
}

/** A date with a time, as pandas writes it; a number alone isn't one. */
function isTime(cell: string | null | undefined): boolean {
  return typeof cell === 'string' && /^\d{4}-\d\d-\d\d/.test(cell) && Number.isFinite(milliseconds(cell));
}

/** A time without a zone is in UTC, as in every table and chart here. */
function milliseconds(cell: string): number {
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/.test(cell.slice(10));
  const iso = cell.replace(' ', 'T');
  return Date.parse(hasZone || iso.length === 10 ? iso : `${iso}Z`);
}
