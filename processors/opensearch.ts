import { apart } from './core/apart.js';
import { brokered, type Request } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { type Cell, CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { quoted } from './core/refusal.js';
import { renderSearch } from './core/search-text.js';
import { AT, RANGE, timeRangeOf } from './core/time-range.js';
import { askForMuch, askService } from './http/service.js';
import { readAnswer } from './opensearch/answer.js';
import { completeSearch } from './opensearch/completion.js';
import type { ReadArgument } from './opensearch/read-answer.js';
import { type Read, readRead, renderRead } from './opensearch/reads.js';
import { fetchSearch, type SearchJob } from './opensearch/search.js';
import { LUCENE, renderSearchBody } from './opensearch/search-body.js';
import { type OpenSearchSettings, serviceOf, settings } from './opensearch/settings.js';

const PLACE = 'a search: services keep logs of searches';
const USUAL_RANGE = '1h';
const USUAL_LIMIT = 1_000;
const MOST_ROWS = 1_000_000;
const USUAL_TIME = '@timestamp';
const LARGEST_SMALL = 1024 * 1024;

/** As https://opensearch.org/docs/latest/api-reference/index-apis/create-index/ (naming restrictions), and patterns. */
const INDEX = /^[^\s/\\?"<>|#_-][^\s/\\?"<>|#]*$/;

export const opensearch = brokered<OpenSearchSettings>({
  name: 'opensearch',
  summary: 'searches OpenSearch or Elasticsearch: a Lucene query, a JSON search body, or GET /_cat/indices',
  example: '%%opensearch logs --index "logs-*" --range 1h\nservice:web AND level:error',
  options: {
    index: { type: 'string', help: 'search in these indexes or patterns, separated by commas; default all' },
    range: RANGE,
    at: AT,
    time: { type: 'string', help: 'the field with the time; default @timestamp' },
    limit: { type: 'number', help: 'at most this many hits; default 1,000' },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: {
    settings,
    async test(job) {
      const service = { ...job, settings: serviceOf(job.settings, job.hide) };
      const ask = (path: string, parameters: Record<string, string> = {}) =>
        askService(service, {
          method: 'GET',
          path,
          parameters: new URLSearchParams(parameters),
          largest: LARGEST_SMALL,
        });
      const searched = await ask('_search', { size: '0' });
      const { _shards } = readAnswer([Buffer.from(searched.body)], searched.status);
      const { total, failed } = Object(_shards) as { total?: unknown; failed?: unknown };
      const about = await ask('');
      // To know the version takes a right that a search doesn't.
      const { version } = Object(about.status === 200 ? readAnswer([Buffer.from(about.body)], 200) : {});
      const { distribution, number } = Object(version) as { distribution?: unknown; number?: unknown };
      const name = distribution === 'opensearch' ? 'OpenSearch' : 'Elasticsearch';
      const what = number === undefined ? 'A search' : `${name} ${String(number)}: a search`;
      return `${what} reads ${Number(total) - Number(failed)} of ${Number(total)} shards`;
    },
  },

  complete: completeSearch,

  compile(cell) {
    const read = readRead(cell.body);
    return read === undefined ? compileSearch(cell) : compileRead(cell, read);
  },
});

function compileSearch({ options, body }: Cell): Request<OpenSearchSettings> {
  const text = body.trim();
  const isJson = text.startsWith('{');
  const index = indexOf(options.index);
  const limit = limitOf(options.limit);
  const time = String(options.time ?? USUAL_TIME);
  const isRanged = options.range !== undefined || options.at !== undefined;
  if (isRanged) timeRangeOf(options, USUAL_RANGE);
  const variables = variablesIn(text, options, PLACE);
  const raw = options.raw === true;
  const { out: _, rows: __, timeout: ___, raw: ____, ...shown } = options;
  return {
    args: { query: text, ...shown },
    variables,
    async *perform(job) {
      const asked = isJson
        ? renderSearchBody(text, job.values, raw)
        : { query: queryOf(raw ? text : renderSearch(text, job.values, LUCENE)) };
      const within = isRanged ? timeRangeOf(options, USUAL_RANGE) : undefined;
      const range = within && {
        range: {
          [time]: { gte: Math.floor(within.start), lt: Math.ceil(within.end), format: 'epoch_millis' },
        },
      };
      const { query = { match_all: {} }, size, ...others } = asked as Record<string, unknown>;
      const isAggregated = 'aggs' in asked || 'aggregations' in asked;
      const most = limit ?? (typeof size === 'number' ? size : isAggregated ? 0 : USUAL_LIMIT);
      if (!Number.isInteger(most) || most < 0 || most > MOST_ROWS)
        throw new CellError(`size takes a whole number up to ${MOST_ROWS.toLocaleString('en')}.`);
      const search = {
        index,
        time,
        title: isJson ? index : text,
        limit: most,
        body: { ...others, query: range ? { bool: { must: [query], filter: [range] } } : query },
      };
      yield* fetchSearch({ ...job, settings: serviceOf(job.settings, job.hide) }, search);
    },
  };
}

function compileRead({ options, body }: Cell, read: Read): Request<OpenSearchSettings> {
  const raw = options.raw === true;
  const stray = ['index', 'range', 'at', 'time', 'limit'].find((name) => options[name] !== undefined);
  if (stray !== undefined)
    throw new CellError(`A GET request takes no --${stray}: its path and query say what it asks.`);
  const variables = variablesIn(read.target, options, PLACE);
  return {
    args: { request: body.trim() },
    variables,
    async *perform(job) {
      const { path, parameters } = renderRead(read, job.values, raw);
      const what = path.split('/').find((segment) => segment.startsWith('_') && segment !== '_all') ?? '';
      const service: SearchJob = { ...job, settings: serviceOf(job.settings, job.hide) };
      if (what === '_cat') parameters.set('format', 'json');
      const { status, pieces } = yield* askForMuch(service, { method: 'GET', path, parameters });
      const argument: ReadArgument = { status, what };
      const module = new URL('./opensearch/read-answer.js', import.meta.url);
      yield* apart<Page>(pieces, { module, name: 'readRest', argument }, job.signal);
    },
  };
}

/** As Kibana and Dashboards send what is typed into their search bar. */
function queryOf(query: string): object {
  return query === '' ? { match_all: {} } : { query_string: { query, analyze_wildcard: true } };
}

function indexOf(index: string | number | boolean | undefined): string {
  if (index === undefined) return '';
  const names = String(index)
    .split(',')
    .map((name) => name.trim());
  const wrong = names.find((name) => name !== '_all' && !INDEX.test(name) && !/^-[^/\\]/.test(name));
  if (wrong === undefined) return names.join(',');
  throw new CellError(`--index takes names or patterns such as logs-*, not “${quoted(wrong)}”.`);
}

function limitOf(limit: string | number | boolean | undefined): number | undefined {
  if (limit === undefined) return undefined;
  if (Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= MOST_ROWS) return Number(limit);
  throw new CellError(`--limit takes a whole number from 1 to ${MOST_ROWS.toLocaleString('en')}.`);
}
