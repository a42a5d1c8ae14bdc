import { apart } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import type { TimeRange } from '../core/time-range.js';
import { beginningOf, type HttpAnswer } from '../http/send.js';
import { askForMuch } from '../http/service.js';
import type { LogPage, LogsAsked, MetricAsked } from './reading.js';
import {
  type LokiSettings,
  linesAllowed,
  lokiPatience,
  lokiRequest,
  nanoseconds,
  notLoki,
} from './requests.js';

export interface RangeQuery extends TimeRange {
  readonly logql: string;
  /** Seconds. */
  readonly step: number;
  readonly limit: number;
  readonly direction: 'backward' | 'forward';
  /** About a metric query. */
  readonly note: string;
}

/** Loki's own default for `max_entries_limit_per_query`: https://grafana.com/docs/loki/latest/configure/#limits_config */
const USUAL_MOST_LINES = 5_000;
/** The first page is small, so that something is there soon; the next ones are as large as lines of its length allow. */
const FIRST_LINES = 1_001;
const PAGE_BYTES = 4 * 1024 * 1024;
const FEWEST_LINES = 100;
const LARGEST_MESSAGE = 4_096;

const module = new URL('./reading.js', import.meta.url);

/** The value of a metric query at one time. @param at milliseconds since 1970 */
export async function* fetchInstant(job: Job<LokiSettings>, logql: string, at: number): AsyncGenerator<Page> {
  const parameters = new URLSearchParams({ query: logql, time: nanoseconds(at) });
  const request = lokiRequest(job.settings, { method: 'POST', path: 'loki/api/v1/query', parameters });
  const { status, pieces } = yield* askForMuch(job, request, lokiPatience);
  const argument: MetricAsked = { status, logql, notes: [] };
  yield* apart<Page>(pieces, { module, name: 'tableOfMetric', argument }, job.signal);
}

/**
 * Log lines page by page, beyond the number that Loki gives at once; or the chart and the table of a metric query:
 * which of the two it is shows in the answer.
 *
 * Each page begins at the time of the last line before: other lines may have the same time, so that the lines of that
 * time come again, and are left out.
 */
export async function* fetchRange(job: Job<LokiSettings>, query: RangeQuery): AsyncGenerator<Page> {
  const isBackward = query.direction === 'backward';
  let { start, end } = { start: nanoseconds(query.start), end: nanoseconds(query.end) };
  let most = USUAL_MOST_LINES;
  let size = FIRST_LINES;
  let columns: readonly string[] | undefined;
  let again: readonly string[] = [];
  let left = query.limit;
  let lost = '';
  let remarks = '';
  let more = true;
  while (more) {
    // One line more than is shown tells whether there are more.
    const lines = Math.min(most, Math.max(size, again.length + 1), left + 1 + again.length);
    const answer: HttpAnswer = yield* ask(job, query, start, end, lines);
    const allowed = linesAllowed(answer.status, beginningOf(answer, LARGEST_MESSAGE));
    if (allowed !== undefined && allowed >= 1 && allowed < lines) {
      most = allowed;
      continue;
    }
    const { status, pieces } = answer;
    const argument: LogsAsked = {
      status,
      logql: query.logql,
      isBackward,
      columns,
      again,
      left,
      lines,
      metric: { start: query.start, end: query.end, step: query.step * 1000, note: query.note },
    };
    let page: LogPage | undefined;
    for await (const each of apart<LogPage | Page>(
      pieces,
      { module, name: 'pageOfLogs', argument },
      job.signal,
    )) {
      if (each.kind === 'logs') page = each;
      else yield each;
    }
    // The answer to a metric query is complete.
    if (page === undefined) return;
    ({ columns } = page);
    left -= page.shown;
    if (page.remarks !== '') ({ remarks } = page);
    more = page.count >= lines && page.last !== undefined;
    if (page.isCut || !more || page.last === undefined) {
      more = page.isCut;
      break;
    }
    yield { kind: 'progress', text: `${(query.limit - left).toLocaleString('en')} lines` };
    size = Math.max(FEWEST_LINES, Math.floor(PAGE_BYTES / Math.max(1, answer.size / page.count)));
    const last = BigInt(page.last);
    ({ again } = page);
    const before = `${start} ${end}`;
    // The start is part of the time, its end isn't.
    if (isBackward) end = String(last + 1n);
    else start = page.last;
    if (page.shown === 0 && before === `${start} ${end}`) throw notLoki(status);
    if (again.length >= most) {
      lost = `More than ${(most - 1).toLocaleString('en')} lines have the time ${timeOf(last)}: the others of that time are missing, as Loki gives no more at once.`;
      again = [];
      if (isBackward) end = page.last;
      else start = String(last + 1n);
    }
    more = BigInt(start) < BigInt(end);
  }
  const cut = more && left <= 0 ? aboutMore(query) : '';
  const nothing = left === query.limit ? 'No line matches.' : '';
  yield { kind: 'end', note: [nothing, cut, lost, remarks].filter(Boolean).join(' ') };
}

function aboutMore({ limit, direction }: RangeQuery): string {
  const which = direction === 'backward' ? 'newest' : 'oldest';
  return `These are the ${which} ${limit.toLocaleString('en')} lines, and there are more: fetch them with --limit.`;
}

function timeOf(nanoseconds: bigint): string {
  return new Date(Number(nanoseconds / 1_000_000n)).toISOString();
}

function ask(
  job: Job<LokiSettings>,
  { logql, step, direction }: RangeQuery,
  start: string,
  end: string,
  limit: number,
): AsyncGenerator<Page, HttpAnswer> {
  const parameters = new URLSearchParams({
    query: logql,
    start,
    end,
    limit: String(limit),
    direction,
    step: String(step),
  });
  const request = lokiRequest(job.settings, { method: 'POST', path: 'loki/api/v1/query_range', parameters });
  return askForMuch(job, request, lokiPatience);
}
