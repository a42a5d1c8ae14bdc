import { z } from 'zod';
import { brokered } from './core/brokered.js';
import { OUT, RAW, TIMEOUT } from './core/options.js';
import { CellError } from './core/processor.js';
import { referenceAt, variablesIn } from './core/references.js';
import { credential, httpUrl, text, tlsFields } from './core/settings.js';
import { AT, RANGE, timeRangeOf } from './core/time-range.js';
import { renderText } from './http/template.js';
import { renderPromql } from './prometheus/promql.js';
import { completeTraceql } from './tempo/completion.js';
import { fetchTrace, search } from './tempo/queries.js';
import { type TempoSettings, testTempo } from './tempo/requests.js';

const settings = z.strictObject({
  url: httpUrl(),
  token: credential().optional(),
  username: text().optional(),
  password: credential().optional(),
  org_id: text().optional(),
  ...tlsFields,
});

const PLACE = 'a query: the service logs its queries';
const USUAL_RANGE = '1h';
/** Tempo's own default is 20 traces and 3 spans of each. */
const USUAL_LIMIT = 100;
const MOST_TRACES = 100_000;
/** 64 or 128 bits; leading zeros may be left out. */
const TRACE_ID = /^[\da-f]{8,32}$/i;

export const tempo = brokered<TempoSettings>({
  name: 'tempo',
  summary: 'searches traces of Tempo with TraceQL, and shows a trace by its ID',
  example:
    '%%tempo prod --range 6h\n{ resource.service.name = "checkout" && status = error && duration > 500ms }',
  options: {
    range: { ...RANGE, help: `traces of the last 15m, 6h, 7d …; default ${USUAL_RANGE}` },
    at: AT,
    limit: { type: 'number', help: `at most so many traces; default ${USUAL_LIMIT}` },
    spans: {
      type: 'flag',
      help: 'a row for each span that matches, with its attributes, not for each trace',
    },
    timeout: TIMEOUT,
    out: OUT,
    raw: RAW,
  },
  connection: { settings, test: testTempo },

  complete: completeTraceql,

  compile({ options, body }) {
    const query = body.trim();
    if (query === '')
      throw new CellError('A %%tempo cell needs a query or the ID of a trace, e.g. { status = error }.');
    const { range, at, limit, spans, raw } = options;
    if (
      limit !== undefined &&
      !(Number.isInteger(limit) && Number(limit) >= 1 && Number(limit) <= MOST_TRACES)
    )
      throw new CellError(`--limit takes a whole number from 1 to ${MOST_TRACES.toLocaleString('en')}.`);
    const isOnlyReference = raw !== true && query === `{{${referenceAt(query, 0)}}}`;
    if (TRACE_ID.test(query) && (range ?? at ?? limit ?? spans) !== undefined)
      throw new CellError('A trace is found by its ID alone. Leave out the options of a search.');
    const times = () => timeRangeOf(options, USUAL_RANGE);
    times();
    const { timeout: _, out: __, rows: ___, raw: ____, ...shown } = options;
    return {
      args: { query, ...shown },
      variables: variablesIn(query, options, PLACE),
      async *perform(job) {
        const rendered = isOnlyReference
          ? renderText(query, job.values).trim()
          : raw === true
            ? query
            : renderPromql(query, job.values);
        if (TRACE_ID.test(rendered)) return yield* fetchTrace(job, rendered.toLowerCase());
        if (isOnlyReference)
          throw new CellError(`${query} is not the ID of a trace: it has up to 32 hexadecimal digits.`);
        yield* search(job, {
          traceql: rendered,
          ...times(),
          limit: limit === undefined ? USUAL_LIMIT : Number(limit),
          bySpans: spans === true,
        });
      },
    };
  },
});
