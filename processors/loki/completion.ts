import { oneApart, type Pieces } from '../core/apart.js';
import type { CompletionJob, Suggested, Suggestion } from '../core/suggestion.js';
import { askForPieces, type ServiceJob } from '../http/service.js';
import { promqlPlace } from '../prometheus/completion-place.js';
import { bounded, escapedFor } from '../prometheus/names.js';
import { type LokiSettings, lokiRequest, readEnvelope, spanOf } from './requests.js';

/** Source: https://grafana.com/docs/loki/latest/query/log_queries/ and …/query/metric_queries/ */
const WORDS: readonly string[] =
  `absent_over_time avg avg_over_time bottomk bytes_over_time bytes_rate count count_over_time decolorize drop
   first_over_time json keep label_format label_replace last_over_time line_format logfmt max max_over_time min
   min_over_time pattern quantile_over_time rate rate_counter regexp sort sort_desc stddev stddev_over_time stdvar
   stdvar_over_time sum sum_over_time topk unpack unwrap vector`.split(/\s+/);

/** The largest answer that is read for names, in bytes. */
const LARGEST = 8 * 1024 * 1024;
/** Names are those of the last hours, in milliseconds: labels of streams that ended long ago are rarely meant. */
const LOOK_BACK_MS = 6 * 3_600_000;

/** Label names, their values, LogQL's functions and stages. Strings and braces are PromQL's. */
export async function completeLogql(
  query: string,
  cursor: number,
  job: CompletionJob<LokiSettings>,
): Promise<Suggested> {
  const place = promqlPlace(query, cursor);
  if (place === undefined) return { from: cursor, to: cursor, items: [] };
  const of = ({ kind, typed }: typeof place, names: readonly string[]): Suggestion[] =>
    names.filter((text) => text.startsWith(typed)).map((text) => ({ text, kind }));
  const { from } = place;
  if (place.kind === 'metric') {
    const words = WORDS.filter((text) => text.startsWith(place.typed));
    return { from, to: cursor, items: words.map((text) => ({ text, kind: 'function' })) };
  }
  const path = place.kind === 'label' ? 'loki/api/v1/labels' : `loki/api/v1/label/${place.label}/values`;
  const names =
    (await job.remembered(path, (settings, signal, resources) =>
      load(path, { settings, signal, resources }),
    )) ?? [];
  const written = place.kind === 'value' ? names.map((name) => escapedFor(place.quote, name)) : names;
  return { from, to: cursor, items: of(place, written) };
}

async function load(
  path: string,
  job: ServiceJob & { readonly settings: LokiSettings },
): Promise<readonly string[]> {
  const now = Date.now();
  const parameters = new URLSearchParams(spanOf({ start: now - LOOK_BACK_MS, end: now }));
  const request = lokiRequest(job.settings, { method: 'GET', path, parameters, largest: LARGEST });
  const { status, pieces } = await askForPieces(job, request);
  const work = { module: new URL(import.meta.url), name: 'readNames', argument: { status } };
  return oneApart<readonly string[]>(pieces, work, job.signal);
}

/** A work for `apart`. @throws {CellError} */
export function* readNames(pieces: Pieces, argument: unknown): Generator<readonly string[]> {
  const { data } = readEnvelope((argument as { status: number }).status, pieces);
  const names = Array.isArray(data) ? data.filter((name): name is string => typeof name === 'string') : [];
  yield bounded(names);
}
