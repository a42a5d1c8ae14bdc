import { apart, oneApart } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Column, Page } from '../core/pages.js';
import { shortened } from '../core/refusal.js';
import type { HttpAnswer } from '../http/send.js';
import { count, type State } from './job-state.js';
import { isWarning, type Message } from './messages.js';
import { askSplunkPatiently, contentOf, type SplunkSettings } from './requests.js';
import type { HeadRead, PageRead } from './results.js';
import type { Search } from './search.js';

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

/**
 * The results of a job that is done, as they are fetched.
 *
 * @param place the job's path
 */
export async function* resultsOf(
  job: Job<SplunkSettings>,
  search: Search,
  place: string,
  state: State,
): AsyncGenerator<Page> {
  const { spl, limit } = search;
  const total = Math.min(state.rows, limit);
  const messages: Message[] = [...state.messages];
  const page = async function* (offset: number, rows: number): AsyncGenerator<Page, HttpAnswer> {
    const answer: HttpAnswer = yield* askSplunkPatiently(job, {
      method: 'GET',
      path: `${place}/results`,
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

function work(name: string, argument: unknown) {
  return { module: new URL('./results.js', import.meta.url), name, argument };
}
