import { randomUUID } from 'node:crypto';
import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import { untilDone } from '../core/polled.js';
import { CellError } from '../core/processor.js';
import { NoAnswer } from '../http/no-answer.js';
import type { HttpAnswer } from '../http/send.js';
import { failure, progressOf, QUEUED, type State, stateOf } from './job-state.js';
import {
  askSplunk,
  askSplunkPatiently,
  contentOf,
  entriesOf,
  type SplunkRequest,
  type SplunkSettings,
} from './requests.js';
import { resultsOf } from './result-pages.js';
import type { Search } from './search.js';

/** A job that nobody asks about, and one that is done, are removed by Splunk after so many seconds. */
const ABANDONED_S = 300;
/** A job may take so many seconds longer than its cell; then Splunk ends it, whatever becomes of the gateway. */
const MARGIN_S = 30;

/** How often in a row Splunk may be too busy to say how a job is. */
const MOST_BUSY = 5;
const BUSY = new Set([429, 502, 503, 504]);

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
    yield* resultsOf(job, search, placeOf(at), state);
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
