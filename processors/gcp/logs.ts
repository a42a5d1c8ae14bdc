import { oneApart, type Work } from '../core/apart.js';
import { linkOf } from '../core/link.js';
import type { Column, Page } from '../core/pages.js';
import type { TimeRange } from '../core/time-range.js';
import type { EntriesRead } from './entries-reading.js';
import { askGcp, LOGGING } from './requests.js';
import { type GcpJob, projectIn } from './settings.js';

/** Google gives no more entries at once. */
const MOST_OF_PAGE = 1_000;
/** Longer addresses are cut by browsers and proxies on the way. */
const LONGEST_LINK = 2_000;

const COLUMNS: readonly Column[] = [
  { name: 'time', type: 'time' },
  { name: 'severity', type: 'text' },
  { name: 'log', type: 'text' },
  { name: 'resource', type: 'text' },
  { name: 'labels', type: 'document' },
  { name: 'payload', type: 'document' },
  { name: 'message', type: 'text' },
];

/** Entries of the connection's project, newest first. Each page goes to the kernel as it comes. */
export async function* logs(
  job: GcpJob,
  filter: string,
  range: TimeRange,
  limit: number,
): AsyncGenerator<Page> {
  const project = projectIn(job.settings);
  const times = [
    `timestamp>="${new Date(range.start).toISOString()}"`,
    `timestamp<"${new Date(range.end).toISOString()}"`,
  ];
  // On a line of its own: the filter may end with a comment.
  const asked = filter === '' ? times : [`(${filter}\n)`, ...times];
  let isBegun = false;
  let rows = 0;
  let token: string | undefined;
  do {
    const answer = yield* askGcp(job, LOGGING, '/v2/entries:list', {
      resourceNames: [`projects/${project}`],
      filter: asked.join(' AND '),
      orderBy: 'timestamp desc',
      pageSize: Math.min(MOST_OF_PAGE, limit - rows),
      ...(token !== undefined && { pageToken: token }),
    });
    const read: EntriesRead = await oneApart<EntriesRead>(answer.pieces, WORK, job.signal);
    if (!isBegun) yield { kind: 'columns', columns: COLUMNS };
    isBegun = true;
    const [found = []] = read.columns;
    if (found.length > 0) yield { kind: 'rows', rows: read.columns };
    rows += found.length;
    // Google searches in steps: a page may be empty, and still have one behind it.
    token = read.token === token ? undefined : read.token;
    yield { kind: 'progress', text: `${rows.toLocaleString('en')} entries` };
  } while (token !== undefined && rows < limit);
  const note =
    token === undefined
      ? ''
      : `Only the newest ${rows.toLocaleString('en')} entries of this time: allow more with --limit, or ask for less time.`;
  yield { kind: 'end', note, displays: linkTo(job, project, filter, range) };
}

const WORK: Work = {
  module: new URL('./entries-reading.js', import.meta.url),
  name: 'readEntries',
  argument: undefined,
};

/** The same in Google's console: https://cloud.google.com/logging/docs/view/logs-explorer-interface (Share link) */
function linkTo({ settings }: GcpJob, project: string, filter: string, { start, end }: TimeRange) {
  if (settings.url !== undefined) return [];
  const part = (text: string) =>
    encodeURIComponent(text).replace(/[()']/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
  const span = `startTime=${part(new Date(start).toISOString())};endTime=${part(new Date(end).toISOString())}`;
  const address = `https://console.cloud.google.com/logs/query;query=${part(filter)};${span}?project=${part(project)}`;
  return address.length > LONGEST_LINK ? [] : [linkOf(address, 'Open in Logs Explorer')];
}
