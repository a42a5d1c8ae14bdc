import t from 'tap';
import { insightsLink } from '../../processors/aws/console.js';
import { shapeOf } from '../../processors/aws/insights-query.js';
import { FILTER_PATTERN, INSIGHTS_QUERY, METRIC_EXPRESSION } from '../../processors/aws/languages.js';
import { metricQueries } from '../../processors/aws/metric-queries.js';
import { periodFor } from '../../processors/aws/metrics.js';
import { requestOf } from '../../processors/aws/request.js';
import { actionOf, actions, commandOf } from '../../processors/aws/services.js';
import { placeValues } from '../../processors/core/placed-values.js';
import type { Value } from '../../processors/core/value.js';
import { createProcessors } from '../../processors/index.js';
import { refuse, startAws } from '../support/aws.js';
import { oneConnection, performCell, resources } from '../support/brokered.js';
import { AWS_KEY } from '../support/clouds.js';
import { until } from '../support/until.js';

t.teardown(() => resources.close());

const text = (value: string): Value => ({ type: 'text', value });
const HOSTILE = `a"b'c\\e/f\ng|h%i#j`;

interface Row {
  readonly kind: string;
  readonly columns?: readonly { readonly name: string; readonly type: string }[];
  readonly rows?: readonly (readonly unknown[])[];
  readonly note?: string;
}
const rowsOf = (answers: readonly object[]) =>
  (answers as unknown as readonly Row[])
    .filter(({ kind }) => kind === 'rows')
    .reduce((sum, { rows }) => sum + (rows?.[0]?.length ?? 0), 0);
const endOf = (answers: readonly object[]) => (answers as unknown as readonly Row[]).at(-1);

/** A row of Logs Insights. */
const row = (at: number, message = 'm') => [
  { field: '@timestamp', value: new Date(at).toISOString().replace('T', ' ').replace('Z', '') },
  { field: '@message', value: message },
  { field: 'status', value: '200' },
  { field: 'user', value: '0042' },
  { field: '@ptr', value: `ptr-${at}-${message}` },
];

t.test('Logs Insights: a query is waited for, told of, and becomes a table', async (t) => {
  let looks = 0;
  const { settings, acted } = await startAws(t, {
    StartQuery: (asked) => {
      t.match(asked, { logGroupNames: ['/shop/payment'], limit: 10_000, queryString: 'fields @message' });
      t.equal(Number(asked.endTime) - Number(asked.startTime), 21_600);
      return { queryId: 'q-1' };
    },
    GetQueryResults: ({ queryId }) => {
      t.equal(queryId, 'q-1');
      looks += 1;
      // Results of a query that runs mean nothing.
      if (looks < 3)
        return {
          status: looks === 1 ? 'Scheduled' : 'Running',
          results: [],
          statistics: { recordsScanned: 5, bytesScanned: 1234, recordsMatched: 1 },
        };
      return {
        status: 'Complete',
        results: [row(1_700_000_000_123)],
        statistics: { bytesScanned: 2_500_000 },
      };
    },
  });
  const { answers, error } = await performCell(
    '%%aws --range 6h --at 2026-01-31T12:00:00Z\nlogs /shop/payment\nfields @message',
    oneConnection('aws', settings),
  );
  t.equal(error, '');
  t.same(acted, ['StartQuery', 'GetQueryResults', 'GetQueryResults', 'GetQueryResults']);
  const shown = answers.filter(({ kind }) => kind !== 'progress');
  t.match(shown, [
    {
      kind: 'columns',
      columns: [
        { name: '@timestamp', type: 'time' },
        { name: 'status', type: 'number' },
        { name: 'user', type: 'text' },
        { name: '@message', type: 'text' },
      ],
    },
    { kind: 'rows', rows: [['1700000000123000'], [200], ['0042'], ['m']] },
    { kind: 'end', note: 'Scanned 2.5 MB.' },
  ]);
});

