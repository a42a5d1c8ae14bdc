import { oneApart, type Work } from '../core/apart.js';
import type { Column, Page } from '../core/pages.js';
import type { TimeRange } from '../core/time-range.js';
import { call } from './call.js';
import { FILTER_LOG_EVENTS } from './services.js';
import type { AwsJob } from './settings.js';
import type { EventsRead } from './tail-reading.js';

/** AWS gives no more events at once. */
const MOST_OF_PAGE = 10_000;

export interface Tail {
  readonly group: string;
  /** A filter pattern; empty: every event. */
  readonly pattern: string;
  readonly range: TimeRange;
  readonly limit: number;
}

/** The events of a log group, oldest first. Each page goes to the kernel as it comes: a log may be endless. */
export async function* tail(job: AwsJob, { group, pattern, range, limit }: Tail): AsyncGenerator<Page> {
  let isBegun = false;
  let rows = 0;
  let token: string | undefined;
  do {
    const answer = yield* call(job, FILTER_LOG_EVENTS, {
      ...(group.startsWith('arn:') ? { logGroupIdentifier: group } : { logGroupName: group }),
      startTime: Math.floor(range.start),
      endTime: Math.ceil(range.end),
      limit: Math.min(MOST_OF_PAGE, limit - rows),
      ...(pattern !== '' && { filterPattern: pattern }),
      ...(token !== undefined && { nextToken: token }),
    });
    const read: EventsRead = await oneApart<EventsRead>(answer.pieces, WORK, job.signal);
    if (!isBegun) yield { kind: 'columns', columns: COLUMNS };
    isBegun = true;
    const [times = []] = read.columns;
    if (times.length > 0) yield { kind: 'rows', rows: read.columns };
    rows += times.length;
    // AWS searches in steps: a page may be empty, and still have one behind it.
    token = read.token === token ? undefined : read.token;
    yield { kind: 'progress', text: `${rows.toLocaleString('en')} events` };
  } while (token !== undefined && rows < limit);
  const note =
    token === undefined
      ? ''
      : `Only the first ${rows.toLocaleString('en')} events of this time: allow more with --limit, or ask for less time.`;
  yield { kind: 'end', note };
}

const COLUMNS: readonly Column[] = [
  { name: 'time', type: 'time' },
  { name: 'stream', type: 'text' },
  { name: 'message', type: 'text' },
];

const WORK: Work = {
  module: new URL('./tail-reading.js', import.meta.url),
  name: 'readEvents',
  argument: undefined,
};
