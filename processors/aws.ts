import { alarmHistory, alarms } from './aws/alarms.js';
import { completeAws } from './aws/completion.js';
import { testAws } from './aws/connection-test.js';
import { actionIn, describe } from './aws/describe.js';
import { insights } from './aws/insights.js';
import { FILTER_PATTERN, INSIGHTS_QUERY } from './aws/languages.js';
import { metricQueries } from './aws/metric-queries.js';
import { metrics, periodFor } from './aws/metrics.js';
import { actions } from './aws/services.js';
import { type AwsConnection, settings } from './aws/settings.js';
import { tail } from './aws/tail.js';
import { brokered, type Job } from './core/brokered.js';
import { OUT, RAW, suggestion, TIMEOUT } from './core/options.js';
import type { Page } from './core/pages.js';
import { placeValues, textOf } from './core/placed-values.js';
import { type Cell, CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { AT, RANGE, secondsOf, timeRangeOf } from './core/time-range.js';
import { renderBody } from './http/body.js';
import { cut } from './http/template.js';

/** Rows of `logs` where the cell names no number. */
const USUAL_LIMIT = 100_000;
const MOST_ROWS = 5_000_000;
const PLACE = 'a question to AWS, which logs it';
const STATES = ['ALARM', 'INSUFFICIENT_DATA', 'OK'];

/** The words after a verb, and the lines below. */
interface Asked {
  readonly words: readonly string[];
  readonly lines: string;
  readonly options: Cell['options'];
}

type Perform = (job: Job<AwsConnection>) => AsyncIterable<Page>;

const verbs: Readonly<Record<string, (asked: Asked) => Perform>> = {
  metrics: askMetrics,
  logs: ({ words, ...asked }) =>
    words[0] === 'tail' ? askTail({ ...asked, words: words.slice(1) }) : askInsights({ ...asked, words }),
  alarms: askAlarms,
};

export const aws = brokered<AwsConnection>({
  name: 'aws',
  summary: 'asks AWS: logs, metrics, alarms, and what there is in EC2, ECS, EKS, RDS and Lambda',
  example:
    '%%aws prod --range 1h\nlogs /aws/lambda/checkout\nfields @timestamp, @message | filter @message like "ERROR"',
  options: {
    range: RANGE,
    at: AT,
    period: { type: 'string', help: 'time between two values of metrics, e.g. 5m; default auto' },
    limit: { type: 'number', help: 'at most this many rows of logs; default 100,000' },
    state: { type: 'string', help: 'only alarms in this state', values: STATES },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testAws },
  complete: completeAws,

  compile(cell) {
    const { options } = cell;
    const body = cell.body.trim();
    const [first = ''] = body.split('\n', 1);
    const [verb = '', ...words] = first.trim().split(/\s+/);
    const lines = body.slice(first.length).replace(/^\n/, '');
    const known = [...Object.keys(verbs), ...actions.keys()];
    if (!known.includes(verb))
      throw new CellError(
        verb === ''
          ? `A %%aws cell begins with one of: ${known.join(', ')}.`
          : `“${verb.slice(0, 40)}” is nothing that %%aws can ask.${suggestion(verb, known, '')} Known: ${known.join(', ')}.`,
      );
    const asked = { words, lines, options };
    const perform = verbs[verb]?.(asked) ?? askService(verb, asked);
    return { args: { ask: body, ...shown(options) }, variables: variablesIn(body, options, PLACE), perform };
  },
});

function askMetrics({ words, lines, options }: Asked): Perform {
  // One metric may be in the first line.
  const body = [words.join(' '), lines].filter((text) => text.trim() !== '').join('\n');
  const range = () => timeRangeOf(options, '3h');
  const wanted = options.period === undefined ? undefined : secondsOf('period', options.period);
  periodFor(range(), wanted);
  if (body === '') metricQueries('', new Map(), { period: 60, raw: true });
  return (job) => {
    const asked = range();
    const period = periodFor(asked, wanted);
    const queries = metricQueries(body, job.values, { period, raw: options.raw === true });
    return metrics(job, queries, asked, { period, title: body.replace(/\s+/g, ' ') });
  };
}

function askInsights({ words, lines, options }: Asked): Perform {
  if (words.length === 0)
    throw new CellError(
      'logs needs the name of a log group, and a query on the lines below: logs /aws/lambda/NAME',
    );
  if (lines.trim() === '')
    throw new CellError(
      'Write the query on the lines below, e.g. fields @timestamp, @message | filter @message like "ERROR". For all events: logs tail GROUP.',
    );
  const range = () => timeRangeOf(options, '1h');
  range();
  const limit = limitOf(options);
  return (job) => {
    const query = options.raw === true ? lines : placeValues(lines, job.values, INSIGHTS_QUERY);
    return insights(job, { groups: wordsWith(words, job, options), query, range: range(), limit });
  };
}

function askTail({ words, lines, options }: Asked): Perform {
  if (words.length !== 1)
    throw new CellError('logs tail needs one log group; a filter pattern goes on the line below.');
  const range = () => timeRangeOf(options, '15m');
  range();
  const limit = limitOf(options);
  return (job) => {
    const [group = ''] = wordsWith(words, job, options);
    const text = lines.trim();
    const pattern = options.raw === true ? text : placeValues(text, job.values, FILTER_PATTERN);
    return tail(job, { group, pattern, range: range(), limit });
  };
}

function askAlarms({ words, options }: Asked): Perform {
  const [first = '', ...more] = words;
  const isHistory = first === 'history';
  const { state } = options;
  if (state !== undefined && !STATES.includes(String(state)))
    throw new CellError(`--state takes ${STATES.join(', ')}.`);
  if (isHistory && more.length === 0) throw new CellError('alarms history needs the name of an alarm.');
  const range = () => timeRangeOf(options, '7d');
  range();
  return (job) => {
    const name = wordsWith(isHistory ? more : words, job, options).join(' ');
    return isHistory
      ? alarmHistory(job, name, range())
      : alarms(job, name, state === undefined ? undefined : String(state));
  };
}

function askService(service: string, { words, lines, options }: Asked): Perform {
  // Whether the connection is read-only is known only when it is used.
  actionIn(service, words, false);
  return (job) => {
    const action = actionIn(service, words, job.settings.read_only);
    return describe(job, action, parametersIn(lines, job, options));
  };
}

function parametersIn(
  lines: string,
  job: Job<AwsConnection>,
  { raw }: Cell['options'],
): Record<string, unknown> {
  if (lines.trim() === '') return {};
  let parameters: unknown;
  try {
    parameters = JSON.parse(String(renderBody(cut(lines, raw === true), 'application/json', job.values)));
  } catch (error) {
    if (error instanceof CellError) throw error;
  }
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters))
    throw new CellError(
      'The parameters below the action have to be one JSON object, e.g. {"InstanceIds": ["i-1"]}.',
    );
  return parameters as Record<string, unknown>;
}

/** A word stays one word: a value may contain spaces. */
function wordsWith(
  words: readonly string[],
  { values }: Job<AwsConnection>,
  { raw }: Cell['options'],
): string[] {
  if (raw === true) return [...words];
  return words.map((word) =>
    cut(word)
      .map((piece) => {
        if (typeof piece === 'string') return piece;
        const value = values.get(piece.reference);
        if (value === undefined) throw new CellError(`{{${piece.reference}}} has no value.`);
        return textOf(value, piece.reference);
      })
      .join(''),
  );
}

function limitOf({ limit }: Cell['options']): number {
  if (limit === undefined) return USUAL_LIMIT;
  const rows = Number(limit);
  if (Number.isInteger(rows) && rows >= 1 && rows <= MOST_ROWS) return rows;
  throw new CellError(`--limit takes a whole number from 1 to ${MOST_ROWS.toLocaleString('en')}.`);
}

function shown({ out: _, timeout: __, rows: ___, ...others }: Cell['options']): Cell['options'] {
  return others;
}
