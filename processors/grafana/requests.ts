import { oneApart, type Pieces, textOf } from '../core/apart.js';
import type { TestJob } from '../core/connection.js';
import type { Page } from '../core/pages.js';
import { CellError, type Limits } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import type { HttpAnswer } from '../http/send.js';
import {
  askForMuch,
  askService,
  type ServiceJob,
  type ServiceRequest,
  type ServiceSettings,
} from '../http/service.js';

export type GrafanaSettings = Pick<
  ServiceSettings,
  'url' | 'token' | 'ca_file' | 'cert_file' | 'key_file'
> & {
  readonly org_id?: string | undefined;
  readonly read_only: boolean;
};

export type GrafanaJob = ServiceJob & Pick<Limits, 'endsAt'> & { readonly settings: GrafanaSettings };

const LARGEST_STATUS = 1024 * 1024;
/** Dashboards and lists, which are read as a whole. */
const LARGEST_LIST = 16 * 1024 * 1024;
const LONGEST_SENTENCE = 500;

/** Source: https://grafana.com/docs/grafana/latest/developers/http_api/#x-grafana-org-id-header */
export function grafanaRequest(
  { org_id }: GrafanaSettings,
  request: Omit<ServiceRequest, 'headers'>,
): ServiceRequest {
  return { ...request, ...(org_id !== undefined && { headers: { 'x-grafana-org-id': org_id } }) };
}

/** A question that is asked again while Grafana is busy. */
export function ask(
  job: GrafanaJob,
  request: Omit<ServiceRequest, 'headers'>,
): AsyncGenerator<Page, HttpAnswer> {
  return askForMuch(job, grafanaRequest(job.settings, request));
}

/** What Grafana has at a path. @throws {CellError} what Grafana said */
export async function* read(
  job: GrafanaJob,
  path: string,
  parameters?: URLSearchParams,
): AsyncGenerator<Page, unknown> {
  const request = { method: 'GET', path, ...(parameters && { parameters }), largest: LARGEST_LIST } as const;
  const { status, pieces } = yield* ask(job, request);
  return readApart(job, status, pieces);
}

/** The same as {@link readAnswer}, for an answer that may be large. */
export function readApart({ signal }: GrafanaJob, status: number, pieces: Pieces): Promise<unknown> {
  return oneApart(pieces, { module: new URL(import.meta.url), name: 'answerIn', argument: status }, signal);
}

/** A work for `apart`. @throws {CellError} what Grafana said */
export function* answerIn(pieces: Pieces, argument: unknown): Generator<unknown> {
  yield readAnswer(argument as number, pieces);
}

/** Looks for a dashboard, which a token without rights may not, and for the version, which every one may see. */
export async function testGrafana(job: TestJob<GrafanaSettings>): Promise<string> {
  const get = (path: string, parameters?: URLSearchParams) =>
    askService(
      job,
      grafanaRequest(job.settings, {
        method: 'GET',
        path,
        ...(parameters && { parameters }),
        largest: LARGEST_STATUS,
      }),
    );
  const found = await get('api/search', new URLSearchParams({ type: 'dash-db', limit: '1' }));
  const dashboards = readAnswer(found.status, [Buffer.from(found.body)]);
  if (!Array.isArray(dashboards)) throw notGrafana(found.status);
  const health = await get('api/health');
  const { version } = Object(health.status === 200 ? parsed(health.body) : undefined) as {
    version?: unknown;
  };
  const sees =
    dashboards.length > 0
      ? 'it shows dashboards'
      : 'it shows no dashboard: give the service account the role Viewer, or the right dashboards:read';
  return `Grafana ${typeof version === 'string' ? shortened(version, 50) : ''}, ${sees}`.replace(' ,', ',');
}

/**
 * @returns what the answer contains
 * @throws {CellError} what Grafana said
 */
export function readAnswer(status: number, pieces: Pieces): unknown {
  const body = textOf(pieces);
  const answer = parsed(body);
  if (status === 200 || status === 207) {
    if (answer === undefined) throw notGrafana(status);
    return answer;
  }
  const { message } = Object(answer) as { message?: unknown };
  const refused = credentialRefusal('Grafana', status);
  if (refused !== undefined) {
    // Grafana names the right: "Permissions needed: datasources:query".
    const right = /Permissions needed: ([a-z.:, -]{1,200})/.exec(String(message))?.[1];
    throw right === undefined
      ? refused
      : new CellError(`${refused.message} Give the service account the right ${right}.`);
  }
  if (typeof message !== 'string') throw notGrafana(status);
  throw new CellError(`Grafana answered ${status}: ${shortened(message, LONGEST_SENTENCE)}`);
}

export function notGrafana(status: number): CellError {
  return new CellError(
    `The answer (HTTP ${status}) is not from Grafana. Set the connection's url to its address, without /api.`,
  );
}

/** @throws {CellError} unless the connection may write */
export function mayWrite({ read_only }: GrafanaSettings): void {
  if (!read_only) return;
  throw new CellError('This connection only reads. To annotate with it, its settings need read_only: false.');
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
