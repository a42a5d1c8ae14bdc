import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import type { ServiceJob, ServiceSettings } from '../http/service.js';
import { PROMQL_FUNCTIONS, type PromqlPlace, promqlPlace } from './completion-place.js';
import { escapedFor, namesOf } from './names.js';

/** Metric names, label names and label values of a connection, and PromQL's functions. */
export async function completePromql(
  query: string,
  cursor: number,
  job: CompletionJob<ServiceSettings>,
): Promise<Suggested> {
  const place = promqlPlace(query, cursor);
  if (place === undefined) return { from: cursor, to: cursor, items: [] };
  const names =
    (await job.remembered(keyOf(place), (settings, signal, resources) =>
      load(place, { settings, signal, resources }),
    )) ?? [];
  const kind = place.kind;
  const items: Suggestion[] = names.map((text) => ({
    text: kind === 'value' ? escapedFor(place.quote, text) : text,
    kind,
  }));
  if (kind === 'metric') items.push(...PROMQL_FUNCTIONS.map((text) => ({ text, kind: 'function' })));
  return { from: place.from, to: cursor, items: items.filter(({ text }) => text.startsWith(place.typed)) };
}

function keyOf(place: PromqlPlace): string {
  if (place.kind === 'metric') return 'metrics';
  return JSON.stringify([place.kind, place.metric, place.kind === 'value' ? place.label : '']);
}

function load(place: PromqlPlace, job: ServiceJob): Promise<readonly string[]> {
  const match = place.kind === 'metric' ? undefined : place.metric;
  const label = place.kind === 'metric' ? '__name__' : place.kind === 'value' ? place.label : undefined;
  const path = label === undefined ? 'api/v1/labels' : `api/v1/label/${label}/values`;
  return namesOf(job, { path, from: Date.now() / 1000, match });
}
