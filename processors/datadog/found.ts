import type { Pieces } from '../core/apart.js';
import { exactJson } from '../core/exact-json.js';
import type { Column, Page } from '../core/pages.js';
import type { Known } from '../core/records.js';
import { columnsOf, rowsOf } from '../core/streamed-records.js';
import { type Meta, metaOf, microsecondsOf, readObject } from './envelope.js';

/** What can be searched page by page. */
export type Searched = 'logs' | 'spans' | 'events';

export interface FoundArgument {
  readonly subject: Searched;
  /** So many are wanted at most. */
  readonly most: number;
  /** Of the table; absent for the first page, which decides them. */
  readonly columns?: readonly Column[];
  /** Whether the next page would be fetched. */
  readonly goesOn: boolean;
}

/** Comes before the rows of each page. */
export interface Found extends Meta {
  readonly kind: 'found';
  readonly columns: readonly Column[];
  readonly rows: number;
}

const isLast = (column: string) => column === 'message';

type Record_ = Readonly<Record<string, unknown>>;

/** The fields that every record has; attributes come with the first page. */
const types: Readonly<Record<Searched, NonNullable<Known['types']>>> = {
  logs: { time: 'time', status: 'text', service: 'text', host: 'text', tags: 'json', message: 'text' },
  spans: {
    time: 'time',
    duration_ms: 'number',
    service: 'text',
    env: 'text',
    host: 'text',
    type: 'text',
    trace_id: 'text',
    span_id: 'text',
    parent_id: 'text',
    tags: 'json',
    message: 'text',
  },
  events: {
    time: 'time',
    status: 'text',
    title: 'text',
    service: 'text',
    host: 'text',
    tags: 'json',
    message: 'text',
  },
};

/** A work for `apart`: one page of a search. @throws {CellError} when it isn't Datadog's */
export function* readFound(pieces: Pieces, argument: unknown): Generator<Found | Page> {
  const { subject, most, columns, goesOn } = argument as FoundArgument;
  const answer = readObject(pieces);
  const { data } = answer;
  const meta = metaOf(answer);
  const record = records[subject];
  const found = (Array.isArray(data) ? data : [])
    .slice(0, most)
    .map((each) => record(Object(Object(each).attributes)));
  const used =
    columns ?? columnsOf(found, { types: types[subject], isLast }, goesOn && meta.after !== undefined);
  yield { kind: 'found', ...meta, columns: used, rows: found.length };
  yield* rowsOf(found, used);
}

/** One line each, its attributes named as queries name them: https://docs.datadoghq.com/logs/explorer/search_syntax/ */
const records: Readonly<Record<Searched, (attributes: Record_) => Record_>> = {
  logs: ({ timestamp, status, service, host, attributes, tags, message }) => ({
    time: microsecondsOf(timestamp),
    status: textOf(status),
    service: textOf(service),
    host: textOf(host),
    ...named(attributes),
    tags: Array.isArray(tags) ? tags.map(String) : null,
    message: textOf(message),
  }),
  spans: (span) => {
    const { start_timestamp, end_timestamp, service, env, host, type, resource_name } = span;
    const { trace_id, span_id, parent_id, attributes, custom, tags } = span;
    const duration = Date.parse(String(end_timestamp)) - Date.parse(String(start_timestamp));
    return {
      time: microsecondsOf(start_timestamp),
      duration_ms: Number.isFinite(duration) ? duration : null,
      service: textOf(service),
      env: textOf(env),
      host: textOf(host),
      type: textOf(type),
      trace_id: textOf(trace_id),
      span_id: textOf(span_id),
      parent_id: textOf(parent_id),
      ...named({ ...Object(attributes), ...Object(custom) }),
      tags: Array.isArray(tags) ? tags.map(String) : null,
      message: textOf(resource_name),
    };
  },
  events: ({ timestamp, attributes, tags, message }) => {
    const {
      title,
      status,
      service,
      hostname,
      timestamp: _,
      tags: __,
      ...others
    } = Object(attributes) as Record_;
    return {
      time: microsecondsOf(timestamp),
      status: textOf(status),
      title: textOf(title),
      service: textOf(service),
      host: textOf(hostname),
      ...named(others),
      tags: Array.isArray(tags) ? tags.map(String) : null,
      message: textOf(message),
    };
  },
};

function named(attributes: unknown): Record_ {
  return Object.fromEntries(
    Object.entries(Object(attributes) as Record_).map(([name, value]) => [`@${name}`, value]),
  );
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : exactJson(value);
}
