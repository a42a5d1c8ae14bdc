import { createHash } from 'node:crypto';
import type { Pieces } from '../core/apart.js';
import type { Column, Page } from '../core/pages.js';
import { CellError, type Json } from '../core/processor.js';
import { isEmpty, tableOf } from '../prometheus/results.js';
import { notLoki, readEnvelope } from './requests.js';

/** Of a metric query: the answer's status, and what is said below. */
export interface MetricAsked {
  readonly status: number;
  readonly logql: string;
  readonly notes: readonly string[];
  /** In milliseconds: a range, and the time between two of its values. */
  readonly span?: { readonly start: number; readonly end: number; readonly step: number };
}

export interface LogsAsked {
  readonly status: number;
  readonly logql: string;
  readonly isBackward: boolean;
  /** The labels that are columns, from the page before. */
  readonly columns: readonly string[] | undefined;
  /** Lines of the page before that come again, see {@link LogPage.again}. */
  readonly again: readonly string[];
  /** Lines that may still be shown. */
  readonly left: number;
  /** Lines that were asked for: as many mean that there may be more. */
  readonly lines: number;
  /** For where it is a metric query. In milliseconds. */
  readonly metric: {
    readonly start: number;
    readonly end: number;
    readonly step: number;
    readonly note: string;
  };
}

/** What is known of a page of lines once it is read. */
export interface LogPage {
  readonly kind: 'logs';
  readonly columns: readonly string[];
  /** Lines of the answer, and those of them that are shown. */
  readonly count: number;
  readonly shown: number;
  /** Whether lines were left out because no more may be shown. */
  readonly isCut: boolean;
  /** The time of the last line, in nanoseconds; undefined when there is no line. */
  readonly last: string | undefined;
  /** Hashes of the lines of that time. */
  readonly again: readonly string[];
  readonly remarks: string;
}

interface Line {
  /** Nanoseconds since 1970. */
  readonly time: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Labels that are columns at most. */
const MOST_LABELS = 100;
const OTHERS = '(others)';
/** Rows of a page, and characters of their lines, give or take one line. */
const PAGE_ROWS = 1_000;
const PAGE_CHARACTERS = 512 * 1024;

/** A work for `apart`. @throws {CellError} what Loki said */
export function* tableOfMetric(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, logql, notes, span } = argument as MetricAsked;
  const { data, remarks } = readEnvelope(status, pieces, logql);
  yield* metricTable(data, { logql, notes: [...notes, remarks], span });
}

function* metricTable(
  data: unknown,
  { logql, notes, span }: Pick<MetricAsked, 'logql' | 'notes'> & { span: MetricAsked['span'] | undefined },
): Generator<Page> {
  const { resultType } = Object(data) as { resultType?: unknown };
  if (!['matrix', 'vector', 'scalar'].includes(String(resultType)))
    throw resultType === 'streams'
      ? new CellError('A query of lines has no value at one time. Leave out --instant.')
      : notLoki(200);
  const nothing = isEmpty(data, logql) ? 'No series matches.' : '';
  yield* tableOf(data, { promql: logql, span }, [nothing, ...notes]);
}

/** A work for `apart`: the lines of one answer, and last what is known of them. @throws {CellError} what Loki said */
export function* pageOfLogs(pieces: Pieces, argument: unknown): Generator<LogPage | Page> {
  const { status, logql, isBackward, left, lines, metric, ...asked } = argument as LogsAsked;
  const { data, remarks } = readEnvelope(status, pieces, logql);
  const { resultType, result } = Object(data) as { resultType?: unknown; result?: unknown };
  if (resultType !== 'streams') {
    const { note, ...span } = metric;
    yield* metricTable(data, { logql, notes: [note, remarks], span });
    return;
  }
  const all = linesOf(result);
  const sign = isBackward ? -1 : 1;
  all.sort((a, b) => sign * compareTimes(a.time, b.time));
  const fresh = withoutThose(all, asked.again);
  const shown = fresh.slice(0, left);
  const names = asked.columns ?? namesOf(shown, all.length >= lines && fresh.length < left);
  if (asked.columns === undefined) yield { kind: 'columns', columns: columnsOf(names) };
  yield* rowsOf(shown, names);
  const last = all.at(-1)?.time;
  yield {
    kind: 'logs',
    columns: names,
    count: all.length,
    shown: shown.length,
    isCut: fresh.length > shown.length,
    last,
    again: all.filter(({ time }) => time === last).map(hashOf),
    remarks,
  };
}

