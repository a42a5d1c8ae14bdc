import { apart, type Pieces } from '../core/apart.js';
import type { Job } from '../core/brokered.js';
import type { Page } from '../core/pages.js';
import { CellError } from '../core/processor.js';
import { tableOfRecords } from '../core/records.js';
import type { TimeRange } from '../core/time-range.js';
import { askForMuch } from '../http/service.js';
import { type LokiSettings, lokiPatience, lokiRequest, readEnvelope, spanOf } from './requests.js';

/** What a label may be called: https://grafana.com/docs/loki/latest/get-started/labels/ */
const LABEL = /^[A-Za-z_]\w*$/;

/** @param label whose values are listed; undefined: all labels */
export async function* listLabels(
  job: Job<LokiSettings>,
  times: TimeRange,
  label?: string,
): AsyncGenerator<Page> {
  if (label !== undefined && !LABEL.test(label))
    throw new CellError('--list values takes the name of one label, e.g. app.');
  const path = label === undefined ? 'loki/api/v1/labels' : `loki/api/v1/label/${label}/values`;
  yield* list(job, path, new URLSearchParams(spanOf(times)), label ?? 'label');
}

/** @param selector e.g. `{app="checkout"}` */
export async function* listSeries(
  job: Job<LokiSettings>,
  times: TimeRange,
  selector: string,
): AsyncGenerator<Page> {
  const parameters = new URLSearchParams({ ...spanOf(times), 'match[]': selector });
  yield* list(job, 'loki/api/v1/series', parameters, '', selector);
}

async function* list(
  job: Job<LokiSettings>,
  path: string,
  parameters: URLSearchParams,
  column: string,
  logql = '',
): AsyncGenerator<Page> {
  const request = lokiRequest(job.settings, { method: 'GET', path, parameters });
  const { status, pieces } = yield* askForMuch(job, request, lokiPatience);
  const work = {
    module: new URL(import.meta.url),
    name: 'tableOfList',
    argument: { status, column, logql },
  };
  yield* apart<Page>(pieces, work, job.signal);
  yield { kind: 'end' };
}

/** A work for `apart`. @throws {CellError} what Loki said */
export function* tableOfList(pieces: Pieces, argument: unknown): Generator<Page> {
  const { status, column, logql } = argument as { status: number; column: string; logql: string };
  const { data } = readEnvelope(status, pieces, logql);
  const items = Array.isArray(data) ? data : [];
  yield* tableOfRecords(column === '' ? items : items.map((name) => ({ [column]: String(name) })));
}
