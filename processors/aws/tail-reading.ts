import type { Pieces } from '../core/apart.js';
import { CellError } from '../core/processor.js';
import type { Json } from '../core/value.js';
import { readJson } from '../http/json.js';

export interface EventsRead {
  /** Times in microseconds since 1970, streams and messages. */
  readonly columns: readonly (readonly Json[])[];
  readonly token: string | undefined;
}

/** What is asked for at most: more would keep the gateway's own thread busy. */
const MOST_EVENTS = 10_000;

/** A work for `apart`. @throws {CellError} */
export function* readEvents(pieces: Pieces): Generator<EventsRead> {
  const { events, nextToken } = Object(readJson(pieces)) as Record<string, unknown>;
  if (!Array.isArray(events))
    throw new CellError("The answer to FilterLogEvents is not from AWS: is the connection's url right?");
  if (events.length > MOST_EVENTS)
    throw new CellError('The answer to FilterLogEvents has more events than AWS gives at once.');
  const of = (event: unknown, name: string): unknown => Object(event)[name];
  yield {
    columns: [
      events.map((event) => Math.floor(Number(of(event, 'timestamp') ?? 0)) * 1000),
      events.map((event) => String(of(event, 'logStreamName') ?? '')),
      events.map((event) => String(of(event, 'message') ?? '').replace(/\r?\n$/, '')),
    ],
    token: typeof nextToken === 'string' && nextToken !== '' ? nextToken : undefined,
  };
}
