import { oneApart, type Pieces } from '../core/apart.js';
import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { askForPieces, type ServiceJob } from '../http/service.js';
import { bounded } from '../prometheus/names.js';
import { type GrafanaSettings, grafanaRequest, readAnswer } from './requests.js';

const MOST = '5000';
/** The largest answer that is read for names, in bytes. */
const LARGEST = 8 * 1024 * 1024;

/** The paths of dashboards, where a cell begins with one. */
export async function completeAddress(
  body: string,
  cursor: number,
  job: CompletionJob<GrafanaSettings>,
): Promise<Suggested> {
  const typed = body.slice(0, cursor);
  if (typed !== '' && !/^\/[^\s?]*$/.test(typed)) return { from: cursor, to: cursor, items: [] };
  const known =
    (await job.remembered('dashboards', (settings, signal, resources) =>
      load({ settings, signal, resources }),
    )) ?? [];
  const items = known
    .filter((path) => path.startsWith(typed))
    .map((text): Suggestion => ({ text, kind: 'dashboard' }));
  return { from: 0, to: cursor, items };
}

async function load(job: ServiceJob & { readonly settings: GrafanaSettings }): Promise<readonly string[]> {
  const parameters = new URLSearchParams({ type: 'dash-db', limit: MOST });
  const request = grafanaRequest(job.settings, {
    method: 'GET',
    path: 'api/search',
    parameters,
    largest: LARGEST,
  });
  const { status, pieces } = await askForPieces(job, request);
  const work = { module: new URL(import.meta.url), name: 'readPaths', argument: { status } };
  return oneApart<readonly string[]>(pieces, work, job.signal);
}

/** A work for `apart`. Where Grafana is below a path, that isn't a part of an address in a cell. @throws {CellError} */
export function* readPaths(pieces: Pieces, argument: unknown): Generator<readonly string[]> {
  const answer = readAnswer((argument as { status: number }).status, pieces);
  const urls = (Array.isArray(answer) ? answer : []).map((each) => String(Object(each).url));
  yield bounded(
    urls.map((url) => url.slice(Math.max(0, url.indexOf('/d/')))).filter((url) => url.startsWith('/d/')),
  );
}
