import type { CompletionJob, Suggested } from '../core/suggestion.js';
import { readJson } from '../http/json.js';
import { READING_COMMANDS } from './commands.js';
import { askSplunk, entriesOf, type SplunkJob, type SplunkSettings } from './requests.js';

/** Characters before the cursor that are looked at. */
const REACH = 300;
const MOST_NAMES = 5_000;

/** What is after `index=` and the like, and how its names are asked for. */
const METADATA: Readonly<Record<string, string>> = {
  sourcetype: 'sourcetypes',
  host: 'hosts',
  source: 'sources',
};

/** Commands, indexes, source types, hosts, sources, macros and saved searches of a connection. */
export async function completeSpl(
  body: string,
  cursor: number,
  job: CompletionJob<SplunkSettings>,
): Promise<Suggested> {
  const before = body.slice(Math.max(0, cursor - REACH), cursor);
  const none: Suggested = { from: cursor, to: cursor, items: [] };
  const suggest = (typed: string, kind: string, names: readonly string[]): Suggested => ({
    from: cursor - typed.length,
    to: cursor,
    items: names.filter((name) => name.startsWith(typed)).map((text) => ({ text, kind })),
  });
  const command = /(?:^|[|[])\s{0,50}([a-z\d]*)$/i.exec(before)?.[1];
  if (command !== undefined && /[|[]\s{0,50}[a-z\d]*$/i.test(before))
    return suggest(command.toLowerCase(), 'command', [...READING_COMMANDS]);
  const named = async (what: string, load: (service: SplunkJob) => Promise<readonly string[]>) =>
    (await job.remembered(what, (settings, signal, resources) =>
      load({ settings, signal, resources, hide: () => {} }),
    )) ?? [];
  const macro = /(?<!`)`(\w*)$/.exec(before)?.[1];
  if (macro !== undefined && before.split('`').length % 2 === 0) {
    const names = await named('macros', (service) => titlesOf(service, 'services/configs/conf-macros'));
    return suggest(macro, 'macro', [...new Set(names.map((name) => name.replace(/\(\d+\)$/, '')))]);
  }
  const saved = /\|\s{0,50}savedsearch\s{1,50}"?([^"|]*)$/i.exec(before)?.[1];
  if (saved !== undefined)
    return suggest(
      saved,
      'saved search',
      await named('saved', (service) => titlesOf(service, 'services/saved/searches')),
    );
  const [, field = '', typed = ''] =
    /(?<![\w.])(index|sourcetype|host|source)\s?=\s?"?([^\s"|,()[\]]*)$/i.exec(before) ?? [];
  const what = field.toLowerCase();
  if (what === 'index')
    return suggest(
      typed,
      what,
      await named('indexes', (service) => titlesOf(service, 'services/data/indexes')),
    );
  const type = Object.hasOwn(METADATA, what) ? METADATA[what] : undefined;
  if (type === undefined) return none;
  return suggest(typed, what, await named(type, (service) => metadataOf(service, what, type)));
}

async function titlesOf(job: SplunkJob, path: string): Promise<readonly string[]> {
  const parameters = { count: String(MOST_NAMES), f: 'title' };
  return entriesOf(await askSplunk(job, { method: 'GET', path, parameters })).map(({ name }) => name);
}

/** Source: https://docs.splunk.com/Documentation/Splunk/latest/SearchReference/Metadata */
async function metadataOf(job: SplunkJob, field: string, type: string): Promise<readonly string[]> {
  const answer = await askSplunk(job, {
    method: 'POST',
    path: 'services/search/jobs',
    parameters: {
      search: `| metadata type=${type} index=* | sort ${MOST_NAMES} - totalCount | fields ${field}`,
      exec_mode: 'oneshot',
      earliest_time: '-24h',
      latest_time: 'now',
      count: String(MOST_NAMES),
      max_time: '30',
    },
  });
  const { results } = Object(readJson(answer.pieces)) as { results?: unknown };
  return (Array.isArray(results) ? results : []).map((row) => String(Object(row)[field] ?? ''));
}
