import type { TestJob } from '../core/connection.js';
import { CellError } from '../core/processor.js';
import { send } from '../http/send.js';
import { readObject } from './envelope.js';
import { askOnce, type Question } from './requests.js';
import { type DatadogSettings, keysOf, placeOf, siteOf } from './settings.js';

/** The smallest read of each subject, over a short time. */
function reads(now: number): Readonly<Record<string, Question>> {
  const from = new Date(now - 60_000).toISOString();
  const to = new Date(now).toISOString();
  const asked = { filter: { query: '*', from, to }, page: { limit: 1 } };
  const seconds = Math.floor(now / 1000);
  const metrics = new URLSearchParams({
    query: 'avg:system.cpu.user{*}',
    from: String(seconds - 60),
    to: String(seconds),
  });
  return {
    logs: { path: 'api/v2/logs/events/search', json: asked, right: 'logs_read_data' },
    metrics: { path: `api/v1/query?${metrics}`, right: 'timeseries_query' },
    monitors: { path: 'api/v1/monitor/search?per_page=1', right: 'monitors_read' },
    events: { path: 'api/v2/events/search', json: asked, right: 'events_read' },
    spans: {
      path: 'api/v2/spans/events/search',
      json: { data: { type: 'search_request', attributes: asked } },
      right: 'apm_read',
    },
  };
}

/**
 * The API key has a question of its own, which needs no application key; what the application key may read is tried.
 *
 * @returns what can be read, and the permissions that are missing for the rest
 * @throws {CellError} when nothing can be read
 */
export async function testDatadog(job: TestJob<DatadogSettings>): Promise<string> {
  const place = siteOf(job.settings);
  await checkApiKey(job, place);
  const all = Object.entries(reads(Date.now()));
  const tried = await Promise.allSettled(all.map(([, question]) => askOnce(job, question)));
  const may = all.filter((_, at) => tried[at]?.status === 'fulfilled').map(([subject]) => subject);
  const refused = all.flatMap(([subject, { right }], at) => {
    const outcome = tried[at];
    return outcome?.status === 'rejected' ? [{ subject, right, error: outcome.reason as unknown }] : [];
  });
  const isMissing = (error: unknown) => error instanceof CellError && error.message.includes('answered 403');
  if (may.length === 0) {
    const other = refused.find(({ error }) => !isMissing(error));
    if (other !== undefined) throw other.error;
    throw new CellError(
      `Datadog (${place}) accepts the connection's api_key, but its app_key can read nothing (403): it is not a key of this ` +
        `organization, or lacks permissions such as ${refused.map(({ right }) => right).join(', ')}.`,
    );
  }
  const missing = refused.map(({ subject, right, error }) =>
    isMissing(error) ? `${subject} (${right} is missing)` : `${subject} (no answer)`,
  );
  const not = missing.length === 0 ? '' : `; not ${missing.join(', ')}`;
  return `Datadog (${place}): can read ${may.join(', ')}${not}`;
}

/** Source: https://docs.datadoghq.com/api/latest/authentication/#validate-api-key */
async function checkApiKey(
  { settings, signal, resources }: TestJob<DatadogSettings>,
  place: string,
): Promise<void> {
  const { 'dd-api-key': key } = keysOf(settings);
  const { url } = placeOf(settings);
  const answer = await send(placeOf(settings), {
    method: 'GET',
    url: new URL('api/v1/validate', url.replace(/\/?$/, '/')),
    headers: { accept: 'application/json', 'dd-api-key': key?.reveal() ?? '' },
    signal,
    resources,
    largest: 64 * 1024,
  });
  const isRefused = answer.status === 401 || answer.status === 403;
  if (isRefused || (answer.status === 200 && readObject(answer.pieces).valid !== true))
    throw new CellError(
      `Datadog answered ${answer.status}: the connection's api_key is not one of ${place}. Check the key, and the site that it belongs to.`,
    );
  if (answer.status !== 200)
    throw new CellError(`Datadog (${place}) answered ${answer.status} to the check of the api_key.`);
}
