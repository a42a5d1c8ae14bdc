import { oneApart, type Pieces } from '../core/apart.js';
import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { askForPieces, type ServiceJob } from '../http/service.js';
import { bounded, escapedFor } from '../prometheus/names.js';
import { readAnswer, type TempoSettings, tempoRequest } from './requests.js';

/** Characters before the cursor that are looked at. */
const REACH = 300;
const VALUE = /([A-Za-z]{0,20}[.:]?[\w.:/-]{1,100})\s{0,5}(?:=~|!~|!=|=)\s{0,5}(["`])([^"`]{0,200})$/;
const NAME = /[A-Za-z.][\w.:/-]{0,100}$/;
/** The largest answer that is read for names, in bytes. */
const LARGEST = 8 * 1024 * 1024;

/** The names of attributes with their scopes, and their values. */
export async function completeTraceql(
  query: string,
  cursor: number,
  job: CompletionJob<TempoSettings>,
): Promise<Suggested> {
  const before = query.slice(Math.max(0, cursor - REACH), cursor);
  const [, name = '', quote = '', value] = VALUE.exec(before) ?? [];
  const isValue = value !== undefined;
  const typed = value ?? NAME.exec(before)?.[0] ?? '';
  const path = isValue ? `api/v2/search/tag/${encodeURIComponent(name)}/values` : 'api/v2/search/tags';
  const names =
    (await job.remembered(path, (settings, signal, resources) =>
      load(path, { settings, signal, resources }),
    )) ?? [];
  const items = names
    .map((text) => (isValue ? escapedFor(quote, text) : text))
    .filter((text) => text.startsWith(typed))
    .map((text): Suggestion => ({ text, kind: isValue ? 'value' : 'attribute' }));
  return { from: cursor - typed.length, to: cursor, items };
}

async function load(
  path: string,
  job: ServiceJob & { readonly settings: TempoSettings },
): Promise<readonly string[]> {
  const { status, pieces } = await askForPieces(job, tempoRequest(job.settings, { path, largest: LARGEST }));
  const work = { module: new URL(import.meta.url), name: 'readNames', argument: { status } };
  return oneApart<readonly string[]>(pieces, work, job.signal);
}

/** A work for `apart`: attributes as TraceQL writes them, or values. @throws {CellError} */
export function* readNames(pieces: Pieces, argument: unknown): Generator<readonly string[]> {
  const answer = Object(readAnswer((argument as { status: number }).status, pieces)) as Record<
    string,
    unknown
  >;
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  const values = list(answer.tagValues).map((each) => String(Object(each).value));
  const tags = list(answer.scopes).flatMap((scope) => {
    const { name, tags } = Object(scope) as { name?: unknown; tags?: unknown };
    return list(tags).map((tag) => (name === 'intrinsic' ? String(tag) : `${String(name)}.${String(tag)}`));
  });
  yield bounded([...tags, ...values]);
}
