import { type Pieces, textOf } from '../core/apart.js';
import type { TestJob } from '../core/connection.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import { messageIn, placeIn } from '../http/plain-refusal.js';
import { askService, type ServiceRequest, type ServiceSettings } from '../http/service.js';

export type TempoSettings = ServiceSettings & {
  /** A tenant. Source: https://grafana.com/docs/tempo/latest/operations/manage-advanced-systems/multitenancy/ */
  readonly org_id?: string | undefined;
};

const LARGEST_NAMES = 8 * 1024 * 1024;

/** Source: https://grafana.com/docs/tempo/latest/api_docs/ */
export function tempoRequest(
  { org_id }: TempoSettings,
  request: Omit<ServiceRequest, 'headers' | 'method'>,
): ServiceRequest {
  return { ...request, method: 'GET', ...(org_id !== undefined && { headers: { 'x-scope-orgid': org_id } }) };
}

/** Asks for the names of tags, which shows what a search needs, and for the version. */
export async function testTempo(job: TestJob<TempoSettings>): Promise<string> {
  const get = (path: string) => askService(job, tempoRequest(job.settings, { path, largest: LARGEST_NAMES }));
  const found = await get('api/search/tags');
  const { tagNames } = Object(readAnswer(found.status, [Buffer.from(found.body)])) as { tagNames?: unknown };
  const count = Array.isArray(tagNames) ? tagNames.length : 0;
  const built = await get('api/status/buildinfo');
  const version = built.status === 200 ? versionIn(built.body) : '';
  return `Tempo${version && ` ${version}`}, ${count} ${count === 1 ? 'tag' : 'tags'} in recent traces`;
}

function versionIn(body: string): string {
  try {
    const { version } = Object(JSON.parse(body)) as { version?: unknown };
    return typeof version === 'string' ? shortened(version, 50) : '';
  } catch {
    return '';
  }
}

/**
 * @param traceql the query that errors point into
 * @returns what the answer contains
 * @throws {CellError} what Tempo said
 */
export function readAnswer(status: number, pieces: Pieces, traceql = ''): unknown {
  const body = textOf(pieces);
  if (status !== 200) throw new CellError(refusal(status, body, traceql));
  try {
    const answer = JSON.parse(body) as unknown;
    if (typeof answer === 'object' && answer !== null) return answer;
  } catch {}
  throw notTempo(status);
}

export function notTempo(status: number): CellError {
  return new CellError(
    `The answer (HTTP ${status}) is not from Tempo. Set the connection's url to its address, without /api.`,
  );
}

function refusal(status: number, body: string, traceql: string): string {
  if (/^\s*no org id/.test(body))
    return "This Tempo has several tenants. Set the connection's org_id to the tenant's name.";
  const refused = credentialRefusal('Tempo', status);
  if (refused !== undefined) return refused.message;
  const said = messageIn(body);
  if (said === undefined) return notTempo(status).message;
  const place = placeIn(said, traceql);
  return place === undefined ? `Tempo answered ${status}: ${said}` : `Tempo: ${said}\n${place}`;
}
