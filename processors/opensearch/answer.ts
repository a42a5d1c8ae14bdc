import { type Pieces, sizeOf } from '../core/apart.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { credentialRefusal, NOT_ALLOWED, UNKNOWN } from '../http/credential-refusal.js';
import { readJson } from '../http/json.js';
import { statusLine } from '../http/status-line.js';

/** One of two kinds, which it tells only by its version. */
const SERVICE = 'The search service';

const LARGEST_ERROR = 256 * 1024;
const LONGEST_REASON = 500;
const MOST_REASONS = 3;

type Fields = Readonly<Record<string, unknown>>;

/** @throws {CellError} what the service said, or that it isn't one of this kind */
export function readAnswer(pieces: Pieces, status: number): Fields {
  refuse(pieces, status);
  const json = readJson(pieces);
  if (typeof json === 'object' && json !== null) return json as Fields;
  throw notOne(status);
}

/**
 * Errors are `{error: {type, reason, root_cause}, status}`.
 * Source: https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options#common-options-error-options
 */
function refuse(pieces: Pieces, status: number): void {
  if (status === 200) return;
  if (status === UNKNOWN) throw credentialRefusal(SERVICE, status);
  const { error } = Object(sizeOf(pieces) > LARGEST_ERROR ? {} : readJson(pieces)) as { error?: unknown };
  if (status === NOT_ALLOWED) throw missingRight(error);
  const said = reasonsIn(error);
  if (said === '') throw notOne(status);
  throw new CellError(`${SERVICE} answered ${statusLine(status)}: ${said}${advice(error)}`);
}

/** In the gateway's own words, but for the name of the action: who asked, with which credential, is not repeated. */
function missingRight(error: unknown): CellError {
  const action = /\b((?:indices|cluster):[a-z_]+(?:\/[a-z_*]+){0,6})/.exec(reasonsIn(error))?.[1];
  const { message = '' } = credentialRefusal(SERVICE, NOT_ALLOWED) ?? {};
  return new CellError(
    action === undefined ? message : message.replace('(permission)', `(permission ${action})`),
  );
}

/** @returns what the service says of a mistake, the nearest causes first; may be empty */
export function reasonsIn(error: unknown): string {
  if (typeof error === 'string') return shortened(error, LONGEST_REASON);
  const { type, reason, root_cause, caused_by, failed_shards } = Object(error) as Fields;
  const shards = (Array.isArray(failed_shards) ? failed_shards : []).map((each) => Object(each).reason);
  const causes = [...(Array.isArray(root_cause) ? root_cause : []), ...shards, caused_by, { type, reason }];
  const sentences = causes.flatMap((each) => {
    const cause = Object(each) as Fields;
    const text = typeof cause.reason === 'string' ? cause.reason : '';
    return text === '' ? [] : [shortened(`${String(cause.type ?? 'error')}: ${text}`, LONGEST_REASON)];
  });
  return [...new Set(sentences)].slice(0, MOST_REASONS).join('; ');
}

function advice(error: unknown): string {
  const { type } = Object(error) as { type?: unknown };
  if (type === 'index_not_found_exception')
    return '. Choose an index with --index: GET /_cat/indices lists them.';
  if (type === 'too_many_buckets_exception') return '. Ask for fewer buckets or a longer interval.';
  return '';
}

function notOne(status: number): CellError {
  return new CellError(
    `The answer (HTTP ${status}) is not from OpenSearch or Elasticsearch: is the connection's url right?`,
  );
}

/** What is missing in an answer, in sentences: shards that failed, and a search that was stopped. */
export function remarksOf({ _shards, timed_out, terminated_early }: Fields): string[] {
  const { total, failed, failures } = Object(_shards) as Fields;
  const remarks: string[] = [];
  if (typeof failed === 'number' && failed > 0) {
    const [first] = Array.isArray(failures) ? failures : [];
    const why = reasonsIn(Object(first).reason);
    remarks.push(`Partial: ${failed} of ${String(total)} shards failed${why === '' ? '' : ` (${why})`}.`);
  }
  if (timed_out === true) remarks.push('Partial: the search ran into its timeout.');
  if (terminated_early === true) remarks.push('Partial: the search ended early (terminate_after).');
  return remarks;
}

/** `12` or `at least 10,000`, with what they are: https://opensearch.org/docs/latest/api-reference/search/ (`track_total_hits`) */
export interface Total {
  readonly value: number;
  readonly isAtLeast: boolean;
}

export function totalOf(hits: Fields): Total | undefined {
  const { total } = hits;
  if (typeof total === 'number') return { value: total, isAtLeast: false };
  const { value, relation } = Object(total) as Fields;
  return typeof value === 'number' ? { value, isAtLeast: relation === 'gte' } : undefined;
}
