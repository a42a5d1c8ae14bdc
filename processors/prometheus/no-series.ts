import { askService, type ServiceJob } from '../service.js';
import { readAnswer } from './answer.js';
import { metricsIn, namesLike } from './metric-names.js';

/** The largest list of names that is read, in bytes, and how long it may take, in milliseconds. */
const LARGEST = 8 * 1024 * 1024;
const PATIENCE_MS = 5_000;
const MOST_NAMES = 20_000;
/** Names are those from an hour before the time that was asked for: a large server takes long for all of its history. */
const LOOK_BACK = 3_600;
const MOST_TOLD = 3;

/**
 * What to say of a query that no series matches: which of its metrics there isn't, and what they may have been meant
 * to be called.
 *
 * @param from seconds since 1970: the first time that was asked for
 */
export async function noSeries(job: ServiceJob, promql: string, from: number): Promise<string> {
  const asked = metricsIn(promql);
  const known = asked.length > 0 ? await names(job, from) : [];
  const has = new Set(known);
  // A list that was cut says nothing of what it lacks.
  const isWhole = known.length > 0 && known.length < MOST_NAMES;
  const missing = isWhole ? asked.filter((name) => !has.has(name)).slice(0, MOST_TOLD) : [];
  return ['No series matches.', ...missing.map((name) => about(name, known))].join(' ');
}

function about(name: string, known: readonly string[]): string {
  const like = namesLike(name, known);
  const said = `There is no metric ${name}.`;
  return like.length > 0 ? `${said} Did you mean ${like.join(', ').replace(/, ([^,]*)$/, ' or $1')}?` : said;
}

/** @returns none where they can't be had: that no series matches is true without them */
async function names(job: ServiceJob, from: number): Promise<readonly string[]> {
  const parameters = new URLSearchParams({
    limit: String(MOST_NAMES),
    start: String(Math.floor(from) - LOOK_BACK),
  });
  const signal = AbortSignal.any([job.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const question = {
    method: 'GET',
    path: 'api/v1/label/__name__/values',
    parameters,
    largest: LARGEST,
  } as const;
  try {
    const { data } = readAnswer(await askService({ ...job, signal }, question));
    return Array.isArray(data) ? data.filter((name): name is string => typeof name === 'string') : [];
  } catch {
    return [];
  }
}
