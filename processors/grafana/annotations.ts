import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import type { TimeRange } from '../core/time-range.js';
import { askService } from '../http/service.js';
import { readPanelAddress } from './panel-url.js';
import { type GrafanaJob, grafanaRequest, mayWrite, notGrafana, readAnswer } from './requests.js';

/** Of an answer, in bytes. */
const LARGEST = 64 * 1024;

export interface Annotation {
  readonly text: string;
  readonly tags: readonly string[];
  /** Address of a dashboard or panel; undefined: one of the whole organisation. */
  readonly on: string | undefined;
  /** A stretch of time; one without length is a moment. */
  readonly times: TimeRange;
}

/**
 * Writes an annotation. It is sent once: a second one would be another.
 * Source: https://grafana.com/docs/grafana/latest/developers/http_api/annotations/#create-annotation
 */
export async function* annotate(
  job: GrafanaJob,
  { text, tags, on, times: { start, end } }: Annotation,
): AsyncGenerator<Page> {
  mayWrite(job.settings);
  if (text.trim() === '') throw new CellError('An annotation needs a text in the cell.');
  const place = on === undefined ? undefined : readPanelAddress(on, job.settings.url, new Map(), true);
  const json = {
    text,
    tags,
    time: Math.round(start),
    ...(end > start && { timeEnd: Math.round(end) }),
    ...(place && { dashboardUID: place.uid }),
    ...(place?.panel !== undefined && { panelId: place.panel }),
  };
  const request = grafanaRequest(job.settings, {
    method: 'POST',
    path: 'api/annotations',
    json,
    largest: LARGEST,
  });
  const { status, body } = await askService(job, request);
  const { id } = Object(readAnswer(status, [Buffer.from(body)])) as { id?: unknown };
  if (typeof id !== 'number') throw notGrafana(status);
  yield* tableOfRecords(
    [{ time: json.time * 1000, timeEnd: end > start ? Math.round(end) * 1000 : null, text, tags, id }],
    { types: { time: 'time', timeEnd: 'time', text: 'text' } },
  );
  yield { kind: 'end' };
}
