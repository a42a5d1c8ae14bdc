import { oneApart, type Pieces } from '../core/apart.js';
import type { CompletionJob, Suggested } from '../core/suggestion.js';
import { askForPieces, type ServiceJob } from '../http/service.js';
import { promqlPlace } from '../prometheus/completion-place.js';
import { bounded, escapedFor } from '../prometheus/names.js';
import { listIn } from './lists.js';
import type { AlertmanagerSettings } from './requests.js';

/** The largest answer that is read for names, in bytes. */
const LARGEST = 8 * 1024 * 1024;
/** Of one label. */
const MOST_VALUES = 1_000;

/** The labels of all alerts with their values. */
type Known = readonly (readonly [label: string, values: readonly string[]])[];

/** Labels and their values, of the alerts that there are now. */
export async function completeMatchers(
  body: string,
  cursor: number,
  job: CompletionJob<AlertmanagerSettings>,
): Promise<Suggested> {
  // Matchers as they stand between PromQL's braces.
  const place = promqlPlace(`{${body}`, cursor + 1);
  if (place === undefined || place.kind === 'metric') return { from: cursor, to: cursor, items: [] };
  const known =
    (await job.remembered('alerts', (settings, signal, resources) =>
      load({ settings, signal, resources }),
    )) ?? [];
  const texts =
    place.kind === 'label'
      ? known.map(([label]) => label)
      : (known.find(([label]) => label === place.label)?.[1] ?? []).map((value) =>
          escapedFor(place.quote, value),
        );
  const items = texts
    .filter((text) => text.startsWith(place.typed))
    .map((text) => ({ text, kind: place.kind }));
  return { from: place.from - 1, to: cursor, items };
}

async function load(job: ServiceJob): Promise<Known> {
  const { status, pieces } = await askForPieces(job, {
    method: 'GET',
    path: 'api/v2/alerts',
    largest: LARGEST,
  });
  const work = { module: new URL(import.meta.url), name: 'readNames', argument: { status } };
  return oneApart<Known>(pieces, work, job.signal);
}

/** A work for `apart`. @throws {CellError} */
export function* readNames(pieces: Pieces, argument: unknown): Generator<Known> {
  const found = new Map<string, Set<string>>();
  for (const { labels } of listIn((argument as { status: number }).status, pieces)) {
    for (const [label, value] of Object.entries(Object(labels) as Record<string, unknown>)) {
      const values = found.get(label) ?? new Set();
      if (values.size < MOST_VALUES) values.add(String(value));
      found.set(label, values);
    }
  }
  const names = bounded([...found.keys()].sort());
  const all = bounded(names.flatMap((label) => [...(found.get(label) ?? [])]));
  const kept = new Set(all);
  yield names.map(
    (label) => [label, [...(found.get(label) ?? [])].filter((value) => kept.has(value)).sort()] as const,
  );
}
