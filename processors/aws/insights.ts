import { apart, oneApart } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { untilDone } from '../core/polled.js';
import { CellError } from '../core/processor.js';
import type { TimeRange } from '../core/time-range.js';
import type { HttpAnswer } from '../http/send.js';
import { call, callOnce } from './call.js';
import { insightsLink } from './console.js';
import { type QueryShape, shapeOf } from './insights-query.js';
import type { InsightsRead, InsightsResults } from './insights-reading.js';
import { INSIGHTS } from './services.js';
import type { AwsJob } from './settings.js';

/** A query gives no more rows, and has no second page. */
const MOST_ROWS = 10_000;
/** AWS searches so many groups in one query. */
const MOST_GROUPS = 50;
/** Parts that a time is split into at once, aiming at so many rows in each. */
const MOST_PARTS = 40;
const ROWS_OF_PART = 7_000;
/** Queries of one cell, and bytes of their answers. */
const MOST_QUERIES = 200;
const MOST_BYTES = 128 * 1024 * 1024;
/** How long a query may take to be started: it isn't given up before its name is known. In milliseconds. */
const START_LIMIT_MS = 30_000;

export interface LogsQuery {
  readonly groups: readonly string[];
  readonly query: string;
  readonly range: TimeRange;
  /** Rows of all. */
  readonly limit: number;
}

/** In whole seconds since 1970. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * A query of Logs Insights. A result that is full is asked for again over parts of its time, where these can be put
 * together again.
 *
 * @throws {CellError} what AWS said
 */
export async function* insights(job: AwsJob, asked: LogsQuery): AsyncGenerator<Page> {
  if (asked.groups.length > MOST_GROUPS)
    throw new CellError(`Logs Insights searches at most ${MOST_GROUPS} log groups in one query.`);
  const shape = shapeOf(asked.query);
  const whole = { start: Math.floor(asked.range.start / 1000), end: Math.ceil(asked.range.end / 1000) };
  const left: Span[] = [whole];
  const answers: HttpAnswer[] = [];
  const notes: string[] = [];
  let [rows, bytes, scanned, queries] = [0, 0, 0, 0];
  for (let span = left.shift(); span !== undefined; span = left.shift()) {
    const most = shape.hasLimit ? MOST_ROWS : Math.min(MOST_ROWS, asked.limit);
    const { answer, read }: Done = yield* run(job, asked, span, most, queries, rows);
    queries += 1;
    scanned += read.scannedBytes;
    if (read.rows >= MOST_ROWS && !shape.hasLimit && asked.limit > MOST_ROWS) {
      const parts = shape.order === undefined ? [] : partsOf(span, read.matchedRecords, shape.order);
      if (parts.length > 0) {
        left.unshift(...parts);
        if (queries >= MOST_QUERIES) break;
        continue;
      }
      notes.push(cutOff(shape, span));
    }
    answers.push(answer);
    rows += read.rows;
    bytes += answer.size;
    if (rows >= asked.limit || bytes >= MOST_BYTES) break;
  }
  if (rows >= asked.limit && !shape.hasLimit) notes.unshift(LIMITED);
  else if (left.length > 0)
    notes.unshift('Only a part: there is more than one cell can take. Ask for less time.');
  if (queries > 1)
    notes.push(`${queries} queries, as one gives at most ${MOST_ROWS.toLocaleString('en')} rows.`);
  notes.push(`Scanned ${sizeText(scanned)}.`);
  const results: InsightsResults = {
    sizes: answers.map(({ size }) => size),
    most: shape.hasLimit ? MOST_ROWS : asked.limit,
    title: asked.query.trim().replace(/\s+/g, ' '),
    notes: [...new Set(notes)],
    displays: insightsLink(job.settings, asked),
  };
  const pieces = answers.flatMap((answer) => answer.pieces);
  yield* apart<Page>(pieces, { module: MODULE, name: 'tableOfInsights', argument: results }, job.signal);
}

const MODULE = new URL('./insights-reading.js', import.meta.url);
const LIMITED = 'There may be more rows: allow them with --limit, or ask for less time.';

