import type { Pieces } from '../core/apart.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { readJson } from '../http/json.js';

const MOST_WARNINGS = 5;
const LONGEST_WARNING = 300;

/** @throws {CellError} for an answer that isn't Datadog's */
export function readObject(pieces: Pieces): Readonly<Record<string, unknown>> {
  const json = readJson(pieces);
  if (typeof json === 'object' && json !== null && !Array.isArray(json))
    return json as Readonly<Record<string, unknown>>;
  throw new CellError("The answer is not from Datadog's API: is the connection's site or url right?");
}

/** What an answer says of itself. Source: https://docs.datadoghq.com/api/latest/logs/#search-logs-post (`meta`) */
export interface Meta {
  /** Where the next page begins. */
  readonly after: string | undefined;
  /** What is missing in it, in sentences; may be empty. */
  readonly remarks: string;
}

export function metaOf({ meta }: Readonly<Record<string, unknown>>): Meta {
  const { page, status, warnings } = Object(meta) as Record<string, unknown>;
  const { after } = Object(page) as { after?: unknown };
  const said = (Array.isArray(warnings) ? warnings : []).slice(0, MOST_WARNINGS).map((warning) => {
    const { title, detail, code } = Object(warning) as Record<string, unknown>;
    const parts = [title ?? code, detail].filter((part) => typeof part === 'string');
    return `Datadog warns: ${shortened(parts.join(': '), LONGEST_WARNING)}.`.replace(/\.\.$/, '.');
  });
  const isCut = status === 'timeout';
  return {
    after: typeof after === 'string' && after !== '' ? after : undefined,
    remarks: [
      ...(isCut ? ['Partial: the search took longer than Datadog allows. Ask for a shorter --range.'] : []),
      ...said,
    ].join(' '),
  };
}

/** Microseconds since 1970 of a time as Datadog writes it; what is no time stays what it is. */
export function microsecondsOf(time: unknown): string | null {
  if (typeof time !== 'string') return null;
  const milliseconds = Date.parse(time);
  return Number.isFinite(milliseconds) ? String(milliseconds * 1000) : time;
}
