import { oneApart, type Pieces } from '../core/apart.js';
import type { Resources } from '../core/resources.js';
import type { CompletionJob, Suggested } from '../core/suggestion.js';
import { askForPieces } from '../http/service.js';
import { readAnswer } from './answer.js';
import { type OpenSearchSettings, serviceOf } from './settings.js';

/** What is kept of a list of names: their number, and characters of them all. The largest answer, in bytes. */
const MOST_NAMES = 20_000;
const MOST_CHARACTERS = 1024 * 1024;
const LARGEST = 16 * 1024 * 1024;
/** Characters before the cursor that are looked at. */
const REACH = 300;

const READ_PATHS = [
  '_cat/indices',
  '_cat/aliases',
  '_cat/shards',
  '_cat/nodes',
  '_cat/health',
  '_cluster/health',
  '_mapping',
  '_count',
];

/** Fields in a query or a search body, indexes and endpoints behind `GET /`. */
export async function completeSearch(
  body: string,
  cursor: number,
  job: CompletionJob<OpenSearchSettings>,
): Promise<Suggested> {
  const before = body.slice(Math.max(0, cursor - REACH), cursor);
  const offer = (typed: string, items: readonly string[], kind: string): Suggested => ({
    from: cursor - typed.length,
    to: cursor,
    items: items.filter((text) => text.startsWith(typed)).map((text) => ({ text, kind })),
  });
  const path = /^\s*GET\s+\/([^\s?]*)$/.exec(body.slice(0, cursor).slice(0, REACH))?.[1];
  if (path !== undefined) {
    const indexes = path.includes('/') ? [] : await remembered(job, 'indexes');
    return offer(path, [...READ_PATHS, ...indexes], 'path');
  }
  const isJson = body.trimStart().startsWith('{');
  const typed = (isJson ? /"([^"\s]*)$/ : /(?:^|[\s(+-])([@\w.-]*)$/).exec(before)?.[1];
  if (typed === undefined) return offer('', [], 'field');
  return offer(typed, await remembered(job, 'fields'), 'field');
}

type What = 'indexes' | 'fields';

async function remembered(job: CompletionJob<OpenSearchSettings>, what: What): Promise<readonly string[]> {
  return (await job.remembered(what, (...ask) => namesOf(what, ...ask))) ?? [];
}

/** Source: https://opensearch.org/docs/latest/api-reference/cat/cat-indices/ and …/search-apis/field-caps/ */
async function namesOf(
  what: What,
  settings: OpenSearchSettings,
  signal: AbortSignal,
  resources: Resources,
): Promise<readonly string[]> {
  const [path, parameters] =
    what === 'indexes'
      ? ['_cat/indices', new URLSearchParams({ format: 'json', h: 'index' })]
      : ['_field_caps', new URLSearchParams({ fields: '*' })];
  const job = { settings: serviceOf(settings, () => {}), signal, resources };
  const { status, pieces } = await askForPieces(job, { method: 'GET', path, parameters, largest: LARGEST });
  const work = { module: new URL(import.meta.url), name: 'readNames', argument: { what, status } };
  return oneApart<readonly string[]>(pieces, work, signal);
}

/** A work for `apart`: bounded, in order. */
export function* readNames(pieces: Pieces, argument: unknown): Generator<readonly string[]> {
  const { what, status } = argument as { readonly what: What; readonly status: number };
  const answer = readAnswer(pieces, status);
  const names =
    what === 'indexes'
      ? (Array.isArray(answer) ? answer : []).map((each) => String(Object(each).index ?? ''))
      : Object.keys(Object(answer.fields));
  let left = MOST_CHARACTERS;
  yield names
    .filter((name) => name !== '' && !(what === 'fields' && name.startsWith('_')))
    .sort()
    .slice(0, MOST_NAMES)
    .filter((name) => {
      left -= name.length;
      return left >= 0;
    });
}