function linesOf(result: unknown): Line[] {
  const lines: Line[] = [];
  for (const item of Array.isArray(result) ? result : []) {
    const { stream, values } = Object(item) as { stream?: unknown; values?: unknown };
    const labels = Object.fromEntries(
      Object.entries(Object(stream)).map(([name, value]) => [name, String(value)]),
    );
    for (const value of Array.isArray(values) ? values : []) {
      const [time, text] = Array.isArray(value) ? value : [];
      if (typeof time !== 'string' || !/^\d{1,19}$/.test(time) || typeof text !== 'string')
        throw notLoki(200);
      lines.push({ time, labels, text });
    }
  }
  return lines;
}

/** Digits without leading zeros. */
function compareTimes(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** A line that Loki has twice comes twice, and is left out as often as it came before. */
function withoutThose(lines: readonly Line[], before: readonly string[]): Line[] {
  if (before.length === 0) return [...lines];
  const known = new Map<string, number>();
  for (const hash of before) known.set(hash, (known.get(hash) ?? 0) + 1);
  const time = lines[0]?.time;
  return lines.filter((line) => {
    if (line.time !== time) return true;
    const hash = hashOf(line);
    const times = known.get(hash) ?? 0;
    if (times > 0) known.set(hash, times - 1);
    return times === 0;
  });
}

function hashOf({ time, labels, text }: Line): string {
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([time, sorted, text]))
    .digest('base64');
}

function labelsOf(lines: readonly Line[]): string[] {
  const names = new Set<string>();
  let before: Line['labels'] | undefined;
  for (const { labels } of lines) {
    // Lines of a stream share them.
    if (labels !== before) for (const name in labels) names.add(name);
    before = labels;
  }
  return [...names].sort();
}

/** Once the table has begun its columns can't change: labels that come later are in the one of all others. */
function namesOf(lines: readonly Line[], mayGoOn: boolean): string[] {
  const labels = labelsOf(lines);
  const names = labels.slice(0, MOST_LABELS);
  return mayGoOn || labels.length > MOST_LABELS ? [...names, OTHERS] : names;
}

/** The message comes last, because it is long. */
function columnsOf(names: readonly string[]): Column[] {
  return [
    { name: 'time', type: 'time' },
    ...names.map((name): Column => {
      if (name === OTHERS) return { name, type: 'json' };
      return { name: TAKEN.test(name) ? `label_${name}` : name, type: 'text' };
    }),
    { name: 'message', type: 'text' },
  ];
}

/** A label of such a name gets the prefix `label_`; a label that has this prefix already gets one more. */
const TAKEN = /^(?:label_)*(?:time|message)$/;

function* rowsOf(lines: readonly Line[], names: readonly string[]): Generator<Page> {
  const known = new Set(names);
  const empty = (): Json[][] => [[], ...names.map(() => []), []];
  let rows = empty();
  let characters = 0;
  for (const { time, labels, text } of lines) {
    const values = names.map((name) => (name === OTHERS ? othersOf(labels, known) : (labels[name] ?? null)));
    const row = [Number(BigInt(time) / 1_000n), ...values, text];
    for (let at = 0; at < row.length; at++) rows[at]?.push(row[at] ?? null);
    characters += text.length;
    if ((rows[0]?.length ?? 0) < PAGE_ROWS && characters < PAGE_CHARACTERS) continue;
    yield { kind: 'rows', rows };
    rows = empty();
    characters = 0;
  }
  if ((rows[0]?.length ?? 0) > 0) yield { kind: 'rows', rows };
}

function othersOf(labels: Line['labels'], known: ReadonlySet<string>): Json {
  const left = Object.entries(labels).filter(([name]) => !known.has(name));
  return left.length === 0 ? null : Object.fromEntries(left);
}
