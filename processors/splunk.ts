import { z } from 'zod';
import { brokered } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import { CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { quoted } from './core/refusal.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { RANGE } from './core/time-range.js';
import { refuseWriting } from './splunk/commands.js';
import { completeSpl } from './splunk/completion.js';
import { testSplunk } from './splunk/connection.js';
import { definitionsOf, savedSearchOf } from './splunk/definitions.js';
import { expanded } from './splunk/expansion.js';
import { linkTo } from './splunk/link.js';
import type { SplunkJob, SplunkSettings } from './splunk/requests.js';
import { runSearch } from './splunk/search-job.js';
import { withCommand } from './splunk/spl.js';
import { EARLIEST, LATEST, timesOf, USUAL_RANGE } from './splunk/time.js';
import { renderSpl } from './splunk/values.js';

const settings = z
  .strictObject({
    url: httpUrl(),
    token: credential().optional(),
    username: text().optional(),
    password: credential().optional(),
    read_only: z.boolean('it is true or false').default(true),
    allow_commands: z.array(text((name) => /^\w+$/.test(name), 'the name of a command')).optional(),
    web_url: httpUrl().optional(),
    ...tlsFields,
  })
  .superRefine(({ token, username, password }, context) => {
    const problem = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (token !== undefined && username !== undefined)
      problem('username', 'token is set already: set only one of them');
    if (username !== undefined && password === undefined) problem('password', 'missing');
    if (username === undefined && password !== undefined) problem('username', 'missing');
  });

const LEVELS = ['smart', 'fast', 'verbose'];

/** Rows; Splunk itself keeps at most 500,000 events of a search (limits.conf, `[search] max_count`). */
const USUAL_LIMIT = 100_000;
const MOST_LIMIT = 20_000_000;

export const splunk = brokered<SplunkSettings>({
  name: 'splunk',
  summary: 'searches Splunk with SPL',
  example:
    '%%splunk --range 6h --out errors\nindex=web status>=500 host="{{host}}"\n| timechart count by uri_path',
  options: {
    range: { ...RANGE, help: `search the last 15m, 6h, 7d …; default ${USUAL_RANGE}` },
    earliest: EARLIEST,
    latest: LATEST,
    saved: { type: 'string', help: 'run the saved search of this name' },
    limit: {
      type: 'number',
      help: `at most this many rows; default ${USUAL_LIMIT.toLocaleString('en')}`,
    },
    level: {
      type: 'string',
      help: 'how much Splunk extracts from events; default smart',
      values: LEVELS,
    },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testSplunk },

  complete: completeSpl,

  compile({ options, body }) {
    const { saved, limit = USUAL_LIMIT, level = 'smart' } = options;
    const typed = body.trim();
    if (saved === undefined && typed === '')
      throw new CellError('A %%splunk cell needs a search, e.g. index=_internal | head 10.');
    if (saved !== undefined && typed !== '')
      throw new CellError(
        'With --saved the cell contains no search: Splunk has it. Write | savedsearch NAME to go on from it.',
      );
    if (!LEVELS.includes(String(level))) throw new CellError(`--level takes ${LEVELS.join(', ')}.`);
    if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > MOST_LIMIT)
      throw new CellError(`--limit takes a whole number from 1 to ${MOST_LIMIT.toLocaleString('en')}.`);
    const times = timesOf(options);
    const template = saved === undefined ? withCommand(typed) : '';
    const variables = variablesIn(template, options, 'a search: Splunk logs its searches');
    const { range, earliest, latest } = options;
    return {
      args: {
        ...(saved === undefined ? { search: typed } : { saved }),
        ...(range !== undefined && { range }),
        ...(earliest !== undefined && { earliest }),
        ...(latest !== undefined && { latest }),
      },
      variables,
      async *perform(job) {
        const stored = saved === undefined ? undefined : await savedNamed(job, String(saved));
        const written = options.raw === true ? template : renderSpl(template, job.values);
        const asked = stored === undefined ? written : withCommand(stored.spl);
        const search = {
          spl: job.settings.read_only ? await onlyReading(job, asked) : asked,
          earliest: times.earliest ?? stored?.earliest ?? `-${USUAL_RANGE}`,
          latest: times.latest ?? stored?.latest ?? 'now',
          limit,
          level: String(level),
        };
        yield* runSearch(job, { ...search, displays: linkTo(job.settings, { ...search, spl: asked }) });
      },
    };
  },
});

async function savedNamed(job: SplunkJob, name: string) {
  const saved = await savedSearchOf(job, name);
  if (saved !== undefined) return saved;
  throw new CellError(`Splunk has no saved search “${quoted(name)}” that this connection may read.`);
}

/** What is checked is what is sent. @throws {CellError} for a search that may do more than read */
async function onlyReading(
  job: SplunkJob & { readonly settings: SplunkSettings },
  spl: string,
): Promise<string> {
  const text = await expanded(spl, definitionsOf(job));
  refuseWriting(text, job.settings.allow_commands);
  return text;
}
