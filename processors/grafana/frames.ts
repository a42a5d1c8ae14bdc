import type { Pieces } from '../core/apart.js';
import { usualStep } from '../core/chart/line.js';
import { type Labels, type Series, timeSeriesChart } from '../core/chart/time-series.js';
import type { Column, ColumnType, Page } from '../core/pages.js';
import { CellError, type Json } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { notGrafana, readAnswer } from './requests.js';

export interface FramesAsked {
  /** Of HTTP. */
  readonly status: number;
  readonly title: string;
  /** Milliseconds. */
  readonly start: number;
  readonly end: number;
  /** Queries whose results aren't shown. */
  readonly hidden: readonly string[];
  readonly note: string;
  /** A line to print. */
  readonly link: string;
}

/** Source: https://grafana.com/developers/plugin-tools/key-concepts/data-frames */
interface Field {
  readonly name: string;
  readonly type: string;
  readonly labels: Labels;
  readonly values: readonly Json[];
}

interface Frame {
  readonly refId: string;
  readonly fields: readonly Field[];
}

const PAGE_ROWS = 2_000;
const PAGE_VALUES = 40_000;
const MOST_COLUMNS = 500;
const MOST_NOTICES = 5;
const LONGEST_SENTENCE = 400;
/** More tables in one cell are no help to a reader. */
const MOST_TABLES = 20;

const TYPES: Readonly<Record<string, ColumnType>> = {
  time: 'time',
  number: 'number',
  string: 'text',
  boolean: 'bool',
};

/** A work for `apart`: the answer to queries as a chart and a table, or as tables. @throws {CellError} */
export function* tableOfFrames(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, hidden, note, link, ...asked } = argument as FramesAsked;
  // A query that failed makes the status 400, and the answer still has the results of all.
  const answer = readAnswer(isWithResults(status, pieces) ? 200 : status, pieces);
  const { results } = Object(answer) as { results?: unknown };
  if (typeof results !== 'object' || results === null) throw notGrafana(status);
  const frames: Frame[] = [];
  const errors: string[] = [];
  const notices = new Set<string>();
  for (const [refId, result] of Object.entries(results)) {
    if (hidden.includes(refId)) continue;
    const { error, frames: given } = Object(result) as { error?: unknown; frames?: unknown };
    if (typeof error === 'string' && error !== '')
      errors.push(`${refId}: ${shortened(error, LONGEST_SENTENCE)}`);
    for (const each of Array.isArray(given) ? given : []) {
      frames.push(frameOf(refId, each));
      for (const text of noticesOf(each)) notices.add(text);
    }
  }
  if (errors.length > 0 && frames.length === 0) throw new CellError(`Grafana: query ${errors.join('; ')}`);
  const notes = [
    note,
    errors.length > 0 ? `Partial, because a query failed: ${errors.join('; ')}.` : '',
    notices.size > 0 ? `The data source remarks: ${[...notices].slice(0, MOST_NOTICES).join('; ')}.` : '',
  ];
  const full = frames.filter(({ fields }) => fields.length > 0);
  yield* full.length > 0 && full.every(isSeries)
    ? seriesPages(full, asked, notes, link)
    : framePages(full, notes, link);
}

