import { placeValues, textOf } from '../core/placed-values.js';
import { CellError } from '../core/processor.js';
import { referenceAt } from '../core/references.js';
import type { Value } from '../core/value.js';
import { METRIC_EXPRESSION } from './languages.js';

/** One of the queries of GetMetricData. */
export type MetricQuery = Readonly<Record<string, unknown>>;

/** AWS takes so many in one request. */
const MOST_QUERIES = 500;
const USUAL_STATISTIC = 'Average';
/** Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html */
const STATISTIC =
  /^(?:Average|Sum|Minimum|Maximum|SampleCount|IQM|(?:p|tm|wm|tc|ts)\d{1,2}(?:\.\d{1,10})?|p100|(?:TM|WM|TC|TS|PR)\([\d.:%]+\))$/;

/**
 * The lines of a cell as queries: an expression (`SELECT …`, `SEARCH(…)`, metric math over the queries before it, which
 * are called m1, m2 …), or the words of one metric: `AWS/EC2 CPUUtilization Maximum InstanceId=i-1`. A dimension's
 * value `*` stands for all of its values. A line that begins with a space goes on with the one before.
 *
 * @param period seconds
 * @throws {CellError} naming the line
 */
export function metricQueries(
  body: string,
  values: ReadonlyMap<string, Value>,
  { period, raw }: { readonly period: number; readonly raw: boolean },
): MetricQuery[] {
  const lines = body
    .replace(/\n[ \t]+(?=\S)/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0)
    throw new CellError(
      'metrics needs a line for each metric, e.g. AWS/EC2 CPUUtilization Average InstanceId=*',
    );
  if (lines.length > MOST_QUERIES) throw new CellError(`At most ${MOST_QUERIES} metrics in one cell.`);
  return lines.map((line, at) => {
    const Id = `m${at + 1}`;
    const rendered = (text: string) => (raw ? text : placeValues(text, values, METRIC_EXPRESSION));
    if (isExpression(line)) return { Id, Expression: rendered(line), Period: period };
    return { Id, ...metricOf(line, (word) => (raw ? word : wordWith(word, values)), period) };
  });
}

/** A metric's line has two names at its beginning; a name with a space is in double quotes. */
const WORD = /(?:[^\s"]|"[^"]*")+/g;

function isExpression(line: string): boolean {
  const [first = '', second = ''] = line.match(WORD) ?? [];
  return /^SELECT$/i.test(first) || first.includes('(') || !/^["{A-Za-z_]/.test(second);
}

function metricOf(line: string, rendered: (word: string) => string, period: number): MetricQuery {
  // Each word by itself: a value can't bring another one.
  const [namespace = '', metric = '', ...others] =
    line.match(WORD)?.map((word) => word.replace(/"([^"{}]*)"/g, '$1')) ?? [];
  let statistic = USUAL_STATISTIC;
  const dimensions: { Name: string; Value: string }[] = [];
  const all: string[] = [];
  for (const word of others) {
    const at = word.indexOf('=');
    const value = word.slice(at + 1);
    if (at > 0 && value === '*') all.push(rendered(word.slice(0, at)));
    else if (at > 0) dimensions.push({ Name: rendered(word.slice(0, at)), Value: rendered(value) });
    else if (STATISTIC.test(word)) statistic = word;
    else
      throw new CellError(
        `“${word}” is neither a statistic (Average, Sum, Maximum, p99 …) nor a dimension such as InstanceId=i-1.`,
      );
  }
  const [Namespace, MetricName] = [rendered(namespace), rendered(metric)];
  if (all.length === 0) {
    const Metric = { Namespace, MetricName, Dimensions: dimensions };
    return { MetricStat: { Metric, Period: period, Stat: statistic } };
  }
  const schema = [Namespace, ...dimensions.map(({ Name }) => Name), ...all].map(searchWord).join(',');
  const terms = [{ Name: 'MetricName', Value: MetricName }, ...dimensions].map(
    (each) => `${searchWord(each.Name)}="${searchWord(each.Value)}"`,
  );
  return {
    Expression: `SEARCH('{${schema}} ${terms.join(' ')}', '${statistic}', ${period})`,
    Period: period,
  };
}

/** A word of a search's text, which has no escapes. */
function searchWord(word: string): string {
  if (/^[^\\"'{},\x00-\x1f\x7f]+$/.test(word)) return word;
  throw new CellError(`“${word}” contains a quote, a comma or a brace, which a search with * can't have.`);
}

function wordWith(word: string, values: ReadonlyMap<string, Value>): string {
  let result = '';
  for (let at = 0; at < word.length; ) {
    const reference = word.startsWith('{{', at) ? referenceAt(word, at) : undefined;
    if (reference === undefined) {
      result += word[at];
      at += 1;
      continue;
    }
    const value = values.get(reference);
    if (value === undefined) throw new CellError(`{{${reference}}} has no value.`);
    result += textOf(value, reference);
    at += reference.length + 4;
  }
  return result;
}
