import { oneApart, type Work } from '../core/apart.js';
import type { Page } from '../core/pages.js';
import { tableOfRecords } from '../core/records.js';
import type { AlarmsRead } from './alarms-reading.js';
import { call } from './call.js';
import { actionOf } from './services.js';
import type { AwsJob } from './settings.js';

const MOST_PAGES = 50;

/** Alarms, those that need somebody first. @param prefix of their names; empty: all */
export async function* alarms(job: AwsJob, prefix: string, state: string | undefined): AsyncGenerator<Page> {
  yield* pages(job, 'DescribeAlarms', {
    MaxRecords: 100,
    AlarmTypes: ['MetricAlarm', 'CompositeAlarm'],
    ...(prefix !== '' && { AlarmNamePrefix: prefix }),
    ...(state !== undefined && { StateValue: state }),
  });
}

/** What happened to an alarm, newest first. */
export async function* alarmHistory(
  job: AwsJob,
  name: string,
  range: { readonly start: number; readonly end: number },
): AsyncGenerator<Page> {
  yield* pages(job, 'DescribeAlarmHistory', {
    MaxRecords: 100,
    AlarmName: name,
    StartDate: Math.floor(range.start / 1000),
    EndDate: Math.ceil(range.end / 1000),
    ScanBy: 'TimestampDescending',
  });
}

async function* pages(job: AwsJob, name: string, parameters: object): AsyncGenerator<Page> {
  const rows: AlarmsRead['rows'][number][] = [];
  let token: string | undefined;
  let count = 0;
  do {
    const answer = yield* call(job, actionOf('cloudwatch', name), {
      ...parameters,
      ...(token !== undefined && { NextToken: token }),
    });
    const read: AlarmsRead = await oneApart<AlarmsRead>(answer.pieces, WORK, job.signal);
    rows.push(...read.rows);
    token = read.token === token ? undefined : read.token;
    count += 1;
  } while (token !== undefined && count < MOST_PAGES);
  if (name === 'DescribeAlarms') rows.sort((one, other) => rank(one) - rank(other));
  yield* tableOfRecords(rows, { types: { since: 'time', time: 'time' } });
  const note =
    token === undefined
      ? ''
      : `Only the first ${rows.length.toLocaleString('en')}: narrow it down by a name.`;
  yield { kind: 'end', note };
}

const ORDER = ['ALARM', 'INSUFFICIENT_DATA', 'OK'];

function rank({ state }: AlarmsRead['rows'][number]): number {
  return ORDER.indexOf(String(state));
}

const WORK: Work = {
  module: new URL('./alarms-reading.js', import.meta.url),
  name: 'readAlarms',
  argument: undefined,
};
