import { apart } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Column, Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { OTHERS } from '../core/records.js';
import { ABOUT_OTHERS } from '../core/streamed-records.js';
import { within } from '../core/within.js';
import { askForMuch, askService, type ServiceJob, type ServiceRequest } from '../http/service.js';
import type { Aggregations } from './aggregations.js';
import { readAnswer, type Total } from './answer.js';
import type { Found, HitsArgument } from './hits.js';
import { writtenBody } from './search-body.js';

export interface Search {
  /** Names or patterns, joined by commas; empty for all. */
  readonly index: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** The field of the time, by which the newest come first. */
  readonly time: string;
  /** Hits at most; 0 for none. */
  readonly limit: number;
  /** Of a chart. */
  readonly title: string;
}

/** A job whose settings are a service's. */
export type SearchJob = ServiceJob & Pick<Job<unknown>, 'endsAt' | 'hide'>;

/** Hits of one page: some megabytes at most, as a rule. */
const PAGE_ROWS = 1_000;
/** The window of one search without a point in time (`index.max_result_window`). */
const WINDOW = 10_000;
/** How long the service keeps a point in time without a question. */
const KEEP_ALIVE = '2m';
/** How long it may take to drop it, in milliseconds. */
const CLOSE_LIMIT_MS = 10_000;
/** With one of them a search can't be cut into pages. */
const UNPAGED = ['from', 'search_after', 'pit', 'collapse'];

/** The state of the index at one moment, so that pages fit together while documents come in. */
interface PointInTime {
  /** May be another one after each page: the last one has to be dropped. */
  id: string;
  readonly isElastic: boolean;
}

/**
 * Hits, newest first, and the tables of aggregations. More than one page is read from a point in time, which is dropped at
 * the end. A search that is left is ended by the service, as it sees the connection close.
 */
export async function* fetchSearch(job: SearchJob, search: Search): AsyncGenerator<Page> {
  const { limit, body } = search;
  const isPaged = limit > PAGE_ROWS && !UNPAGED.some((member) => member in body);
  if (!isPaged && limit > WINDOW)
    throw new CellError(
      `A search with ${UNPAGED.join(', ')} gives at most ${WINDOW.toLocaleString('en')} hits: use a smaller --limit.`,
    );
  if (!isPaged) return yield* fetchPages(job, search, undefined);
  const point = await openPoint(job, search.index);
  try {
    yield* fetchPages(job, search, point);
  } finally {
    await within(CLOSE_LIMIT_MS, closePoint(job, point), () => {}).catch(() => {});
  }
}

/** Hits as they come, each page of them in turn: what came before isn't kept here. */
async function* fetchPages(
  job: SearchJob,
  search: Search,
  point: PointInTime | undefined,
): AsyncGenerator<Page> {
  const { limit } = search;
  const remarks = new Set<string>();
  let columns: readonly Column[] | undefined;
  let total: Total | undefined;
  let aggregations: Aggregations | undefined;
  let after: string | undefined;
  let rows = 0;
  let hasOthers = false;
  let isLast = false;
  do {
    const most = point === undefined ? limit : Math.min(PAGE_ROWS, limit - rows);
    const question = questionOf(search, most, point, after);
    const { status, pieces } = yield* askForMuch(job, question);
    const { time, title } = search;
    const goesOn = limit > rows + most;
    const argument: HitsArgument = { status, time, title, most, goesOn, ...(columns && { columns }) };
    let found: Found | undefined;
    const work = { module: new URL('./hits.js', import.meta.url), name: 'readHits', argument };
    for await (const part of apart<Found | Page>(pieces, work, job.signal)) {
      if (part.kind === 'found') {
        found = part;
        if (columns === undefined && limit > 0) yield { kind: 'columns', columns: part.columns };
        columns = part.columns;
      } else {
        if (part.kind === 'rows' && columns?.at(-1)?.name === OTHERS)
          hasOthers ||= part.rows.at(-1)?.some((value) => value !== null) ?? false;
        yield part;
      }
    }
    if (found === undefined) break;
    for (const remark of found.remarks) remarks.add(remark);
    rows += found.rows;
    total ??= found.total;
    aggregations ??= found.aggregations;
    if (point !== undefined) point.id = found.pit ?? point.id;
    after = found.after;
    isLast = point === undefined || found.rows < most || after === undefined;
    yield { kind: 'whole' };
    if (!isLast && rows < limit) yield { kind: 'progress', text: `${rows.toLocaleString('en')} hits` };
  } while (!isLast && rows < limit);
  const notes = [
    limit > 0 ? aboutTotal(rows, total, search.body.sort === undefined) : aboutCount(total),
    hasOthers ? ABOUT_OTHERS : '',
    ...remarks,
    ...(aggregations?.notes ?? []),
  ];
  for (const table of aggregations?.tables ?? []) yield* table;
  const note = notes.filter((each) => each !== '').join(' ');
  yield { kind: 'end', note, ...(aggregations && { displays: aggregations.charts }) };
}

