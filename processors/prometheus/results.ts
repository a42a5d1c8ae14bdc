import { credentialRefusal } from '../http/credential-refusal.js';
import type { Column, Page } from '../pages.js';
import { CellError, type Json } from '../processor.js';
import { type Labels, type Series, timeSeriesChart } from './time-series.js';

type Sample = readonly [seconds: number, value: string];

/** Rows of one page: some hundred kilobytes. */
const PAGE_ROWS = 5_000;

/**
 * Takes Prometheus' envelope off.
 * Source: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
 *
 * @param promql the query that errors point into
 * @throws {CellError} what Prometheus said, with the place in the query
 */
export function readAnswer(answer: { readonly status: number; readonly body: string }, promql = ''): unknown {
  const { status, body } = answer;
  const refusal = credentialRefusal('Prometheus', status);
  if (refusal !== undefined) throw refusal;
  let envelope: { status?: unknown; data?: unknown; error?: unknown };
  try {
    envelope = Object(JSON.parse(body));
  } catch {
    throw new CellError(`The answer (HTTP ${status}) is not Prometheus': is the connection's url right?`);
  }
  if (envelope.status === 'success') return envelope.data;
  throw new CellError(explain(String(envelope.error ?? `HTTP ${status}`), promql));
}

/** Prometheus writes `invalid parameter "query": 1:5: parse error: …`, line and column counted from 1. */
function explain(error: string, promql: string): string {
  const match = /(?:^|: )(\d+):(\d+): (parse error: .*)$/s.exec(error);
  const [, line = '', column = '', message = ''] = match ?? [];
  const text = promql.split('\n')[Number(line) - 1];
  if (match === null || text === undefined) return `Prometheus: ${error}`;
  return `Prometheus: ${message} (line ${line}, column ${column})\n  ${text}\n  ${' '.repeat(Number(column) - 1)}^`;
}

/**
 * Any of Prometheus' results as a tidy table: one row a sample, a column a label.
 * @param promql the query
 * @param note a sentence to show below
 */
export function* tableOf(data: unknown, promql: string, note: string): Generator<Page> {
  const { resultType, result } = Object(data) as { resultType?: unknown; result?: unknown };
  if (resultType === 'matrix')
    yield* matrix(result as readonly { metric: Labels; values: readonly Sample[] }[], promql, note);
  else if (resultType === 'vector')
    yield* vector(result as readonly { metric: Labels; value: Sample }[], note);
  else if (resultType === 'scalar' || resultType === 'string')
    yield* single(result as Sample, resultType, note);
  else yield* records(data, note);
}

function* matrix(
  result: readonly { metric: Labels; values: readonly Sample[] }[],
  promql: string,
  note: string,
): Generator<Page> {
  const labels = labelsOf(result.map(({ metric }) => metric));
  yield { kind: 'columns', columns: columnsOf(labels) };
  for (const { metric, values } of result) {
    for (let at = 0; at < values.length; at += PAGE_ROWS) {
      const part = values.slice(at, at + PAGE_ROWS);
      yield {
        kind: 'rows',
        rows: [
          part.map(microseconds),
          ...labels.map((label) => part.map(() => metric[label] ?? null)),
          part.map(number),
        ],
      };
    }
  }
  const series: Series[] = result.map(({ metric: { __name__: metric = '', ...labels }, values }) => ({
    metric,
    labels,
    points: values.map(([seconds, value]) => [seconds * 1000, Number(value)] as const),
  }));
  const chart = timeSeriesChart(series, promql);
  const notes = [note, result.length > 0 ? chart.note : ''].filter((text) => text !== '').join(' ');
  yield { kind: 'end', note: notes, ...(result.length > 0 && { displays: [chart.bundle] }) };
}

function* vector(result: readonly { metric: Labels; value: Sample }[], note: string): Generator<Page> {
  const labels = labelsOf(result.map(({ metric }) => metric));
  yield { kind: 'columns', columns: columnsOf(labels) };
  for (let at = 0; at < result.length; at += PAGE_ROWS) {
    const part = result.slice(at, at + PAGE_ROWS);
    const samples = part.map(({ value }) => value);
    const byLabel = labels.map((label) => part.map(({ metric }) => metric[label] ?? null));
    yield { kind: 'rows', rows: [samples.map(microseconds), ...byLabel, samples.map(number)] };
  }
  yield { kind: 'end', note };
}

function* single(sample: Sample, type: 'scalar' | 'string', note: string): Generator<Page> {
  const value: Column = { name: 'value', type: type === 'scalar' ? 'float' : 'text' };
  yield { kind: 'columns', columns: [{ name: 'time', type: 'time' }, value] };
  yield { kind: 'rows', rows: [[microseconds(sample)], [type === 'scalar' ? number(sample) : sample[1]]] };
  yield { kind: 'end', note };
}

/** Series, labels, metadata, alerts and targets: objects with texts, and objects in them. */
function* records(data: unknown, note: string): Generator<Page> {
  const rows = rowsOf(data).map(flat);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  yield { kind: 'columns', columns: names.map((name) => ({ name, type: 'text' })) };
  if (rows.length > 0)
    yield { kind: 'rows', rows: names.map((name) => rows.map((row) => row[name] ?? null)) };
  yield { kind: 'end', note };
}

function rowsOf(data: unknown): readonly object[] {
  if (Array.isArray(data))
    return data.map((item) => (typeof item === 'string' ? { name: item } : Object(item)));
  const { alerts, activeTargets } = Object(data) as { alerts?: object[]; activeTargets?: object[] };
  if (alerts ?? activeTargets) return alerts ?? activeTargets ?? [];
  return Object.entries(Object(data) as Record<string, object[]>).flatMap(([metric, entries]) =>
    entries.map((entry) => ({ metric, ...entry })),
  );
}

/** `labels: { job: … }` becomes a column `labels.job`. */
function flat(row: object): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(row).flatMap(([key, value]): [string, Json][] =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(flat(value)).map(([inner, item]) => [`${key}.${inner}`, item])
        : [[key, typeof value === 'string' ? value : JSON.stringify(value)]],
    ),
  );
}

function labelsOf(metrics: readonly Labels[]): string[] {
  const names = [...new Set(metrics.flatMap((metric) => Object.keys(metric)))];
  return names.sort((a, b) => Number(b === '__name__') - Number(a === '__name__') || a.localeCompare(b));
}

function columnsOf(labels: readonly string[]): Column[] {
  const text = labels.map((name): Column => ({ name: name === '__name__' ? 'metric' : name, type: 'text' }));
  return [{ name: 'time', type: 'time' }, ...text, { name: 'value', type: 'float' }];
}

function microseconds([seconds]: Sample): number {
  return Math.round(seconds * 1_000_000);
}

/** JSON has neither NaN nor infinities: they stay the texts that Prometheus writes. */
function number([, value]: Sample): Json {
  const parsed = Number(value);
  return Number.isFinite(parsed) ? parsed : value;
}
