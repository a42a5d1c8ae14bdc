import { randomUUID } from 'node:crypto';
import { apart, oneApart } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Column, Page } from '../core/pages.js';
import { untilDone } from '../core/polled.js';
import { CellError, type Json } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { NoAnswer } from '../http/no-answer.js';
import type { HttpAnswer } from '../http/send.js';
import { type Message, messagesIn } from './messages.js';
import {
  askSplunk,
  askSplunkPatiently,
  contentOf,
  entriesOf,
  type SplunkRequest,
  type SplunkSettings,
} from './requests.js';
import type { HeadRead, PageRead } from './results.js';

/** What is asked of Splunk. */
export interface Search {
  readonly spl: string;
  readonly earliest: string;
  readonly latest: string;
  /** Rows. */
  readonly limit: number;
  /** How much Splunk extracts from events: https://docs.splunk.com/Documentation/Splunk/latest/Search/Changethesearchmode */
  readonly level: string;
  /** MIME bundles to show with the result. */
  readonly displays: readonly Readonly<Record<string, Json>>[];
}

/** Where a job is. Source: https://docs.splunk.com/Documentation/Splunk/latest/RESTREF/RESTsearch#search.2Fjobs.2F.7Bsearch_id.7D */
interface State {
  readonly dispatchState: string;
  readonly isDone: boolean;
  readonly isFailed: boolean;
  /** Ended early, by a person or a limit of Splunk's. */
  readonly isFinalized: boolean;
  /** 0 to 1. */
  readonly progress: number;
  readonly scanned: number;
  readonly matched: number;
  readonly rows: number;
  /** The results are events, not calculated from them. */
  readonly isEvents: boolean;
  readonly messages: readonly Message[];
}

/** A job that nobody asks about, and one that is done, are removed by Splunk after so many seconds. */
const ABANDONED_S = 300;
/** A job may take so many seconds longer than its cell; then Splunk ends it, whatever becomes of the gateway. */
const MARGIN_S = 30;

/** How often in a row Splunk may be too busy to say how a job is. */
const MOST_BUSY = 5;
const BUSY = new Set([429, 502, 503, 504]);

/** Rows of the first page; later ones are as large as they may be. Splunk gives 50,000 at most (limits.conf, `maxresultrows`). */
const FIRST_ROWS = 1_000;
const MOST_ROWS = 50_000;
const LEAST_ROWS = 50;
/** What a page should have, in bytes: so much is read in a moment. */
const PAGE_BYTES = 4 * 1024 * 1024;
const LARGEST_PAGE = 32 * 1024 * 1024;
/** Columns are known from so much of a result, in bytes; of a smaller one from all of it. */
const HEAD_BYTES = 16 * 1024 * 1024;

const MOST_MESSAGES = 10;

/** How long Splunk may take to remove a job, in milliseconds. */
const REMOVE_LIMIT_MS = 10_000;

/** Runs a search, and gives its rows as they are fetched. The job at Splunk is removed whatever happens. */
export async function* runSearch(job: Job<SplunkSettings>, search: Search): AsyncGenerator<Page> {
  // Named here: a job that Splunk has begun while the cell was interrupted can be cancelled too.
  const at: Where = { sid: `spin_${randomUUID()}`, path: 'services/search/v2/jobs' };
  let exists = true;
  let removed: Promise<unknown> | undefined;
  const remove = (signal: AbortSignal) => {
    removed ??= askSplunk(
      { ...job, signal },
      { method: 'POST', path: `${placeOf(at)}/control`, parameters: { action: 'cancel' } },
    );
    return removed;
  };
  try {
    try {
      yield* begin(job, search, at);
    } catch (error) {
      // A search that is refused is no job.
      exists = !(error instanceof CellError) || error instanceof NoAnswer;
      throw error;
    }
    const state = yield* untilDone(polled(job, at, remove), job.signal);
    if (state.isFailed) throw new CellError(failure(state));
    yield* resultsOf(job, search, at, state);
  } finally {
    // It has its own time: the cell may be over. That it fails changes nothing about the result.
    if (exists) remove(AbortSignal.timeout(REMOVE_LIMIT_MS)).catch(() => {});
  }
}

/** A job's place at Splunk. */
interface Where {
  sid: string;
  /** Of all jobs: `v2` since Splunk 9.0.1. */
  path: string;
}

function placeOf({ path, sid }: Where): string {
  return `${path}/${encodeURIComponent(sid)}`;
}

