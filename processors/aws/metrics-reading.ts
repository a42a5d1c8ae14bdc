import type { Pieces } from '../core/apart.js';
import { CellError } from '../core/processor.js';
import { shortened } from '../core/refusal.js';
import { readJson } from '../http/json.js';

/** One answer of GetMetricData. */
export interface MetricsRead {
  readonly series: readonly {
    /** The same on each page. */
    readonly key: string;
    readonly label: string;
    /** Milliseconds since 1970, and the value. */
    readonly values: readonly [number, number][];
  }[];
  /** What is missing, in sentences. */
  readonly remarks: readonly string[];
  readonly token: string | undefined;
}

const LONGEST_LABEL = 300;
const MOST_REMARKS = 5;
/** AWS gives at most 100,800 values in one answer. */
const MOST_VALUES = 120_000;

/** A work for `apart`. @throws {CellError} */
export function* readMetrics(pieces: Pieces): Generator<MetricsRead> {
  const {
    MetricDataResults: results,
    Messages: messages,
    NextToken: token,
  } = Object(readJson(pieces)) as Record<string, unknown>;
  if (!Array.isArray(results))
    throw new CellError("The answer to GetMetricData is not from AWS: is the connection's url right?");
  const count = results.reduce((sum: number, { Values = [] }) => sum + Number(Object(Values).length ?? 0), 0);
  if (count > MOST_VALUES || results.length > MOST_VALUES)
    throw new CellError('The answer to GetMetricData has more values than AWS gives. Ask for less.');
  const remarks = remarksOf(messages);
  const series = results.map((result) => {
    const { Id, Label, Timestamps, Values, StatusCode, Messages } = Object(result) as Record<string, unknown>;
    const label = shortened(String(Label ?? Id), LONGEST_LABEL);
    if (StatusCode === 'Forbidden') remarks.push(`${label} is missing: the right to read it is missing.`);
    else if (StatusCode === 'InternalError')
      remarks.push(`${label} is missing because of an error inside AWS.`);
    else if (StatusCode === 'PartialData' && token === undefined) remarks.push(`${label} is partial.`);
    remarks.push(...remarksOf(Messages));
    const times = Array.isArray(Timestamps) ? Timestamps : [];
    const numbers = Array.isArray(Values) ? Values : [];
    const values = times.flatMap((time, at) => {
      const point: [number, number] = [millisecondsOf(time), Number(numbers[at])];
      return Number.isFinite(point[0]) ? [point] : [];
    });
    return { key: JSON.stringify([Id, Label]), label, values };
  });
  yield { series, remarks, token: typeof token === 'string' && token !== '' ? token : undefined };
}

/** Seconds since 1970, or text. */
function millisecondsOf(time: unknown): number {
  return typeof time === 'number' ? time * 1000 : Date.parse(String(time));
}

function remarksOf(messages: unknown): string[] {
  if (!Array.isArray(messages)) return [];
  return messages
    .slice(0, MOST_REMARKS)
    .map(
      (message) =>
        `AWS remarks: ${shortened(String(Object(message).Value ?? Object(message).Code ?? ''), 300)}.`,
    );
}