t.test('Logs Insights: values over time become a chart', async (t) => {
  const bins = Array.from({ length: 10 }, (_, at) => [
    {
      field: 'bin(5m)',
      value: new Date(1_700_000_000_000 + at * 300_000).toISOString().replace('T', ' ').replace('Z', ''),
    },
    { field: 'count(*)', value: String(at * 10) },
    { field: 'level', value: at % 2 === 0 ? 'ERROR' : 'INFO' },
  ]);
  const { settings } = await startAws(t, {
    StartQuery: () => ({ queryId: 'q' }),
    GetQueryResults: () => ({ status: 'Complete', results: bins, statistics: {} }),
  });
  const { text } = await performCell(
    '%%aws\nlogs g\nstats count(*) by bin(5m), level',
    oneConnection('aws', settings),
  );
  t.match(text, /vegalite.*"series":"(?:level: )?ERROR/);
});

t.test(
  'C5: Logs Insights: an interrupt stops the query at AWS, also one that is just being started',
  async (t) => {
    for (const when of ['StartQuery', 'GetQueryResults']) {
      let go = () => {};
      const { settings, acted, server } = await startAws(t, {
        StartQuery: (_, response) => {
          go = () => response.end(JSON.stringify({ queryId: 'q-1' }));
          if (when === 'StartQuery') return undefined;
          return { queryId: 'q-1' };
        },
        GetQueryResults: () => ({ status: 'Running', results: [], statistics: {} }),
        StopQuery: ({ queryId }) => {
          t.equal(queryId, 'q-1');
          return { success: true };
        },
      });
      const processors = createProcessors({
        connections: oneConnection('aws', settings),
        resources,
        resolve: () => {
          throw new Error('no');
        },
      });
      const { broker } = await processors.rewrite('%%aws\nlogs g\nfields @message', {});
      const interrupt = new AbortController();
      const limits = { hide() {}, endsAt: Date.now() + 60_000 };
      const pages = broker?.work.perform(new Map(), interrupt.signal, limits);
      const done = (async () => {
        for await (const _ of pages ?? []);
      })();
      done.catch(() => {});
      await until(() => acted.includes(when));
      interrupt.abort(new Error('interrupted'));
      go();
      await t.rejects(done);
      t.equal(acted.at(-1), 'StopQuery', when);
      await server.close();
    }
  },
);

t.test(
  'Logs Insights: a full result is asked for again over parts of its time, and each event comes once',
  async (t) => {
    // 27,000 events in an hour, most of them in its last quarter.
    const end = Date.parse('2026-01-31T12:00:00Z');
    const times = Array.from(
      { length: 27_000 },
      (_, at) => end - (at < 24_000 ? at * 30 : 720_000 + (at - 24_000) * 900),
    );
    const spans: [number, number][] = [];
    const { settings, acted } = await startAws(t, {
      StartQuery: ({ startTime, endTime }) => {
        spans.push([Number(startTime) * 1000, Number(endTime) * 1000]);
        return { queryId: String(spans.length - 1) };
      },
      GetQueryResults: ({ queryId }) => {
        const [from, until] = spans[Number(queryId)] ?? [0, 0];
        const within = times.filter((time) => time >= from && time <= until);
        return {
          status: 'Complete',
          results: within
            .slice(0, 10_000)
            .map((time) => [row(time)[0], { field: '@ptr', value: String(time) }]),
          statistics: { recordsMatched: within.length, bytesScanned: 1000 },
        };
      },
    });
    const connections = oneConnection('aws', settings);
    const all = await performCell(
      '%%aws --range 1h --at 2026-01-31T12:00:00Z\nlogs g\nfields @timestamp, @message',
      connections,
    );
    t.equal(all.error, '');
    t.equal(rowsOf(all.answers), 27_000);
    t.match(
      endOf(all.answers)?.note,
      /^\d+ queries, as one gives at most 10,000 rows\. Scanned [\d.]+ kB\.$/,
    );
    const first = (all.answers as unknown as readonly Row[]).find(({ kind }) => kind === 'rows')?.rows?.[0];
    t.equal(first?.[0], `${end}000`, 'newest first');
    const limited = await performCell(
      '%%aws --range 1h --limit 12000 --at 2026-01-31T12:00:00Z\nlogs g\nfields @message',
      connections,
    );
    t.equal(rowsOf(limited.answers), 12_000);
    t.match(endOf(limited.answers)?.note, /There may be more rows: allow them with --limit/);
    acted.length = 0;
    const small = await performCell(
      '%%aws --range 1h --limit 10 --at 2026-01-31T12:00:00Z\nlogs g\nfields @message',
      connections,
    );
    t.equal(rowsOf(small.answers), 10);
    t.same(acted, ['StartQuery', 'GetQueryResults']);
    acted.length = 0;
    const partial = await performCell(
      '%%aws --range 1h --at 2026-01-31T12:00:00Z\nlogs g\nstats count(*) by user',
      connections,
    );
    t.match(endOf(partial.answers)?.note, /^Partial: AWS gives at most 10,000 rows of such a query/);
    const own = await performCell(
      '%%aws --range 1h --at 2026-01-31T12:00:00Z\nlogs g\nfields @message | limit 10000',
      connections,
    );
    t.match(endOf(own.answers)?.note, /^Scanned/, 'the query says itself how many it wants');
    t.same(acted, ['StartQuery', 'GetQueryResults', 'StartQuery', 'GetQueryResults']);
  },
);

t.test('Logs Insights: a query that fails, and an answer that is none', async (t) => {
  for (const [results, sentence] of [
    [{ status: 'Failed', results: [] }, /^AWS could not run the query \(Failed\)/],
    [{ status: 'Timeout', results: [] }, /60 minutes/],
    [{ status: 'Odd', results: [] }, /ended as Odd/],
    [{ results: 'no' }, /is not from AWS: is the connection's url right\?$/],
    [null, /is not from AWS/],
  ] as const) {
    const { settings } = await startAws(t, {
      StartQuery: () => ({ queryId: 'q' }),
      GetQueryResults: (_, response) => void response.end(JSON.stringify(results)),
      StopQuery: () => ({}),
    });
    const { error } = await performCell('%%aws\nlogs g\nfields @message', oneConnection('aws', settings));
    t.match(error, sentence);
  }
});

t.test('logs tail: page by page, also over empty ones', async (t) => {
  const { settings } = await startAws(t, {
    FilterLogEvents: ({ nextToken, filterPattern, limit, logGroupName }) => {
      t.equal(logGroupName, '/shop/it');
      t.equal(filterPattern, '"a \\"b\\"" -debug');
      const page = Number(nextToken ?? 0);
      const events =
        page === 1
          ? []
          : Array.from({ length: Math.min(3, Number(limit)) }, (_, at) => ({
              timestamp: 1_700_000_000_000 + page * 10 + at,
              logStreamName: 's',
              message: `<${page}>\n`,
            }));
      return { events, ...(page < 3 && { nextToken: String(page + 1) }) };
    },
  });
  const connections = oneConnection('aws', settings);
  const cell = (options: string) => `%%aws ${options}\nlogs tail {{group}}\n"{{word}}" -debug`;
  const values = { group: text('/shop/it'), word: text('a "b"') };
  const all = await performCell(cell(''), connections, values);
  t.equal(all.error, '');
  t.equal(rowsOf(all.answers), 9);
  t.equal(endOf(all.answers)?.note, '');
  const some = await performCell(cell('--limit 5'), connections, values);
  t.equal(rowsOf(some.answers), 5);
  t.match(endOf(some.answers)?.note, /^Only the first 5 events of this time: allow more with --limit/);
});

t.test('metrics: pages and partial data are joined and told', async (t) => {
  const { settings } = await startAws(t, {
    GetMetricData: ({ NextToken, MetricDataQueries }) => {
      t.same(MetricDataQueries, [
        {
          Id: 'm1',
          MetricStat: {
            Metric: {
              Namespace: 'Shop',
              MetricName: 'Latency',
              Dimensions: [{ Name: 'Service', Value: 'a "b"' }],
            },
            Period: 60,
            Stat: 'p99',
          },
        },
        { Id: 'm2', Expression: 'm1*2', Period: 60 },
      ]);
      const second = NextToken !== undefined;
      const part = (Id: string, Label: string, more: object) => ({
        Id,
        Label,
        Timestamps: [1_700_000_000 + (second ? 60 : 0)],
        Values: [second ? 2.5 : 1],
        ...more,
      });
      return {
        MetricDataResults: [
          part('m1', 'l', { StatusCode: second ? 'Complete' : 'PartialData' }),
          part('m2', 'x', { StatusCode: 'PartialData' }),
        ],
        Messages: second ? [{ Code: 'MaxMetricsExceeded', Value: 'too many' }] : [],
        ...(!second && { NextToken: 'more' }),
      };
    },
  });
  const {
    answers,
    error,
    text: all,
  } = await performCell(
    '%%aws --range 1h\nmetrics\nShop Latency p99 Service={{s}}\nm1*2',
    oneConnection('aws', settings),
    { s: text('a "b"') },
  );
  t.equal(error, '');
  t.same(
    (answers as unknown as readonly Row[]).filter(({ kind }) => kind === 'rows').map(({ rows }) => rows),
    [
      [
        [1_700_000_000_000_000, 1_700_000_060_000_000],
        ['l', 'l'],
        [1, 2.5],
      ],
      [
        [1_700_000_000_000_000, 1_700_000_060_000_000],
        ['x', 'x'],
        [1, 2.5],
      ],
    ],
  );
  t.equal(endOf(answers)?.note, 'AWS remarks: too many. x is partial.');
  t.match(all, 'vegalite');
});

t.test('what AWS refuses is told with what to do, without what it quotes', async (t) => {
  let [type, message, status] = ['', '', 400];
  const { settings, acted } = await startAws(t, {
    FilterLogEvents: (_, response) => refuse(response, type, message, status) as undefined,
  });
  const connections = oneConnection('aws', settings);
  const ask = async (cell = '%%aws\nlogs tail g') => (await performCell(cell, connections)).error;
  const cases: readonly (readonly [string, string, number, RegExp])[] = [
    [
      'AccessDeniedException',
      'User: arn:aws:iam::1:user/u is not authorized to perform: logs:FilterLogEvents on resource: x',
      400,
      /the right logs:FilterLogEvents is missing\. Add it to the policy/,
    ],
    [
      'UnrecognizedClientException',
      AWS_KEY.secret,
      400,
      /does not accept the connection's credential\. Check access_key_id/,
    ],
    [
      'InvalidSignatureException',
      'Signature expired: 20260101 is now earlier than …',
      403,
      /the clock of the gateway's machine is wrong/,
    ],
    ['ExpiredTokenException', AWS_KEY.secret, 400, /session_token has expired/],
    [
      'ResourceNotFoundException',
      `no group ${AWS_KEY.secret}`,
      400,
      /^AWS refused logs FilterLogEvents \(ResourceNotFoundException\): no group/,
    ],
  ];
  for (const [code, said, http, sentence] of cases) {
    [type, message, status] = [code, said, http];
    const error = await ask();
    t.match(error, sentence);
    t.notMatch(error, AWS_KEY.secret);
  }
  [type, message, status] = ['ThrottlingException', 'Rate exceeded', 400];
  acted.length = 0;
  t.match(await ask('%%aws --timeout 30\nlogs tail g'), /too many requests\. Run the cell again in a moment/);
  t.equal(acted.length, 4, 'it was asked again');
});

t.test('a cell that asks for nothing is told what there is', async (t) => {
  const connections = oneConnection('aws', (await startAws(t, {})).settings);
  const wrong: Readonly<Record<string, RegExp>> = {
    '%%aws\n': /begins with one of: metrics, logs, alarms, cloudwatch/,
    '%%aws\nlog x': /“log” is nothing that %%aws can ask\. Did you mean logs\?/,
    '%%aws\nlogs': /needs the name of a log group/,
    '%%aws\nlogs g': /Write the query on the lines below/,
    '%%aws\nlogs tail': /needs one log group/,
    '%%aws\nmetrics': /needs a line for each metric/,
    '%%aws --period 7s\nmetrics A B': /--period takes/,
    '%%aws --limit 0\nlogs tail g': /--limit takes a whole number/,
    '%%aws --range x\nlogs tail g': /--range takes a duration/,
    '%%aws --state BAD\nalarms': /--state takes ALARM/,
    '%%aws\nec2': /ec2 needs an action: describe-addresses/,
    '%%aws\nec2 describe-instance': /Did you mean describe-instances\?/,
    '%%aws\nec2 describe-instances --all': /as JSON on the next line/,
    '%%aws\nsecretsmanager get-secret-value': /is nothing that %%aws can ask/,
    '%%aws\nlogs tail {{runtime_env:X}}': /can't be used in a question to AWS/,
    '%%aws\necs list-tasks\n[1]': /have to be one JSON object/,
    '%%aws\neks describe-cluster\n{"name": ".."}': /needs the parameter name/,
    '%%aws\necs update-service\n{"service": "a"}': /read-only\. Set read_only: false/,
  };
  for (const [cell, sentence] of Object.entries(wrong))
    t.match((await performCell(cell, connections)).error, sentence, cell);
});

t.test('S11: a value never ends the text that it is in', (t) => {
  const values = new Map<string, Value>([
    ['v', text(HOSTILE)],
    ['n', { type: 'number', value: '42' }],
    ['l', { type: 'list', value: [text('a"'), { type: 'number', value: '1' }] }],
    ['w', text('plain words')],
    ['none', { type: 'null', value: null }],
  ]);
  const insights = (query: string) => placeValues(query, values, INSIGHTS_QUERY);
  t.equal(insights('filter a = "{{v}}"'), String.raw`filter a = "a\"b'c\\e/f\ng|h%i#j"`);
  t.equal(insights("filter a = '{{v}}'"), String.raw`filter a = 'a"b\'c\\e/f\ng|h%i#j'`);
  t.equal(
    insights('filter a = {{w}} and b > {{n}} and c in {{l}}'),
    String.raw`filter a = "plain words" and b > 42 and c in ["a\"", 1]`,
  );
  t.equal(
    insights('filter @message like /x{{w}}"/ | filter b = "{{n}}"'),
    'filter @message like /xplain words"/ | filter b = "42"',
  );
  t.equal(
    insights('fields a / {{n}} | filter b = "\\{{w}}" # {{w}}'),
    'fields a / 42 | filter b = "{{w}}" # {{w}}',
  );
  t.throws(() => insights('filter @message like /{{v}}/'), { message: /line break/ });
  t.throws(() => insights('fields `{{v}}`'), { message: /contains a quote, a backslash or a line break/ });
  t.throws(() => insights('filter a = {{none}}'), { message: /is None/ });
  t.throws(() => insights('filter a = {{nope}}'), { message: /has no value/ });

  const pattern = (query: string) => placeValues(query, values, FILTER_PATTERN);
  t.equal(pattern('{ $.a = "{{w}}" && $.b = {{n}} }'), '{ $.a = "plain words" && $.b = 42 }');
  t.equal(pattern('{{w}} -x'), '"plain words" -x');
  t.throws(() => pattern('%{{v}}%'), { name: 'CellError' });

  const expression = (query: string) => placeValues(query, values, METRIC_EXPRESSION);
  t.equal(
    expression(`SEARCH('{A,B} C="{{w}}"', 'Sum', {{n}})`),
    `SEARCH('{A,B} C="plain words"', 'Sum', 42)`,
  );
  t.throws(() => expression(`SELECT AVG(a) FROM b WHERE c = '{{v}}'`), { message: /can't be written here/ });
  t.throws(() => expression('m1*{{w}}'), { message: /outside quotes/ });

  const queries = (line: string) => metricQueries(line, values, { period: 60, raw: false });
  t.same(queries('A/B C D={{v}}'), [
    {
      Id: 'm1',
      MetricStat: {
        Metric: { Namespace: 'A/B', MetricName: 'C', Dimensions: [{ Name: 'D', Value: HOSTILE }] },
        Period: 60,
        Stat: 'Average',
      },
    },
  ]);
  t.throws(() => queries('A/B C D=* E={{v}}'), { message: /which a search with \* can't have/ });
  t.same(queries('A/B "C c" Sum D=* E={{w}}'), [
    { Id: 'm1', Expression: `SEARCH('{A/B,E,D} MetricName="C c" E="plain words"', 'Sum', 60)`, Period: 60 },
  ]);
  t.same(
    queries('SELECT AVG(a)\n  FROM b\nm1 / 2').map(({ Expression }) => Expression),
    ['SELECT AVG(a) FROM b', 'm1 / 2'],
  );
  t.throws(() => queries('A B nonsense'), { message: /neither a statistic/ });
  t.end();
});

t.test('a link opens the same query in the console, and shows as what it is', (t) => {
  const asked = {
    query: 'filter a = "<b>\'~"',
    groups: ['/aws/lambda/a', 'b'],
    range: { start: Date.parse('2026-01-31T11:00:00Z'), end: Date.parse('2026-01-31T12:00:00Z') },
  };
  const [link] = insightsLink({ region: 'eu-west-1', read_only: true }, asked);
  t.match(
    link?.['text/plain'],
    'https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:logs-insights' +
      '$3FqueryDetail$3D$257E$2528end$257E$25272026-01-31T12*3A00*3A00.000Z$257Estart$257E$2527',
  );
  t.match(link?.['text/plain'], 'source$257E$2528$257E$2527*2Faws*2Flambda*2Fa$257E$2527b$2529$2529');
  t.notMatch(link?.['text/html'], /<b>|"~/);
  t.same(insightsLink({ region: 'eu-west-1', read_only: true, url: 'http://127.0.0.1' }, asked), []);
  t.end();
});

t.test('which queries can be split', (t) => {
  const shapes: Readonly<Record<string, object>> = {
    'fields @timestamp | sort @timestamp desc': { hasLimit: false, order: 'newest first' },
    'filter @message like /a|limit|b/ # | stats\n| sort @timestamp asc': {
      hasLimit: false,
      order: 'oldest first',
    },
    'filter a = "x | stats" | parse @message /"(?<x>.*)|stats/ | limit 20': { hasLimit: true },
    'stats count(*) by a': { hasLimit: false, order: undefined },
    'fields a | sort a': { hasLimit: false, order: undefined },
    'fields a | dedup a': { hasLimit: false, order: undefined },
    'fields a / b | filter c like "\\"|stats"': { hasLimit: false, order: 'newest first' },
  };
  for (const [query, shape] of Object.entries(shapes)) t.match(shapeOf(query), shape, query);
  t.end();
});

t.test('periods, commands and parameters are as AWS has them', (t) => {
  const now = Date.parse('2026-01-31T12:00:00Z');
  const ago = (hours: number) => ({ start: now - hours * 3_600_000, end: now });
  t.equal(periodFor(ago(1), undefined, now), 60);
  t.equal(periodFor(ago(24), undefined, now), 300);
  t.equal(periodFor(ago(24 * 100), undefined, now), 43_200);
  t.equal(
    periodFor({ start: now - 70 * 86_400_000, end: now - 70 * 86_400_000 + 60_000 }, undefined, now),
    3_600,
  );
  t.equal(commandOf('DescribeDBInstances'), 'describe-db-instances');
  t.equal(commandOf('DescribeDBClusterSnapshots'), 'describe-db-cluster-snapshots');
  t.equal(commandOf('ListTasks'), 'list-tasks');
  for (const [service, known] of actions)
    for (const { name, writes } of known.values())
      t.equal(!writes, /^(?:Describe|List|Get)/.test(name), `${service} ${name}`);
  const form = (service: string, name: string, parameters: object) =>
    Object.fromEntries(
      new URLSearchParams(String(requestOf('http://a', actionOf(service, name), { ...parameters }).body)),
    );
  t.same(form('ec2', 'DescribeInstances', { Filters: [{ Name: 'n', Values: ['a', 'b'] }], MaxResults: 5 }), {
    Action: 'DescribeInstances',
    Version: '2016-11-15',
    'Filter.1.Name': 'n',
    'Filter.1.Value.1': 'a',
    'Filter.1.Value.2': 'b',
    MaxResults: '5',
  });
  t.same(form('rds', 'DescribeDBInstances', { Filters: [{ Name: 'n', Values: ['a'] }] }), {
    Action: 'DescribeDBInstances',
    Version: '2014-10-31',
    'Filters.Filter.1.Name': 'n',
    'Filters.Filter.1.Values.Value.1': 'a',
  });
  const { url } = requestOf('http://a/base/', actionOf('eks', 'DescribeAddon'), {
    name: 'a/b',
    addonName: 'c',
    x: [1, 2],
  });
  t.equal(url.href, 'http://a/base/clusters/a%2Fb/addons/c?x=1&x=2');
  t.end();
});
