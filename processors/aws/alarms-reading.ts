import type { Pieces } from '../core/apart.js';
import { CellError } from '../core/processor.js';
import type { Json } from '../core/value.js';
import { readJson } from '../http/json.js';

export interface AlarmsRead {
  readonly rows: readonly Readonly<Record<string, Json>>[];
  readonly token: string | undefined;
}

/** What is asked for at most: more would keep the gateway's own thread busy. */
const MOST = 1_000;

/** A work for `apart`: alarms, or what happened to one. @throws {CellError} */
export function* readAlarms(pieces: Pieces): Generator<AlarmsRead> {
  const { MetricAlarms, CompositeAlarms, AlarmHistoryItems, NextToken } = Object(readJson(pieces)) as Record<
    string,
    unknown
  >;
  const [simple, composite, history] = [MetricAlarms, CompositeAlarms, AlarmHistoryItems].map((list) =>
    Array.isArray(list) ? list.map((item) => Object(item) as Record<string, unknown>) : undefined,
  );
  if (simple === undefined && history === undefined)
    throw new CellError("The answer is not from CloudWatch: is the connection's url right?");
  if ([simple, composite, history].some((list) => (list?.length ?? 0) > MOST))
    throw new CellError('The answer has more alarms than CloudWatch gives at once.');
  yield {
    rows: [
      ...(simple ?? []).map(metricAlarm),
      ...(composite ?? []).map((alarm) => ({ ...common(alarm), rule: text(alarm.AlarmRule) })),
      ...(history ?? []).map((item) => ({
        time: microseconds(item.Timestamp),
        alarm: text(item.AlarmName),
        what: text(item.HistoryItemType),
        summary: text(item.HistorySummary),
      })),
    ],
    token: typeof NextToken === 'string' && NextToken !== '' ? NextToken : undefined,
  };
}

function metricAlarm(alarm: Record<string, unknown>): Record<string, Json> {
  const dimensions = Array.isArray(alarm.Dimensions) ? alarm.Dimensions : [];
  return {
    ...common(alarm),
    namespace: text(alarm.Namespace),
    metric: text(alarm.MetricName),
    dimensions: dimensions
      .map((dimension) => `${text(Object(dimension).Name)}=${text(Object(dimension).Value)}`)
      .join(', '),
    statistic: text(alarm.Statistic ?? alarm.ExtendedStatistic),
    comparison: text(alarm.ComparisonOperator),
    threshold: typeof alarm.Threshold === 'number' ? alarm.Threshold : null,
    period: typeof alarm.Period === 'number' ? alarm.Period : null,
  };
}

function common(alarm: Record<string, unknown>): Record<string, Json> {
  return {
    state: text(alarm.StateValue),
    alarm: text(alarm.AlarmName),
    since: microseconds(alarm.StateUpdatedTimestamp),
    reason: text(alarm.StateReason),
    actions: alarm.ActionsEnabled === true,
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Seconds since 1970, or text. */
function microseconds(time: unknown): number | null {
  const value = typeof time === 'number' ? time * 1000 : Date.parse(String(time));
  return Number.isFinite(value) ? Math.round(value * 1000) : null;
}
