/** One line of numbers: a value for each contender, NaN where there is none. */
export interface Row {
  readonly label: string;
  readonly values: ReadonlyMap<string, number>;
}

/**
 * @param contenders column order
 * @param subject the contender whose ratios to the others are shown
 * @returns a Markdown table
 */
export function table(
  rows: readonly Row[],
  contenders: readonly string[],
  subject: string,
  references: readonly string[],
): string {
  const compared = references.filter((name) => contenders.includes(name));
  const head = ['', ...contenders, ...compared.map((name) => `${subject} / ${name}`)];
  const body = rows.map(({ label, values }) => [
    label,
    ...contenders.map((name) => number(values.get(name))),
    ...compared.map((name) => number((values.get(subject) ?? Number.NaN) / (values.get(name) ?? Number.NaN))),
  ]);
  const rule = head.map((_, index) => (index === 0 ? ':--' : '--:'));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function number(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}
