import type { Pieces } from '../core/apart.js';
import { type Bar, waterfallChart } from '../core/chart/waterfall.js';
import type { Column, Page } from '../core/pages.js';
import { CellError, type Json } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { attributesOf, nanosecondsOf } from './attributes.js';
import { readAnswer } from './requests.js';

export interface TraceAsked {
  /** Of HTTP. */
  readonly status: number;
  readonly id: string;
}

interface Span {
  readonly id: string;
  readonly parent: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly end: bigint;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly status: string;
  readonly message: string;
  readonly attributes: Record<string, Json>;
  readonly resource: Record<string, Json>;
  readonly events: readonly Json[];
}

interface Placed {
  readonly span: Span;
  readonly depth: number;
}

type Members = Readonly<Record<string, unknown>>;

const LONGEST_SENTENCE = 300;

/** A work for `apart`: a trace as a waterfall and a table, each span below the one that called it. @throws {CellError} */
export function* tableOfTrace(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, id } = argument as TraceAsked;
  const answer = Object(readAnswer(status, pieces)) as Members;
  const spans = spansIn(Object(answer.trace ?? answer) as Members);
  if (spans.length === 0) throw new CellError(`Tempo has no span of the trace ${id}.`);
  const placed = inOrder(spans);
  const [first = 0n] = spans.map(({ start }) => start).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const since = (time: bigint) => Number(time - first) / 1e6;
  yield* table(placed, since);
  const bars: Bar[] = placed.map(({ span, depth }) => ({
    group: span.service,
    label: span.name,
    start: since(span.start),
    end: since(span.end),
    depth,
    isError: span.status === 'error',
  }));
  const root = placed[0]?.span;
  const chart = waterfallChart(bars, `${root?.service ?? ''} ${root?.name ?? ''}`.trim() || id);
  const isPartial = answer.status === 'PARTIAL' || answer.status === 1;
  const why = typeof answer.message === 'string' && answer.message !== '' ? answer.message : 'Tempo says so';
  const notes = [chart.note, isPartial ? `Partial, because ${shortened(why, LONGEST_SENTENCE)}.` : ''];
  yield { kind: 'end', note: notes.filter(Boolean).join(' '), displays: chart.displays };
}

/** Attributes stay JSON, as each service has other ones: all together would be hundreds of columns. */
const COLUMNS: readonly Column[] = [
  { name: 'start', type: 'time' },
  { name: 'offset_ms', type: 'float' },
  { name: 'duration_ms', type: 'float' },
  { name: 'depth', type: 'integer' },
  { name: 'service', type: 'text' },
  { name: 'name', type: 'text' },
  { name: 'kind', type: 'text' },
  { name: 'status', type: 'text' },
  { name: 'message', type: 'text' },
  { name: 'attributes', type: 'json' },
  { name: 'events', type: 'json' },
  { name: 'resource', type: 'json' },
  { name: 'spanID', type: 'text' },
  { name: 'parentSpanID', type: 'text' },
];
const PAGE_ROWS = 500;

function* table(placed: readonly Placed[], since: (time: bigint) => number): Generator<Page> {
  yield { kind: 'columns', columns: COLUMNS };
  for (let at = 0; at < placed.length; at += PAGE_ROWS) {
    const rows = placed
      .slice(at, at + PAGE_ROWS)
      .map(({ span, depth }): Json[] => [
        Number(span.start / 1_000n),
        since(span.start),
        Number(span.end - span.start) / 1e6,
        depth,
        span.service,
        span.name,
        span.kind,
        span.status,
        span.message === '' ? null : span.message,
        span.attributes,
        span.events,
        span.resource,
        span.id,
        span.parent === '' ? null : span.parent,
      ]);
    yield { kind: 'rows', rows: COLUMNS.map((_, column) => rows.map((row) => row[column] ?? null)) };
  }
}

/** Of a trace in OpenTelemetry's JSON, whose lists have had other names. */
function spansIn({ resourceSpans, batches }: Members): Span[] {
  return listOf(resourceSpans ?? batches).flatMap(({ resource, scopeSpans, instrumentationLibrarySpans }) => {
    const attributes = attributesOf(Object(resource).attributes);
    return listOf(scopeSpans ?? instrumentationLibrarySpans).flatMap(({ spans }) =>
      listOf(spans).map((span) => spanOf(span, attributes)),
    );
  });
}

function spanOf(span: Members, resource: Record<string, Json>): Span {
  const { code, message } = Object(span.status) as Members;
  const start = nanosecondsOf(span.startTimeUnixNano);
  const end = nanosecondsOf(span.endTimeUnixNano);
  return {
    id: idOf(span.spanId),
    parent: idOf(span.parentSpanId),
    start,
    // Clocks differ between machines.
    // biome-ignore lint/complexity/useMathMinMax: Math has no bigint
    end: start > end ? start : end,
    service: String(resource['service.name'] ?? ''),
    name: String(span.name ?? ''),
    kind: wordOf(span.kind, 'SPAN_KIND_', KINDS),
    status: wordOf(code, 'STATUS_CODE_', STATUSES),
    message: String(message ?? ''),
    attributes: attributesOf(span.attributes),
    resource,
    events: listOf(span.events).map((event) => ({
      name: String(event.name ?? ''),
      time: String(event.timeUnixNano ?? ''),
      ...attributesOf(event.attributes),
    })),
  };
}

/** The numbers of https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const STATUSES = ['unset', 'ok', 'error'];

function wordOf(value: unknown, prefix: string, words: readonly string[]): string {
  if (value === undefined) return words[0] ?? '';
  if (typeof value === 'number') return words[value] ?? String(value);
  return String(value).replace(prefix, '').toLowerCase();
}

/** Hexadecimal, or base64 as protobuf's JSON has bytes. */
function idOf(value: unknown): string {
  if (typeof value !== 'string' || value === '') return '';
  if (/^[\da-f]{16}$/i.test(value)) return value.toLowerCase();
  return Buffer.from(value, 'base64').toString('hex');
}

/** Depth first, the earliest first; what has no parent here, or is its own ancestor, is at the top. */
function inOrder(spans: readonly Span[]): Placed[] {
  const known = new Set(spans.map(({ id }) => id));
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    const parent = known.has(span.parent) && span.parent !== span.id ? span.parent : '';
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [span]);
    else siblings.push(span);
  }
  for (const siblings of children.values()) siblings.sort(byStart);
  const placed: Placed[] = [];
  const seen = new Set<Span>();
  const visit = (roots: readonly Span[]) => {
    const left: Placed[] = roots.map((span) => ({ span, depth: 0 })).reverse();
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      if (seen.has(next.span)) continue;
      seen.add(next.span);
      placed.push(next);
      const { depth } = next;
      for (const span of [...(children.get(next.span.id) ?? [])].reverse())
        left.push({ span, depth: depth + 1 });
    }
  };
  visit(children.get('') ?? []);
  // Spans that are each other's parents.
  for (const span of [...spans].sort(byStart)) if (!seen.has(span)) visit([span]);
  return placed;
}

function byStart(a: Span, b: Span): number {
  return a.start < b.start ? -1 : a.start > b.start ? 1 : 0;
}

function listOf(list: unknown): Members[] {
  return (Array.isArray(list) ? list : []).map((each) => Object(each) as Members);
}