function isWithResults(status: number, pieces: Pieces): boolean {
  const beginning = Buffer.from(pieces[0]?.subarray(0, 200) ?? []).toString();
  return status === 400 && /^\s*\{\s*"results"/.test(beginning);
}

function* seriesPages(
  frames: readonly Frame[],
  { title, start, end }: Pick<FramesAsked, 'title' | 'start' | 'end'>,
  notes: readonly string[],
  link: string,
): Generator<Page> {
  const isSingle = new Set(frames.map(({ refId }) => refId)).size === 1;
  const series = frames.flatMap((frame) => seriesOf(frame, isSingle));
  const names = [...new Set(series.flatMap(({ labels }) => Object.keys(labels)))]
    .sort()
    .slice(0, MOST_COLUMNS);
  const hasMetric = series.some(({ metric }) => metric !== '');
  const columns: Column[] = [
    { name: 'time', type: 'time' },
    ...(hasMetric ? [{ name: 'metric', type: 'text' } as const] : []),
    ...names.map((name): Column => ({ name: TAKEN.test(name) ? `label_${name}` : name, type: 'text' })),
    { name: 'value', type: 'float' },
  ];
  yield { kind: 'columns', columns };
  const rows = function* () {
    for (const { metric, labels, all } of series) {
      const texts = [...(hasMetric ? [metric] : []), ...names.map((name) => labels[name] ?? null)];
      for (const [time, value] of all) yield [time, ...texts, value];
    }
  };
  yield* paged(columns, rows());
  const lines = series.filter(({ points }) => points.length > 0);
  const step = usualStep(lines.map(({ points }) => points));
  const chart = timeSeriesChart(lines, title, { start, end, step });
  yield {
    kind: 'end',
    note: [...notes, chart.note].filter(Boolean).join(' '),
    displays: chart.displays,
    ...(link !== '' && { summary: link }),
  };
}

const TAKEN = /^(?:label_)*(?:time|metric|value)$/;

/** A table for each frame. */
function* framePages(frames: readonly Frame[], notes: readonly string[], link: string): Generator<Page> {
  const shown = frames.slice(0, MOST_TABLES);
  if (shown.length === 0) yield { kind: 'columns', columns: [{ name: 'value', type: 'json' }] };
  for (const { fields } of shown) {
    const few = fields.slice(0, MOST_COLUMNS);
    const names = new Set<string>();
    const columns = few.map(({ name, type, labels }): Column => {
      const whole = Object.keys(labels).length > 0 ? `${name} ${JSON.stringify(labels)}` : name;
      let unused = whole || 'value';
      while (names.has(unused)) unused += '_';
      names.add(unused);
      return { name: unused, type: TYPES[type] ?? 'json' };
    });
    yield { kind: 'columns', columns };
    const count = Math.max(0, ...few.map(({ values }) => values.length));
    const rows = function* () {
      for (let at = 0; at < count; at++) yield few.map(({ values }) => values[at] ?? null);
    };
    yield* paged(columns, rows());
  }
  const cut = [
    shown.length < frames.length ? `First ${shown.length} of ${frames.length} tables.` : '',
    shown.some(({ fields }) => fields.length > MOST_COLUMNS) ? `First ${MOST_COLUMNS} columns.` : '',
    shown.length === 0 ? 'The queries have no result.' : '',
  ];
  yield {
    kind: 'end',
    note: [...notes, ...cut].filter(Boolean).join(' '),
    ...(link !== '' && { summary: link }),
  };
}

function* paged(columns: readonly Column[], rows: Iterable<readonly Json[]>): Generator<Page> {
  const most = Math.max(1, Math.min(PAGE_ROWS, Math.floor(PAGE_VALUES / columns.length)));
  let page: Json[][] = columns.map(() => []);
  for (const row of rows) {
    for (let at = 0; at < row.length; at++) page[at]?.push(row[at] ?? null);
    if ((page[0]?.length ?? 0) < most) continue;
    yield { kind: 'rows', rows: page };
    page = columns.map(() => []);
  }
  if ((page[0]?.length ?? 0) > 0) yield { kind: 'rows', rows: page };
}

/** One time and numbers: the frames of metrics, in any of the formats of time series but the long one. */
function isSeries({ fields }: Frame): boolean {
  const times = fields.filter(({ type }) => type === 'time');
  return (
    times.length === 1 &&
    fields.length > 1 &&
    fields.every(({ type }) => type === 'time' || type === 'number')
  );
}

function seriesOf(
  { refId, fields }: Frame,
  isSingle: boolean,
): (Series & { all: readonly [Json, Json][] })[] {
  const times = fields.find(({ type }) => type === 'time')?.values ?? [];
  return fields
    .filter(({ type }) => type === 'number')
    .map(({ name, labels: { __name__: own, ...labels }, values }) => {
      const all = values.map((value, at): [Json, Json] => [times[at] ?? null, value]);
      const metric = own ?? (/^value$/i.test(name) ? '' : name);
      return {
        metric: isSingle ? metric : `${refId} ${metric}`.trim(),
        labels,
        all,
        points: all.flatMap(([time, value]) =>
          value === null || time === null ? [] : [[Number(time) / 1000, Number(value)] as const],
        ),
      };
    });
}

function frameOf(refId: string, frame: unknown): Frame {
  const { schema, data } = Object(frame) as { schema?: unknown; data?: unknown };
  const { fields } = Object(schema) as { fields?: unknown };
  const { values, entities } = Object(data) as { values?: unknown; entities?: unknown };
  return {
    refId,
    fields: (Array.isArray(fields) ? fields : []).map((field, at) => {
      const { name, type, labels, config } = Object(field) as Record<string, unknown>;
      const { displayNameFromDS } = Object(config) as { displayNameFromDS?: unknown };
      const given = Array.isArray(values) ? values[at] : undefined;
      const all = Array.isArray(given) ? (given as Json[]) : [];
      const texts = Object.entries(Object(labels)).map(([key, value]) => [key, String(value)]);
      const hasLabels = texts.length > 0;
      return {
        name: String((hasLabels ? undefined : displayNameFromDS) ?? name ?? ''),
        type: String(type),
        labels: Object.fromEntries(texts) as Labels,
        values: valuesOf(all, String(type), Array.isArray(entities) ? entities[at] : undefined),
      };
    }),
  };
}

/** Times come in milliseconds, and what JSON has no number for beside the values. */
function valuesOf(given: readonly Json[], type: string, entities: unknown): Json[] {
  const values = given.map((value) => {
    if (type === 'time') return typeof value === 'number' ? Math.round(value * 1000) : value;
    if (type === 'string') return value === null || typeof value === 'string' ? value : JSON.stringify(value);
    return value;
  });
  for (const [key, text] of Object.entries(WRITTEN)) {
    const places = (Object(entities) as Record<string, unknown>)[key];
    for (const at of Array.isArray(places) ? places : [])
      if (typeof at === 'number' && at in values) values[at] = text;
  }
  return values;
}

const WRITTEN = { NaN: 'NaN', Inf: 'Infinity', NegInf: '-Infinity' } as const;

function noticesOf(frame: unknown): string[] {
  const { meta } = Object(Object(frame).schema) as { meta?: unknown };
  const { notices } = Object(meta) as { notices?: unknown };
  return (Array.isArray(notices) ? notices : []).map((notice) =>
    shortened(String(Object(notice).text), LONGEST_SENTENCE),
  );
}
