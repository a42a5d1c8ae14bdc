import type { ServiceJob } from '../http/service.js';
import { metricsIn } from './metric-names.js';
import { type Missing, missingOf } from './names.js';

/** How long the list of names may take, in milliseconds. */
const PATIENCE_MS = 5_000;
const MOST_TOLD = 3;

/**
 * The sentence for a query that no series matches: which of its metrics don't exist, and which names were probably
 * meant.
 *
 * @param from seconds since 1970: the first time that was asked for
 */
export async function noSeries(job: ServiceJob, promql: string, from: number): Promise<string> {
  const asked = metricsIn(promql);
  const missing = asked.length > 0 ? await missingAt(job, from, asked) : [];
  return ['No series matches.', ...missing.map(about)].join(' ');
}

function about({ name, like }: Missing): string {
  const said = `There is no metric ${name}.`;
  return like.length > 0 ? `${said} Did you mean ${like.join(', ').replace(/, ([^,]*)$/, ' or $1')}?` : said;
}

/** @returns none where the names can't be fetched: that no series matches is true without them */
async function missingAt(
  job: ServiceJob,
  from: number,
  asked: readonly string[],
): Promise<readonly Missing[]> {
  const signal = AbortSignal.any([job.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const path = 'api/v1/label/__name__/values';
  return missingOf({ ...job, signal }, { path, from }, asked, MOST_TOLD).catch(() => []);
}