async function* begin(job: Job<SplunkSettings>, search: Search, at: Where): AsyncGenerator<Page> {
  const { spl, earliest, latest, limit, level } = search;
  const seconds = Math.max(1, Math.ceil((job.endsAt - Date.now()) / 1000));
  const request = (): SplunkRequest => ({
    method: 'POST',
    path: at.path,
    parameters: {
      search: spl,
      id: at.sid,
      exec_mode: 'normal',
      earliest_time: earliest,
      latest_time: latest,
      adhoc_search_level: level,
      max_count: String(limit),
      max_time: String(seconds + MARGIN_S),
      auto_cancel: String(ABANDONED_S),
      timeout: String(ABANDONED_S),
    },
  });
  yield { kind: 'progress', text: 'asking Splunk' };
  let answer: HttpAnswer = yield* askSplunkPatiently(job, request());
  if (answer.status === 404) {
    at.path = 'services/search/jobs';
    answer = yield* askSplunkPatiently(job, request());
  }
  const { sid } = contentOf(answer);
  if (typeof sid !== 'string' || !/^[\w@.~-]{1,300}$/.test(sid) || /^\.+$/.test(sid))
    throw new CellError("Splunk's answer to the search has no sid: is the connection's url right?");
  at.sid = sid;
}

function polled(job: Job<SplunkSettings>, at: Where, cancel: (signal: AbortSignal) => Promise<unknown>) {
  let known: State = QUEUED;
  let busy = 0;
  return {
    async look(): Promise<State> {
      const answer = await askSplunk(job, { method: 'GET', path: placeOf(at) });
      busy = BUSY.has(answer.status) ? busy + 1 : 0;
      // 204: it is not ready yet.
      if (answer.status === 204 || (busy > 0 && busy < MOST_BUSY)) return known;
      if (answer.status === 404)
        throw new CellError(
          'Splunk has removed the job of this search: it was cancelled there, or took too long.',
        );
      known = stateOf(entriesOf(answer)[0]?.content ?? {});
      return known;
    },
    isDone: ({ isDone, isFailed }: State) => isDone || isFailed,
    progressOf,
    cancel,
  };
}

const QUEUED: State = {
  dispatchState: 'QUEUED',
  isDone: false,
  isFailed: false,
  isFinalized: false,
  progress: 0,
  scanned: 0,
  matched: 0,
  rows: 0,
  isEvents: false,
  messages: [],
};

function stateOf(content: Readonly<Record<string, unknown>>): State {
  const is = (name: string) => /^(?:true|1)$/.test(String(content[name]));
  const number = (name: string) => {
    const value = Number((content[name] as { text?: string } | undefined)?.text ?? content[name]);
    return Number.isFinite(value) ? value : 0;
  };
  const dispatchState = String(content.dispatchState ?? '');
  return {
    dispatchState,
    isDone: is('isDone') || dispatchState === 'DONE',
    isFailed: is('isFailed') || is('isZombie') || dispatchState === 'FAILED',
    isFinalized: is('isFinalized'),
    progress: Math.min(1, Math.max(0, number('doneProgress'))),
    scanned: number('scanCount'),
    matched: number('eventCount'),
    rows: number('resultCount'),
    isEvents: is('resultIsStreaming'),
    messages: messagesIn(content.messages),
  };
}

/** The words of Splunk's states that a person needs. */
const waiting: Readonly<Record<string, string>> = {
  QUEUED: 'waiting in the queue: Splunk runs as many searches as it may',
  PARSING: 'starting',
  PAUSED: 'paused at Splunk',
};

function progressOf({ dispatchState, scanned, matched, progress }: State): string {
  const word = Object.hasOwn(waiting, dispatchState) ? waiting[dispatchState] : undefined;
  if (word !== undefined && scanned === 0) return word;
  const counts = `scanned ${count(scanned)} events (${Math.floor(progress * 100)} %), ${count(matched)} match`;
  return word === undefined ? counts : `${word}, ${counts}`;
}

function failure({ messages }: State): string {
  const texts = messages.filter(isWarning).map(({ text }) => shortened(text, 400));
  return texts.length === 0
    ? 'The search failed at Splunk, which does not say why.'
    : `Splunk: ${texts.join(' ')}`;
}

