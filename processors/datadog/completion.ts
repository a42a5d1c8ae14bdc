import { oneApart, type Pieces } from '../core/apart.js';
import type { Resources } from '../core/resources.js';
import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { readObject } from './envelope.js';
import { SUBJECTS, type Subject } from './query.js';
import { askOnce, type Question } from './requests.js';
import type { DatadogSettings } from './settings.js';

/** What is kept of one list of names: their number, and characters of them all. */
const MOST_NAMES = 20_000;
const MOST_CHARACTERS = 1024 * 1024;
/** Names are those of the last hour, in seconds. */
const LOOK_BACK_S = 3_600;
const MOST_VALUES = 200;

/** Source: https://docs.datadoghq.com/logs/explorer/search_syntax/ and …/tracing/trace_explorer/query_syntax/ */
const facets: Readonly<Partial<Record<Subject, readonly string[]>>> = {
  logs: ['host', 'service', 'source', 'status', 'env', 'trace_id'],
  spans: ['service', 'resource_name', 'operation_name', 'status', 'env', 'type', 'trace_id'],
  events: ['source', 'host', 'service', 'status', 'env', 'priority'],
  monitors: ['status', 'type', 'tag', 'title', 'service', 'env', 'muted', 'notification'],
};

/** What a word before the cursor could become. Only these characters are looked at. */
const REACH = 300;
const WORD = /[^\s(){}:,"]*$/;

/** Subjects, names of metrics and tags, facets and their values of the last hour. */
export async function completeDatadog(
  body: string,
  cursor: number,
  job: CompletionJob<DatadogSettings>,
): Promise<Suggested> {
  const before = body.slice(0, cursor);
  const subject = SUBJECTS.find((each) => each === /^\s*(\S+)\s/.exec(before.slice(0, REACH))?.[1]);
  const near = before.slice(-REACH);
  const typed = WORD.exec(near)?.[0] ?? '';
  const offer = (items: readonly string[], kind: string, word = typed): Suggested => ({
    from: cursor - word.length,
    to: cursor,
    items: items.filter((text) => text.startsWith(word)).map((text): Suggestion => ({ text, kind })),
  });
  if (subject === undefined) return offer(/^\s*\S*$/.test(before.slice(0, REACH)) ? SUBJECTS : [], 'subject');
  if (subject === 'metrics') {
    const tags = /([\w.]+)\{([^{}]*)$/.exec(near);
    if (tags === null) {
      const names = await job.remembered('metrics', (...ask) => namesOf(metricNames(), ...ask));
      return offer(names ?? [], 'metric');
    }
    const [, metric = '', scope = ''] = tags;
    const word = /[^\s,()!]*$/.exec(scope)?.[0] ?? '';
    const names = await job.remembered(`tags ${metric}`, (...ask) => namesOf(tagsOf(metric), ...ask));
    return offer(names ?? [], 'tag', word);
  }
  const [, facet] = /(?:^|[\s(-])(@?[\w.-]+):[^\s:()"]*$/.exec(near) ?? [];
  if (facet === undefined)
    return offer(
      (facets[subject === 'aggregate' ? 'logs' : subject] ?? []).map((name) => `${name}:`),
      'facet',
    );
  if (subject === 'monitors' || subject === 'events') return offer([], 'value');
  const of = subject === 'spans' ? 'spans' : 'logs';
  const values = await job.remembered(`${of} ${facet}`, (...ask) => namesOf(valuesOf(of, facet), ...ask));
  return offer(
    (values ?? []).filter((value) => !/[\s(){}:,"*?\\]/.test(value)),
    'value',
  );
}

interface Asked extends Question {
  readonly reading: Reading;
}
type Reading = 'metrics' | 'tags' | 'values';

function metricNames(): Asked {
  const from = Math.floor(Date.now() / 1000) - LOOK_BACK_S;
  return { path: `api/v1/metrics?from=${from}`, right: 'metrics_read', reading: 'metrics' };
}

function tagsOf(metric: string): Asked {
  return { path: `api/v2/metrics/${metric}/all-tags`, right: 'metrics_read', reading: 'tags' };
}

function valuesOf(of: 'logs' | 'spans', facet: string): Asked {
  const attributes = {
    filter: { query: '*', from: `now-${LOOK_BACK_S}s`, to: 'now' },
    compute: [{ aggregation: 'count', type: 'total' }],
    group_by: [{ facet, limit: MOST_VALUES }],
  };
  const json = of === 'logs' ? attributes : { data: { type: 'aggregate_request', attributes } };
  const right = of === 'logs' ? 'logs_read_data' : 'apm_read';
  return { path: `api/v2/${of}/analytics/aggregate`, json, right, reading: 'values' };
}

async function namesOf(
  { reading, ...question }: Asked,
  settings: DatadogSettings,
  signal: AbortSignal,
  resources: Resources,
): Promise<readonly string[]> {
  const { pieces } = await askOnce({ settings, signal, resources }, question);
  const work = { module: new URL(import.meta.url), name: 'readNames', argument: reading };
  return oneApart<readonly string[]>(pieces, work, signal);
}

/** A work for `apart`: names, in order, bounded. */
export function* readNames(pieces: Pieces, argument: unknown): Generator<readonly string[]> {
  const { metrics, data } = readObject(pieces);
  const names = named(argument as Reading, metrics, data).filter(
    (name) => typeof name === 'string' && name !== '',
  );
  let left = MOST_CHARACTERS;
  yield [...new Set(names as readonly string[])].slice(0, MOST_NAMES).filter((name) => {
    left -= name.length;
    return left >= 0;
  });
}

function named(reading: Reading, metrics: unknown, data: unknown): readonly unknown[] {
  if (reading === 'metrics') return Array.isArray(metrics) ? metrics : [];
  if (reading === 'tags') {
    const { tags } = Object(Object(data).attributes) as { tags?: unknown };
    return Array.isArray(tags) ? tags : [];
  }
  const buckets: unknown = Array.isArray(data) ? data : Object(data).buckets;
  return (Array.isArray(buckets) ? buckets : []).flatMap((bucket) =>
    Object.values(Object(Object(Object(bucket).attributes ?? bucket).by)),
  );
}
