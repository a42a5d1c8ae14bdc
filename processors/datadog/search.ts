import { apart } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Column, Page } from '../core/pages.js';
import { OTHERS } from '../core/records.js';
import { ABOUT_OTHERS } from '../core/streamed-records.js';
import type { TimeRange } from '../core/time-range.js';
import type { Found, FoundArgument, Searched } from './found.js';
import { askDatadog, type Question } from './requests.js';
import type { DatadogSettings } from './settings.js';

export interface Search {
  readonly subject: Searched;
  readonly query: string;
  readonly range: TimeRange;
  /** Rows at most. */
  readonly limit: number;
  /** Names of log indexes; empty for all. */
  readonly indexes: readonly string[];
}

/** Source: https://docs.datadoghq.com/api/latest/logs/#search-logs-post (`page.limit`: at most 1,000) */
const PAGE_ROWS = 1_000;

const rights: Readonly<Record<Searched, string>> = {
  logs: 'logs_read_data',
  spans: 'apm_read',
  events: 'events_read',
};

/** The newest that a search finds, newest first, page by page: what came before isn't kept here. */
export async function* fetchFound(job: Job<DatadogSettings>, search: Search): AsyncGenerator<Page, void> {
  const { subject, limit } = search;
  const remarks = new Set<string>();
  let columns: readonly Column[] | undefined;
  let cursor: string | undefined;
  let rows = 0;
  let hasOthers = false;
  do {
    const most = Math.min(PAGE_ROWS, limit - rows);
    const answer = yield* askDatadog(job, questionOf(search, most, cursor));
    const argument: FoundArgument = { subject, most, goesOn: limit > most, ...(columns && { columns }) };
    const module = new URL('./found.js', import.meta.url);
    let found: Found | undefined;
    for await (const part of apart<Found | Page>(
      answer.pieces,
      { module, name: 'readFound', argument },
      job.signal,
    )) {
      if (part.kind !== 'found') {
        if (part.kind === 'rows' && columns?.at(-1)?.name === OTHERS)
          hasOthers ||= part.rows.at(-1)?.some((value) => value !== null) ?? false;
        yield part;
        continue;
      }
      found = part;
      if (columns === undefined) yield { kind: 'columns', columns: found.columns };
      columns = found.columns;
    }
    if (found?.remarks) remarks.add(found.remarks);
    rows += found?.rows ?? 0;
    cursor = found?.rows === 0 ? undefined : found?.after;
    // Another page may meet a limit: these rows are shown even then.
    yield { kind: 'whole' };
    if (cursor !== undefined && rows < limit)
      yield { kind: 'progress', text: `${rows.toLocaleString('en')} ${subject}` };
  } while (cursor !== undefined && rows < limit);
  const note = [
    rows === 0 ? `No ${subject} match in this time.` : '',
    cursor === undefined
      ? ''
      : `Only the newest ${rows.toLocaleString('en')}: there are more, get them with --limit.`,
    hasOthers ? ABOUT_OTHERS : '',
    ...remarks,
  ];
  yield { kind: 'end', note: note.filter((each) => each !== '').join(' ') };
}

function questionOf(
  { subject, query, range, indexes }: Search,
  limit: number,
  cursor: string | undefined,
): Question {
  const asked = {
    filter: {
      query: query === '' ? '*' : query,
      from: new Date(range.start).toISOString(),
      to: new Date(range.end).toISOString(),
      ...(indexes.length > 0 && { indexes }),
    },
    sort: '-timestamp',
    page: { limit, ...(cursor !== undefined && { cursor }) },
  };
  const path = subject === 'events' ? 'api/v2/events/search' : `api/v2/${subject}/events/search`;
  const json = subject === 'spans' ? { data: { type: 'search_request', attributes: asked } } : asked;
  return { path, json, right: rights[subject] };
}
