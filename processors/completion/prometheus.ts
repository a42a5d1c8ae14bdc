import { readAnswer } from '../prometheus/answer.js';
import { askService, type ServiceSettings } from '../service.js';
import { PROMQL_FUNCTIONS, type PromqlPlace, promqlPlace } from './promql.js';
import type { CompletionJob, Suggested, Suggestion } from './suggestion.js';

/** Names that are kept of one answer, and the largest answer that is read, in bytes. */
const MOST_NAMES = 20_000;
const LARGEST = 8 * 1024 * 1024;
/** Names are those of the last hour, in seconds: a large server takes long for all of its history. */
const LOOK_BACK = 3_600;

/** Metric names, label names and label values of a connection, and PromQL's functions. */
export async function completePromql(
  query: string,
  cursor: number,
  job: CompletionJob<ServiceSettings>,
): Promise<Suggested> {
  const place = promqlPlace(query, cursor);
  if (place === undefined) return { from: cursor, to: cursor, items: [] };
  const names =
    (await job.remembered(keyOf(place), (settings, signal) => load(place, settings, signal))) ?? [];
  const kind = place.kind;
  const items: Suggestion[] = names.map((text) => ({
    text: kind === 'value' ? escaped(text, place.quote) : text,
    kind,
  }));
  if (kind === 'metric') items.push(...PROMQL_FUNCTIONS.map((text) => ({ text, kind: 'function' })));
  return { from: place.from, to: cursor, items: items.filter(({ text }) => text.startsWith(place.typed)) };
}

function keyOf(place: PromqlPlace): string {
  if (place.kind === 'metric') return 'metrics';
  return JSON.stringify([place.kind, place.metric, place.kind === 'value' ? place.label : '']);
}

/** Source: https://prometheus.io/docs/prometheus/latest/querying/api/#querying-metadata */
async function load(
  place: PromqlPlace,
  settings: ServiceSettings,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const parameters = new URLSearchParams({
    limit: String(MOST_NAMES),
    start: String(Math.floor(Date.now() / 1000) - LOOK_BACK),
  });
  if (place.kind !== 'metric' && place.metric !== undefined) parameters.set('match[]', place.metric);
  const label = place.kind === 'metric' ? '__name__' : place.kind === 'value' ? place.label : undefined;
  const path = label === undefined ? 'api/v1/labels' : `api/v1/label/${label}/values`;
  const answer = await askService(
    { settings, signal },
    { method: 'GET', path, parameters, largest: LARGEST },
  );
  const { data } = readAnswer(answer);
  const names = Array.isArray(data) ? data.filter((name): name is string => typeof name === 'string') : [];
  return names.slice(0, MOST_NAMES);
}

/** As it stands between quotes: https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals */
function escaped(value: string, quote: string): string {
  if (quote === '`') return value;
  return value.replace(/[\\"'\n]/g, (c) => (c === '\n' ? '\\n' : c === quote || c === '\\' ? `\\${c}` : c));
}
