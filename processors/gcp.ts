import { oneApart } from './core/apart.js';
import { brokered } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import { placeValues } from './core/placed-values.js';
import { CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { AT, RANGE, timeRangeOf } from './core/time-range.js';
import { assets } from './gcp/assets.js';
import { completeGcp } from './gcp/completion.js';
import type { EntriesRead } from './gcp/entries-reading.js';
import { LOGGING_QUERY } from './gcp/languages.js';
import { logs } from './gcp/logs.js';
import { askGcpQuietly, LOGGING } from './gcp/requests.js';
import { type GcpConnection, projectIn, settings } from './gcp/settings.js';

const PLACE = 'a question to Google Cloud, which logs it';
/** A minute's quota gives some 60,000. */
const USUAL_LIMIT = 10_000;
const MOST_ROWS = 5_000_000;
const LARGEST_TEST = 1024 * 1024;

export const gcp = brokered<GcpConnection>({
  name: 'gcp',
  summary: 'asks Google Cloud: log entries, and what there is (asset search)',
  example: '%%gcp prod --range 1h\nresource.type="k8s_container" AND severity>=ERROR',
  options: {
    range: RANGE,
    at: AT,
    limit: { type: 'number', help: 'at most this many entries; default 10,000' },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: {
    settings,
    async test(test) {
      const project = projectIn(test.settings);
      const since = new Date(Date.now() - 3_600_000).toISOString();
      const asked = { resourceNames: [`projects/${project}`], filter: `timestamp>="${since}"`, pageSize: 1 };
      const job = { ...test, endsAt: Date.now() };
      const { pieces } = await askGcpQuietly(job, LOGGING, '/v2/entries:list', asked, LARGEST_TEST);
      const work = {
        module: new URL('./gcp/entries-reading.js', import.meta.url),
        name: 'readEntries',
        argument: {},
      };
      await oneApart<EntriesRead>(pieces, work, test.signal);
      return `Google Cloud, reads the logs of ${project}`;
    },
  },
  complete: completeGcp,

  compile({ body, options }) {
    const text = body.trim();
    const [first = ''] = text.split('\n', 1);
    // A filter may begin with any word: a verb has its line for itself.
    const isVerb = /^(?:logs|assets)$/.test(first.trim());
    const lines = isVerb ? text.slice(first.length).trim() : text;
    const isAssets = isVerb && first.trim() === 'assets';
    const { range: length, at, limit = USUAL_LIMIT } = options;
    if (text === '')
      throw new CellError(
        'A %%gcp cell needs a filter, e.g. severity>=ERROR. For all entries write logs, for resources assets.',
      );
    if (isAssets && (length !== undefined || at !== undefined))
      throw new CellError('assets shows what there is now: it takes no --range or --at.');
    if (!Number.isInteger(limit) || Number(limit) < 1 || Number(limit) > MOST_ROWS)
      throw new CellError(`--limit takes a whole number from 1 to ${MOST_ROWS.toLocaleString('en')}.`);
    const range = () => timeRangeOf(options, '1h');
    range();
    return {
      args: { ask: text, ...(length !== undefined && { range: length }) },
      variables: variablesIn(text, options, PLACE),
      perform(job) {
        const query = options.raw === true ? lines : placeValues(lines, job.values, LOGGING_QUERY);
        return isAssets ? assets(job, query) : logs(job, query, range(), Number(limit));
      },
    };
  },
});
