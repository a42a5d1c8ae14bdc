import type { Pieces } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import { attributesOf, nanosecondsOf } from './attributes.js';
import { notTempo, readAnswer } from './requests.js';

export interface SearchAsked {
  /** Of HTTP. */
  readonly status: number;
  readonly traceql: string;
  readonly limit: number;
  readonly bySpans: boolean;
}

type Members = Readonly<Record<string, unknown>>;

/** Columns of a span that are no attributes. */
const OWN = new Set(['start', 'duration_ms', 'service', 'trace', 'name', 'traceID', 'spanID']);

/** A work for `apart`: the traces, or the spans, newest first. @throws {CellError} what Tempo said */
export function* tableOfSearch(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, traceql, limit, bySpans } = argument as SearchAsked;
  const { traces = [], metrics } = Object(readAnswer(status, pieces, traceql)) as Members;
  if (!Array.isArray(traces)) throw notTempo(status);
  const all = traces.map((each) => Object(each) as Members);
  const records = all.flatMap(bySpans ? spansOf : traceOf);
  records.sort((a, b) => Number(b.start) - Number(a.start));
  yield* tableOfRecords(records, {
    types: { start: 'time' },
    isLast: (column) => column === 'traceID' || column === 'spanID',
  });
  yield { kind: 'end', note: notesOf(all, limit, bySpans, Object(metrics) as Members) };
}

function notesOf(all: readonly Members[], limit: number, bySpans: boolean, metrics: Members): string {
  const { completedJobs, totalJobs } = metrics;
  const left = all.some((trace) =>
    setsOf(trace).some(({ spans, matched }) => Number(matched) > listOf(spans).length),
  );
  return [
    all.length === 0 ? 'No trace matches.' : '',
    all.length >= limit
      ? `Tempo gives those ${limit.toLocaleString('en')} traces that it finds first, and there may be more: fetch them with --limit.`
      : '',
    bySpans && left ? 'Of some traces more spans match than are shown.' : '',
    all.length < limit && Number(completedJobs) < Number(totalJobs)
      ? `Partial, because Tempo searched only ${Number(completedJobs)} of ${Number(totalJobs)} parts.`
      : '',
  ]
    .filter(Boolean)
    .join(' ');
}

function traceOf(trace: Members): Record<string, Json>[] {
  const matched = setsOf(trace).reduce((sum, set) => sum + Number(set.matched ?? 0), 0);
  return [
    {
      start: microseconds(trace.startTimeUnixNano),
      // Absent: less than one.
      duration_ms: Number(trace.durationMs ?? 0),
      service: textOf(trace.rootServiceName),
      name: textOf(trace.rootTraceName),
      matched,
      traceID: textOf(trace.traceID),
    },
  ];
}

function spansOf(trace: Members): Record<string, Json>[] {
  return setsOf(trace).flatMap(({ spans }) =>
    listOf(spans).map((span) => {
      const attributes = Object.entries(attributesOf(span.attributes)).map(
        ([name, value]) => [OWN.has(name) ? `${name}_` : name, value] as const,
      );
      return {
        start: microseconds(span.startTimeUnixNano),
        duration_ms: Number(nanosecondsOf(span.durationNanos)) / 1e6,
        service: textOf(trace.rootServiceName),
        trace: textOf(trace.rootTraceName),
        name: textOf(span.name),
        ...Object.fromEntries(attributes),
        traceID: textOf(trace.traceID),
        spanID: textOf(span.spanID),
      };
    }),
  );
}

/** Older versions have one set. */
function setsOf({ spanSets, spanSet }: Members): Members[] {
  const sets = listOf(spanSets);
  return sets.length > 0 || spanSet === undefined ? sets : [Object(spanSet) as Members];
}

function listOf(list: unknown): Members[] {
  return (Array.isArray(list) ? list : []).map((each) => Object(each) as Members);
}

function textOf(value: unknown): Json {
  return typeof value === 'string' ? value : null;
}

function microseconds(nanoseconds: unknown): Json {
  const time = nanosecondsOf(nanoseconds);
  return time === 0n ? null : Number(time / 1_000n);
}
