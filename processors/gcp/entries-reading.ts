import type { Pieces } from '../core/apart.js';
import { exactJson } from '../core/exact-json.js';
import { CellError } from '../core/processor.js';
import type { Json } from '../core/value.js';
import { readJson } from '../http/json.js';

export interface EntriesRead {
  /** Time in microseconds since 1970, severity, log, resource, labels, payload and message. */
  readonly columns: readonly (readonly Json[])[];
  readonly token: string | undefined;
}

/** What is asked for at most: more would keep the gateway's own thread busy. */
const MOST_ENTRIES = 1_000;

/**
 * A work for `apart`.
 * Source: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry
 *
 * @throws {CellError}
 */
export function* readEntries(pieces: Pieces): Generator<EntriesRead> {
  const answer: unknown = readJson(pieces);
  const { entries = [], nextPageToken } = Object(answer) as Record<string, unknown>;
  // An answer without entries is an empty object.
  if (typeof answer !== 'object' || answer === null || !Array.isArray(entries) || !isOfLogging(answer))
    throw new CellError("The answer is not from Cloud Logging: is the connection's url right?");
  if (entries.length > MOST_ENTRIES)
    throw new CellError('The answer has more entries than Cloud Logging gives at once.');
  const rows = entries.map((entry) => rowOf(Object(entry) as Record<string, unknown>));
  yield {
    columns: Array.from({ length: 7 }, (_, at) => rows.map((row) => row[at] ?? null)),
    token: typeof nextPageToken === 'string' && nextPageToken !== '' ? nextPageToken : undefined,
  };
}

function isOfLogging(answer: object): boolean {
  return Object.keys(answer).every((name) => name === 'entries' || name === 'nextPageToken');
}

function rowOf(entry: Record<string, unknown>): Json[] {
  const { timestamp, receiveTimestamp, severity, logName, resource, labels, textPayload } = entry;
  const payload = entry.jsonPayload ?? entry.protoPayload;
  const { type, labels: own } = Object(resource) as Record<string, unknown>;
  const all = { ...Object(own), ...Object(labels) };
  return [
    microseconds(String(timestamp ?? receiveTimestamp ?? '')),
    typeof severity === 'string' ? severity : 'DEFAULT',
    decoded(
      String(logName ?? '')
        .split('/')
        .at(-1) ?? '',
    ),
    typeof type === 'string' ? type : null,
    Object.keys(all).length === 0 ? null : exactJson(all),
    payload === undefined ? null : exactJson(payload),
    typeof textPayload === 'string' ? textPayload : messageIn(payload, entry.httpRequest),
  ];
}

/** What people read of an entry that isn't text. */
function messageIn(payload: unknown, httpRequest: unknown): string | null {
  const { message, msg, methodName, MESSAGE } = Object(payload) as Record<string, unknown>;
  const said = [message, msg, MESSAGE, methodName].find((text) => typeof text === 'string');
  if (typeof said === 'string') return said;
  const { requestMethod, requestUrl, status } = Object(httpRequest) as Record<string, unknown>;
  return typeof requestUrl === 'string'
    ? `${String(requestMethod ?? '')} ${requestUrl} ${String(status ?? '')}`
    : null;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Google writes up to nine digits of a second. */
function microseconds(time: string): Json {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(time);
  const seconds = Date.parse(`${match?.[1]}Z`) / 1000;
  if (match === null || !Number.isFinite(seconds)) return null;
  return String(BigInt(seconds) * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0').slice(0, 6)));
}
