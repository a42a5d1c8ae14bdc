import { apart, isSmall, type Pieces } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import type { TimeRange } from '../core/time-range.js';
import { askForMuch } from '../http/service.js';
import { type TempoSettings, tempoRequest } from './requests.js';
import type { SearchAsked } from './search-results.js';
import type { TraceAsked } from './trace.js';

export interface Search extends TimeRange {
  readonly traceql: string;
  readonly limit: number;
  readonly bySpans: boolean;
}

/** Spans of each trace that a search gives: few where only traces are shown. */
const FEW_SPANS = 3;
const MOST_SPANS = 100;

/** Source: https://grafana.com/docs/tempo/latest/api_docs/#search */
export async function* search(
  job: Job<TempoSettings>,
  { traceql, start, end, limit, bySpans }: Search,
): AsyncGenerator<Page> {
  const parameters = new URLSearchParams({
    q: traceql,
    // Without both Tempo looks only at what came last. In seconds.
    start: String(Math.floor(start / 1000)),
    end: String(Math.ceil(end / 1000)),
    limit: String(limit),
    spss: String(bySpans ? MOST_SPANS : FEW_SPANS),
  });
  const { status, pieces } = yield* ask(job, 'api/search', parameters);
  const argument: SearchAsked = { status, traceql, limit, bySpans };
  const module = new URL('./search-results.js', import.meta.url);
  yield* apart<Page>(pieces, { module, name: 'tableOfSearch', argument }, job.signal);
}

const NOT_FOUND = 404;

/** The newer address says whether the trace is partial; an older Tempo hasn't got it. */
export async function* fetchTrace(job: Job<TempoSettings>, id: string): AsyncGenerator<Page> {
  let answer = yield* ask(job, `api/v2/traces/${id}`);
  if (answer.status === NOT_FOUND) answer = yield* ask(job, `api/traces/${id}`);
  if (answer.status === NOT_FOUND && isSmall(answer.pieces))
    throw new CellError(
      `Tempo has no trace ${id}: it may be older than Tempo keeps traces, or not be there yet.`,
    );
  const { status, pieces } = answer;
  const argument: TraceAsked = { status, id };
  const module = new URL('./trace.js', import.meta.url);
  yield* apart<Page>(pieces, { module, name: 'tableOfTrace', argument }, job.signal);
}

function ask(
  job: Job<TempoSettings>,
  path: string,
  parameters?: URLSearchParams,
): AsyncGenerator<Page, { readonly status: number; readonly pieces: Pieces }> {
  return askForMuch(job, tempoRequest(job.settings, { path, ...(parameters && { parameters }) }));
}