interface Done {
  readonly answer: HttpAnswer;
  readonly read: InsightsRead;
}

async function* run(
  job: AwsJob,
  { groups, query }: LogsQuery,
  { start, end }: Span,
  limit: number,
  before: number,
  rowsBefore: number,
): AsyncGenerator<Page, Done> {
  // An interrupt now would leave a query running whose name nobody knows.
  const starting = { ...job, signal: AbortSignal.timeout(START_LIMIT_MS) };
  job.signal.throwIfAborted();
  const started = yield* call(starting, INSIGHTS.start, {
    ...(groups.some((group) => group.startsWith('arn:'))
      ? { logGroupIdentifiers: groups }
      : { logGroupNames: groups }),
    startTime: start,
    endTime: end,
    queryString: query,
    limit,
  });
  const { queryId } = Object(JSON.parse(started.body.toString() || '{}')) as { queryId?: unknown };
  if (typeof queryId !== 'string')
    throw new CellError("The answer to StartQuery is not from AWS: is the connection's url right?");
  const done: Done = yield* untilDone<Done>(
    {
      look: async () => {
        const answer = await patiently(call(job, INSIGHTS.results, { queryId }));
        const work = { module: MODULE, name: 'readInsights', argument: undefined };
        return { answer, read: await oneApart<InsightsRead>(answer.pieces, work, job.signal) };
      },
      isDone: ({ read }) => !/^(?:Scheduled|Running)$/.test(read.status),
      progressOf: ({ read }) =>
        `${before > 0 ? `query ${before + 1}, ${rowsBefore.toLocaleString('en')} rows so far, ` : ''}` +
        `scanned ${read.scannedRecords.toLocaleString('en')} events (${sizeText(read.scannedBytes)}), ` +
        `${read.matchedRecords.toLocaleString('en')} match`,
      cancel: (signal) => callOnce({ ...job, signal }, INSIGHTS.stop, { queryId }),
    },
    job.signal,
  );
  const { status } = done.read;
  if (status !== 'Complete')
    throw new CellError(ends[status] ?? `The query ended as ${status.slice(0, 40)}.`);
  return done;
}

const ends: Readonly<Record<string, string>> = {
  Failed: 'AWS could not run the query (Failed). Check it in the console of Logs Insights.',
  Cancelled: 'Another user or program cancelled the query at AWS.',
  Timeout: 'The query took longer than AWS allows (60 minutes). Ask for less time, or fewer log groups.',
};

/** What it waits for is told by the query's own progress. */
async function patiently<Result>(asking: AsyncGenerator<Page, Result>): Promise<Result> {
  let step = await asking.next();
  while (!step.done) step = await asking.next();
  return step.value;
}

/**
 * Parts of a time, in the order of the result. They meet in one second each: whether AWS's end includes the whole of
 * its second isn't documented, and what comes twice is taken out later.
 */
function partsOf({ start, end }: Span, matched: number, order: QueryShape['order']): Span[] {
  const seconds = end - start;
  const count = Math.min(MOST_PARTS, seconds, Math.max(2, Math.ceil(matched / ROWS_OF_PART)));
  if (count < 2) return [];
  const parts = Array.from({ length: count }, (_, at) => ({
    start: start + Math.floor((seconds * at) / count),
    end: start + Math.floor((seconds * (at + 1)) / count),
  }));
  return order === 'oldest first' ? parts : parts.reverse();
}

function cutOff({ order }: QueryShape, { start }: Span): string {
  const rows = MOST_ROWS.toLocaleString('en');
  if (order === undefined)
    return `Partial: AWS gives at most ${rows} rows of such a query (stats, sort or dedup). Ask for less time, or aggregate more.`;
  const second = new Date(start * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return `Partial: more than ${rows} events match in the one second at ${second} UTC.`;
}

function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, at] = [bytes, 0];
  while (value >= 1000 && at < units.length - 1) [value, at] = [value / 1000, at + 1];
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}
