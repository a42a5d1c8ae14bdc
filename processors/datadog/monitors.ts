import { oneApart, type Pieces } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Column, Page } from '../core/pages.js';
import type { Json } from '../core/processor.js';
import { readObject } from './envelope.js';
import { linkToMonitor } from './links.js';
import { askDatadog } from './requests.js';
import type { DatadogSettings } from './settings.js';

interface Monitors {
  readonly rows: readonly Readonly<Record<string, Json>>[];
  /** Of all pages. */
  readonly total: number;
}

/** Source: https://docs.datadoghq.com/api/latest/monitors/#monitors-search */
const PAGE_ROWS = 100;

/** A time in seconds is smaller than this for some thousand years, one in milliseconds is larger since 1973. */
const MILLISECONDS_FROM = 1e11;

const columns: readonly Column[] = [
  { name: 'status', type: 'text' },
  { name: 'name', type: 'text' },
  { name: 'type', type: 'text' },
  { name: 'last_triggered', type: 'time' },
  { name: 'tags', type: 'json' },
  { name: 'query', type: 'text' },
  { name: 'creator', type: 'text' },
  { name: 'id', type: 'integer' },
  { name: 'link', type: 'text' },
];

/** Those that fire come first: their states are sorted as words, and Alert is the first of them. */
export async function* fetchMonitors(
  job: Job<DatadogSettings>,
  query: string,
  limit: number,
): AsyncGenerator<Page> {
  yield { kind: 'columns', columns };
  const module = new URL(import.meta.url);
  let count = 0;
  let total = 0;
  for (let page = 0; ; page++) {
    const parameters = new URLSearchParams({
      query,
      page: String(page),
      per_page: String(PAGE_ROWS),
      sort: 'status,asc',
    });
    const path = `api/v1/monitor/search?${parameters}`;
    const answer = yield* askDatadog(job, { path, right: 'monitors_read' });
    const work = { module, name: 'readMonitors', argument: {} };
    const found = await oneApart<Monitors>(answer.pieces, work, job.signal);
    const rows = found.rows.slice(0, limit - count);
    total = found.total;
    count += rows.length;
    const cells = rows.map((row) => ({ ...row, link: linkToMonitor(job.settings, row.id) }) as typeof row);
    if (cells.length > 0)
      yield { kind: 'rows', rows: columns.map(({ name }) => cells.map((row) => row[name] ?? null)) };
    yield { kind: 'whole' };
    if (count >= limit || count >= total || found.rows.length === 0) break;
  }
  const isCut = count < total;
  const note = isCut
    ? `Only the first ${count.toLocaleString('en')} of ${total.toLocaleString('en')}: get more with --limit.`
    : '';
  yield { kind: 'end', note };
}

/** A work for `apart`. @throws {CellError} when it isn't Datadog's */
export function* readMonitors(pieces: Pieces): Generator<Monitors> {
  const { monitors, metadata } = readObject(pieces);
  const { total_count } = Object(metadata) as { total_count?: unknown };
  const all = (Array.isArray(monitors) ? monitors : [])
    .slice(0, PAGE_ROWS)
    .map((each): Record<string, unknown> => Object(each));
  yield {
    total: Number.isSafeInteger(total_count) ? Number(total_count) : all.length,
    rows: all.map(({ status, name, type, last_triggered_ts, tags, query, creator, id }) => ({
      status: text(status),
      name: text(name),
      type: text(type),
      last_triggered: triggered(last_triggered_ts),
      tags: Array.isArray(tags) ? tags.map(String) : null,
      query: text(query),
      creator: text(Object(creator).handle ?? Object(creator).name),
      id: Number.isSafeInteger(id) ? Number(id) : null,
    })),
  };
}

function text(value: unknown): string | null {
  return value === undefined || value === null ? null : String(value);
}

function triggered(time: unknown): number | null {
  if (typeof time !== 'number' || time <= 0) return null;
  return Math.round(time * (time < MILLISECONDS_FROM ? 1e6 : 1e3));
}
