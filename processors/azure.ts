import { completeAzure } from './azure/completion.js';
import { KQL } from './azure/kql.js';
import { azureMetrics, metricIn } from './azure/metrics.js';
import { askGraph, askLogs, testAzure } from './azure/queries.js';
import { type AzureConnection, settings } from './azure/settings.js';
import { brokered } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import { placeValues, textOf } from './core/placed-values.js';
import { CellError } from './core/processor.js';
import { variablesIn } from './core/references.js';
import { AT, RANGE, timeRangeOf } from './core/time-range.js';
import { cut } from './http/template.js';

const PLACE = 'a question to Azure, which logs it';

export const azure = brokered<AzureConnection>({
  name: 'azure',
  summary: 'asks Azure: logs in KQL, resources (Resource Graph), and metrics',
  example: '%%azure prod --range 6h\nAppRequests\n| summarize count() by bin(TimeGenerated, 5m), Success',
  options: { range: RANGE, at: AT, timeout: TIMEOUT, out: OUT, raw: RAW },
  connection: { settings, test: testAzure },
  complete: completeAzure,

  compile({ body, options }) {
    const text = body.trim();
    const [first = ''] = text.split('\n', 1);
    // A query may begin with a table of any name: a verb has its line for itself.
    const [, verb = 'logs', resource = ''] = /^(logs|graph|metrics)(?:\s+(\S.*))?$/.exec(first.trim()) ?? [];
    const isVerb = /^(?:logs|graph)$/.test(first.trim()) || /^metrics\s+(?:\/|\{\{)/.test(first.trim());
    const lines = isVerb ? text.slice(first.length).trim() : text;
    const kind = isVerb ? verb : 'logs';
    if (lines === '')
      throw new CellError(
        kind === 'metrics'
          ? 'metrics needs a line for each metric, e.g. Percentage CPU: Maximum'
          : 'A %%azure cell needs a query, e.g. AppRequests | take 10',
      );
    const isRaw = options.raw === true;
    const hasRange = options.range !== undefined || options.at !== undefined;
    if (hasRange && kind === 'graph')
      throw new CellError('graph shows what there is now: it takes no --range or --at.');
    const range = () => timeRangeOf(options, '1h');
    range();
    return {
      args: { ask: text, ...(options.range !== undefined && { range: options.range }) },
      variables: variablesIn(text, options, PLACE),
      perform(job) {
        const rendered = (template: string, place: (text: string) => string) =>
          isRaw ? template : place(template);
        const kql = (query: string) => rendered(query, (each) => placeValues(each, job.values, KQL));
        if (kind === 'logs') return askLogs(job, kql(lines), hasRange ? range() : undefined);
        if (kind === 'graph') return askGraph(job, kql(lines));
        const plain = (template: string) =>
          rendered(template, (each) =>
            cut(each)
              .map((piece) => {
                if (typeof piece === 'string') return piece;
                const value = job.values.get(piece.reference);
                if (value === undefined) throw new CellError(`{{${piece.reference}}} has no value.`);
                return textOf(value, piece.reference);
              })
              .join(''),
          );
        const metrics = lines
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map((line) => metricIn(plain(line)));
        return azureMetrics(job, plain(resource.trim()), metrics, range());
      },
    };
  },
});
