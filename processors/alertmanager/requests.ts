import { type Pieces, textOf } from '../core/apart.js';
import type { TestJob } from '../core/connection.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { credentialRefusal } from '../http/credential-refusal.js';
import { askService, type ServiceSettings } from '../http/service.js';

export type AlertmanagerSettings = ServiceSettings & { readonly read_only: boolean };

const LARGEST_STATUS = 1024 * 1024;
const LONGEST_SENTENCE = 500;

/** Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml */
export async function testAlertmanager(job: TestJob<AlertmanagerSettings>): Promise<string> {
  const { status, body } = await askService(job, {
    method: 'GET',
    path: 'api/v2/status',
    largest: LARGEST_STATUS,
  });
  const { versionInfo } = Object(readAnswer(status, [Buffer.from(body)])) as { versionInfo?: unknown };
  const { version } = Object(versionInfo) as { version?: unknown };
  if (typeof version !== 'string') throw notAlertmanager(status);
  const may = job.settings.read_only ? 'only reads' : 'may silence';
  return `Alertmanager ${shortened(version, 50)}, ${may}`;
}

/**
 * @returns what the answer contains
 * @throws {CellError} what Alertmanager said
 */
export function readAnswer(status: number, pieces: Pieces): unknown {
  const refused = credentialRefusal('Alertmanager', status);
  if (refused !== undefined) throw refused;
  const body = textOf(pieces);
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    throw notAlertmanager(status);
  }
  if (status === 200) return answer;
  const said = typeof answer === 'string' ? answer : Object(answer).message;
  if (typeof said !== 'string') throw notAlertmanager(status);
  throw new CellError(`Alertmanager answered ${status}: ${shortened(said, LONGEST_SENTENCE)}`);
}

export function notAlertmanager(status: number): CellError {
  return new CellError(
    `The answer (HTTP ${status}) is not from Alertmanager. Set the connection's url to its address without /api/v2.`,
  );
}
