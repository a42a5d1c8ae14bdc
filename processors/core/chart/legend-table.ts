import type { Bundle } from './frame.js';
import type { Point } from './line.js';

/** What is known of a line's values. NaN and infinities are left out; a line without others has none. */
interface Summary {
  readonly name: string;
  readonly last: number;
  readonly least: number;
  readonly most: number;
  readonly mean: number;
}

const HEADS = ['series', 'last', 'min', 'max', 'mean'];
const DIGITS = 6;

/**
 * The values of a chart's lines in numbers, below it: the legend of a chart can't show them.
 *
 * @param lines those that are drawn, in their order
 * @param title of their names; empty: none
 */
export function legendTable(
  lines: readonly { readonly name: string; readonly points: readonly Point[] }[],
  title: string,
): Bundle {
  const rows = lines.flatMap(({ name, points }) => {
    const summary = summaryOf(name, points);
    return summary === undefined
      ? []
      : [[summary.name, ...[summary.last, summary.least, summary.most, summary.mean].map(written)]];
  });
  const heads = HEADS.with(0, title === '' ? (HEADS[0] ?? '') : title);
  return { 'text/html': htmlOf(heads, rows), 'text/plain': textOf([heads, ...rows]) };
}

function summaryOf(name: string, points: readonly Point[]): Summary | undefined {
  const values = points.map(([, value]) => value).filter(Number.isFinite);
  const last = values.at(-1);
  if (last === undefined) return undefined;
  const sum = values.reduce((a, b) => a + b, 0);
  return {
    name,
    last,
    least: values.reduce((a, b) => Math.min(a, b), last),
    most: values.reduce((a, b) => Math.max(a, b), last),
    mean: sum / values.length,
  };
}

function written(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: DIGITS });
}

function htmlOf(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (tag: string, cells: readonly string[]) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((cells) => line('td', cells)).join('');
  return `<table class="dataframe"><thead>${line('th', heads)}</thead><tbody>${body}</tbody></table>`;
}

function textOf(rows: readonly (readonly string[])[]): string {
  const widths = HEADS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  '),
    )
    .join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}