async function* resultsOf(
  job: Job<SplunkSettings>,
  search: Search,
  at: Where,
  state: State,
): AsyncGenerator<Page> {
  const { spl, limit } = search;
  const total = Math.min(state.rows, limit);
  const messages: Message[] = [...state.messages];
  const page = async function* (offset: number, rows: number): AsyncGenerator<Page, HttpAnswer> {
    const answer: HttpAnswer = yield* askSplunkPatiently(job, {
      method: 'GET',
      path: `${placeOf(at)}/results`,
      parameters: { offset: String(offset), count: String(rows) },
      largest: LARGEST_PAGE,
    });
    if (answer.status !== 200 && answer.status !== 204) contentOf(answer);
    return answer;
  };
  const head: HttpAnswer[] = [];
  let [fetched, bytes, ends] = [0, 0, total === 0];
  const next = () => rowsFor(fetched, bytes, total);
  while (!ends && bytes < HEAD_BYTES) {
    const answer: HttpAnswer = yield* page(fetched, next());
    if (answer.size === 0) break;
    const read = await oneApart<PageRead>(answer.pieces, work('readPage', undefined), job.signal);
    head.push(answer);
    messages.push(...read.messages);
    fetched += read.rows;
    bytes += answer.size;
    ends = read.rows === 0 || fetched >= total;
    yield { kind: 'progress', text: `${count(fetched)} of ${count(total)} rows` };
  }
  const argument = { sizes: head.map(({ size }) => size), isWhole: ends, spl };
  let columns: readonly Column[] = [];
  let chart: HeadRead['chart'];
  const first = apart<HeadRead | Page>(
    head.flatMap(({ pieces }) => pieces),
    work('tableOfHead', argument),
    job.signal,
  );
  if (head.length === 0) yield { kind: 'columns', columns: [] };
  else
    for await (const each of first) {
      if ('kind' in each) yield each;
      else {
        ({ columns, chart } = each);
        yield { kind: 'columns', columns };
      }
    }
  const headRows = fetched;
  // What has been shown needs no memory any more.
  head.length = 0;
  while (!ends) {
    const answer: HttpAnswer = yield* page(fetched, next());
    if (answer.size === 0) break;
    let rows = 0;
    for await (const each of apart<PageRead | Page>(
      answer.pieces,
      work('rowsOfPage', { columns, spl }),
      job.signal,
    )) {
      if ('kind' in each) yield each;
      else {
        rows = each.rows;
        messages.push(...each.messages);
      }
    }
    fetched += rows;
    bytes += answer.size;
    ends = rows === 0 || fetched >= total;
  }
  yield* noticesOf(messages);
  const notes = [
    fetched === 0 ? 'No results.' : '',
    cutNote(search, state, fetched),
    chart !== undefined && headRows < fetched ? `The chart shows the first ${count(headRows)} rows.` : '',
    chart?.note ?? '',
  ];
  yield {
    kind: 'end',
    note: notes.filter((note) => note !== '').join(' '),
    displays: [...search.displays, ...(chart?.displays ?? [])],
  };
}

/** @returns how many rows the next page should have, by what those so far have taken */
function rowsFor(fetched: number, bytes: number, total: number): number {
  const wanted = fetched === 0 ? FIRST_ROWS : Math.floor(PAGE_BYTES / Math.max(1, bytes / fetched));
  return Math.min(Math.max(LEAST_ROWS, wanted), MOST_ROWS, total - fetched);
}

/** What is missing, in sentences: never a silent cut. */
function cutNote(
  { limit }: Search,
  { rows, matched, isEvents, isFinalized }: State,
  fetched: number,
): string {
  const parts: string[] = [];
  if (isFinalized) parts.push('Partial, because the search was ended before it was complete.');
  const all = isEvents ? Math.max(rows, matched) : rows;
  if (fetched < all) parts.push(`The first ${count(fetched)} of ${count(all)} rows.`);
  else if (fetched >= limit) parts.push(`The first ${count(fetched)} rows: there may be more.`);
  if (fetched >= limit) parts.push('Ask for more with --limit.');
  return parts.join(' ');
}

function* noticesOf(messages: readonly Message[]): Generator<Page> {
  const texts = [...new Set(messages.filter(isWarning).map(({ type, text }) => `Splunk ${type}: ${text}`))];
  const shown = texts.slice(0, MOST_MESSAGES);
  if (texts.length > shown.length) shown.push(`… and ${texts.length - shown.length} more messages`);
  if (shown.length > 0) yield { kind: 'notice', text: shown.map((text) => shortened(text, 500)).join('\n') };
}

function isWarning({ type }: Message): boolean {
  return /^(?:WARN|ERROR|FATAL)/.test(type);
}

function work(name: string, argument: unknown) {
  return { module: new URL('./results.js', import.meta.url), name, argument };
}

function count(number: number): string {
  return number.toLocaleString('en');
}
