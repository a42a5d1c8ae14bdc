import type { TimeRange } from '../core/time-range.js';
import type { Subject } from './query.js';
import { type DatadogSettings, pagesOf } from './settings.js';

/** Pages of Datadog's web application that take a query in their address: as its own "copy link" writes them. */
const pages: Readonly<
  Partial<Record<Subject, readonly [path: string, query: string, from: string, to: string]>>
> = {
  logs: ['/logs', 'query', 'from_ts', 'to_ts'],
  aggregate: ['/logs/analytics', 'query', 'from_ts', 'to_ts'],
  spans: ['/apm/traces', 'query', 'start', 'end'],
  events: ['/event/explorer', 'query', 'from_ts', 'to_ts'],
};

/** @returns the address of the same question in Datadog; undefined where there is none that is known */
export function linkTo(
  settings: DatadogSettings,
  subject: Subject,
  query: string,
  { start, end }: TimeRange,
): string | undefined {
  const host = pagesOf(settings);
  if (host === undefined) return undefined;
  if (subject === 'monitors') return `${host}/monitors/manage?${new URLSearchParams({ q: query })}`;
  const [path, name, from, to] = pages[subject] ?? [];
  if (path === undefined || name === undefined || from === undefined || to === undefined) return undefined;
  const parameters = new URLSearchParams({
    [name]: query,
    [from]: String(Math.floor(start)),
    [to]: String(Math.ceil(end)),
    ...(from === 'start' ? { paused: 'true' } : { live: 'false' }),
  });
  return `${host}${path}?${parameters}`;
}

/** @returns the address of one monitor */
export function linkToMonitor(settings: DatadogSettings, id: unknown): string | null {
  const host = pagesOf(settings);
  return host === undefined || !Number.isSafeInteger(id) ? null : `${host}/monitors/${id}`;
}
