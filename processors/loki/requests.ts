import type { Pieces } from '../core/apart.js';
import { textOf } from '../core/apart.js';
import type { TestJob } from '../core/connection.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import type { TimeRange } from '../core/time-range.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import { messageIn, placeIn } from '../http/plain-refusal.js';
import { type Patience, usualPatience } from '../http/retry.js';
import { beginningOf } from '../http/send.js';
import { askService, type ServiceRequest, type ServiceSettings } from '../http/service.js';

export type LokiSettings = ServiceSettings & {
  /** A tenant, or several: `a|b`. Source: https://grafana.com/docs/loki/latest/operations/multi-tenancy/ */
  readonly org_id?: string | undefined;
};

const LARGEST_MESSAGE = 64 * 1024;
const LONGEST_SENTENCE = 500;
const HOUR_MS = 3_600_000;

/** A query that Loki itself gave up takes as long the second time; a proxy before it may be busy only for now. */
export const lokiPatience: Patience = (answer, request, tries) => {
  const pause = usualPatience(answer, request, tries);
  const isItsOwn =
    answer.status === 504 && /timed out|deadline exceeded/i.test(beginningOf(answer, LARGEST_MESSAGE));
  return isItsOwn ? undefined : pause;
};

/** Source: https://grafana.com/docs/loki/latest/reference/loki-http-api/ */
export function lokiRequest(
  { org_id }: LokiSettings,
  request: Omit<ServiceRequest, 'headers'>,
): ServiceRequest {
  return { ...request, ...(org_id !== undefined && { headers: { 'x-scope-orgid': org_id } }) };
}

/** Nanoseconds since 1970, as Loki takes times. @param ms milliseconds */
export function nanoseconds(ms: number): string {
  return String(BigInt(Math.round(ms)) * 1_000_000n);
}

export function spanOf({ start, end }: TimeRange): { start: string; end: string } {
  return { start: nanoseconds(start), end: nanoseconds(end) };
}

/** Asks for the labels of the last hour, which shows what a query needs, and for the version, which old ones don't tell. */
export async function testLoki(job: TestJob<LokiSettings>): Promise<string> {
  const now = Date.now();
  const parameters = new URLSearchParams(spanOf({ start: now - HOUR_MS, end: now }));
  const ask = (path: string, asked?: URLSearchParams) =>
    askService(
      job,
      lokiRequest(job.settings, {
        method: 'GET',
        path,
        ...(asked && { parameters: asked }),
        largest: 8 * 1024 * 1024,
      }),
    );
  const { status, body } = await ask('loki/api/v1/labels', parameters);
  const { data } = readEnvelope(status, [Buffer.from(body)]);
  const count = Array.isArray(data) ? data.length : 0;
  const built = await ask('loki/api/v1/status/buildinfo');
  const version = built.status === 200 ? versionIn(built.body) : '';
  return `Loki${version && ` ${version}`}, ${count} ${count === 1 ? 'label' : 'labels'} in the last hour`;
}

function versionIn(body: string): string {
  try {
    const { version } = Object(JSON.parse(body)) as { version?: unknown };
    return typeof version === 'string' ? shortened(version, 50) : '';
  } catch {
    return '';
  }
}

export interface Envelope {
  readonly data: unknown;
  /** What Loki says beside it, in a sentence; may be empty. */
  readonly remarks: string;
}

/**
 * Takes Loki's envelope off. Its errors are plain text, those of a proxy before it are JSON or HTML.
 *
 * @param logql the query that errors point into
 * @throws {CellError} what Loki said
 */
export function readEnvelope(status: number, pieces: Pieces, logql = ''): Envelope {
  const body = textOf(pieces);
  if (status !== 200) throw new CellError(refusal(status, body, logql));
  let envelope: { readonly status?: unknown; readonly data?: unknown; readonly warnings?: unknown };
  try {
    envelope = Object(JSON.parse(body));
  } catch {
    throw notLoki(status);
  }
  if (envelope.status !== 'success') throw notLoki(status);
  const warnings = Array.isArray(envelope.warnings) ? envelope.warnings.slice(0, 5).map(String) : [];
  const said = shortened(warnings.join('; '), LONGEST_SENTENCE);
  return { data: envelope.data, remarks: said === '' ? '' : `Loki warns: ${said}.` };
}

export function notLoki(status: number): CellError {
  return new CellError(
    `The answer (HTTP ${status}) is not from Loki. Set the connection's url to its address without /loki/api/v1.`,
  );
}

/** The limit in Loki's refusal to give so many lines at once; undefined for any other. */
export function linesAllowed(status: number, beginning: string): number | undefined {
  if (status !== 400) return undefined;
  const limit = /max_entries_limit \(\d{1,12} > (\d{1,12})\)/.exec(beginning)?.[1];
  return limit === undefined ? undefined : Number(limit);
}

function refusal(status: number, body: string, logql: string): string {
  if (/^\s*(?:no org id|multiple org ids)/.test(body))
    return "This Loki has several tenants. Set the connection's org_id to the tenant's name.";
  const refused = credentialRefusal('Loki', status);
  if (refused !== undefined) return refused.message;
  const said = messageIn(body);
  if (said === undefined) return notLoki(status).message;
  const place = placeIn(said, logql);
  if (place !== undefined) return `Loki: ${said}\n${place}`;
  if (/time range exceeds the limit/.test(said)) return `Loki: ${said}. Ask for less time with --range.`;
  if (/timed out|deadline exceeded/i.test(said))
    return 'Loki took too long for this query. Ask for less time with --range, or select fewer streams.';
  return `Loki answered ${status}: ${said}`;
}