function aboutTotal(rows: number, total: Total | undefined, isNewest: boolean): string {
  if (rows === 0) return total !== undefined && total.value > 0 ? '' : 'No document matches.';
  if (total === undefined || (total.value <= rows && !total.isAtLeast)) return '';
  const all = `${total.isAtLeast ? 'at least ' : ''}${total.value.toLocaleString('en')}`;
  return `Only the ${isNewest ? 'newest' : 'first'} ${rows.toLocaleString('en')} of ${all} hits: get more with --limit.`;
}

function aboutCount(total: Total | undefined): string {
  if (total === undefined) return '';
  return `Of ${total.isAtLeast ? 'at least ' : ''}${total.value.toLocaleString('en')} documents.`;
}

function questionOf(
  { index, body, time, limit }: Search,
  size: number,
  point: PointInTime | undefined,
  after: string | undefined,
): ServiceRequest {
  const isFirst = after === undefined;
  const sorted =
    body.sort ?? (limit > 0 ? [{ [time]: { order: 'desc', unmapped_type: 'date' } }] : undefined);
  // Elasticsearch adds what tells two hits of one time apart by itself; without it the second could be lost between pages.
  const sort =
    point === undefined || point.isElastic || sorted === undefined
      ? sorted
      : [...[sorted].flat(), { _id: { order: 'asc' } }];
  const { aggs, aggregations, ...others } = body;
  const asked = {
    ...others,
    ...(isFirst && aggs !== undefined && { aggs }),
    ...(isFirst && aggregations !== undefined && { aggregations }),
    size,
    ...(sort !== undefined && { sort }),
    ...(point && {
      pit: { id: point.id, keep_alive: KEEP_ALIVE },
      track_total_hits: isFirst ? (body.track_total_hits ?? true) : false,
    }),
  };
  const text = writtenBody(asked);
  return {
    method: 'POST',
    path: point === undefined ? `${pathOf(index)}_search` : '_search',
    parameters: new URLSearchParams({ typed_keys: 'true' }),
    // The sort values as they came: their numbers may be longer than JavaScript's.
    json: after === undefined ? text : `${text.slice(0, -1)},"search_after":${after}}`,
  };
}

/** @returns `logs-a,logs-b` and a slash; a name is one segment whatever it has in it */
export function pathOf(index: string): string {
  if (index === '') return '';
  return `${index
    .split(',')
    .map((name) => encodeURIComponent(name).replaceAll('%3A', ':').replaceAll('%2A', '*'))
    .join(',')}/`;
}

/** OpenSearch and Elasticsearch have two paths for it: one doesn't know the other's. */
async function openPoint(job: SearchJob, index: string): Promise<PointInTime> {
  const path = index === '' ? '_all/' : pathOf(index);
  const parameters = new URLSearchParams({ keep_alive: KEEP_ALIVE });
  const ask = (last: string) =>
    askService(job, { method: 'POST', path: path + last, parameters, json: '{}' });
  let answer = await ask('_search/point_in_time');
  const isElastic = answer.status === 400 || answer.status === 404 || answer.status === 405;
  // A missing index is a 404 of both.
  if (isElastic && !answer.body.includes('index_not_found')) answer = await ask('_pit');
  const { pit_id, id } = readAnswer([Buffer.from(answer.body)], answer.status);
  const made = pit_id ?? id;
  if (typeof made !== 'string')
    throw new CellError('The service made no point in time. Use a --limit up to 1000.');
  return { id: made, isElastic };
}

/** By a signal of its own: the cell's may have aborted. */
async function closePoint(job: SearchJob, { id, isElastic }: PointInTime): Promise<void> {
  const signal = AbortSignal.timeout(CLOSE_LIMIT_MS);
  const [path, json] = isElastic ? ['_pit', { id }] : ['_search/point_in_time', { pit_id: [id] }];
  await askService({ ...job, signal }, { method: 'DELETE', path, json });
}
