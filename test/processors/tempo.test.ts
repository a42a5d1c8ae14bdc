import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { CompletionJob } from '../../processors/core/suggestion.js';
import type { Value } from '../../processors/core/value.js';
import { completeTraceql } from '../../processors/tempo/completion.js';
import type { TempoSettings } from '../../processors/tempo/requests.js';
import { type Answered, oneConnection, performCell, resources } from '../support/brokered.js';
import { give, startRestServer } from './rest-server.js';

/** No Tempo is at hand: it is a script, after https://grafana.com/docs/tempo/latest/api_docs/ */

const ID = '2f3e0cee77ae5dc9c17ade3689eb2e54';
const at = (url: string, more: object = {}) => oneConnection('tempo', { url, ...more });
const json = (body: unknown, status = 200) => give('application/json', JSON.stringify(body), status);
const noteOf = ({ answers }: Answered) => String(answers.at(-1)?.note ?? '');

function columnOf({ answers }: Answered, name: string): unknown[] {
  const { columns } = Object(answers.find(({ kind }) => kind === 'columns'));
  const place = (columns as { name: string }[]).findIndex((column) => column.name === name);
  return answers.flatMap(({ kind, rows }) => (kind === 'rows' ? ((rows as unknown[][])[place] ?? []) : []));
}

const FOUND = {
  traces: [
    {
      traceID: ID,
      rootServiceName: 'shop',
      rootTraceName: 'update-billing',
      startTimeUnixNano: '1684778327699392724',
      durationMs: 557,
      spanSets: [
        {
          spans: [
            {
              spanID: '563d623c76514f8e',
              name: 'charge',
              startTimeUnixNano: '1684778327735077898',
              durationNanos: '446979497',
              attributes: [
                { key: 'status', value: { stringValue: 'error' } },
                { key: 'name', value: { intValue: '7' } },
              ],
            },
          ],
          matched: 5,
        },
      ],
    },
    { traceID: 'b46', rootServiceName: 'mail', startTimeUnixNano: '1684778328000000000' },
  ],
  metrics: { totalBlocks: 13, completedJobs: 3, totalJobs: 4 },
};

t.test('a search becomes a table of traces, or of their spans', async (t) => {
  const server = await startRestServer(t, { '/api/search': json(FOUND) });
  const traces = await performCell(
    '%%tempo --range 2h\n{ status = error }',
    at(server.origin, { org_id: 'team-a' }),
  );
  t.equal(traces.error, '');
  t.same(columnOf(traces, 'traceID'), ['b46', ID], 'the newest first');
  t.same(columnOf(traces, 'duration_ms'), [0, 557]);
  t.same(columnOf(traces, 'matched'), [0, 5]);
  t.same(columnOf(traces, 'start'), [1_684_778_328_000_000, 1_684_778_327_699_392]);
  t.match(noteOf(traces), /Partial, because Tempo searched only 3 of 4 parts/);
  const asked = new URL(server.last.url, server.origin).searchParams;
  t.equal(Number(asked.get('end')) - Number(asked.get('start')) >= 7_200, true);
  t.match([asked.get('q'), asked.get('limit'), asked.get('spss')], ['{ status = error }', '100', '3']);
  t.equal(server.last.headers['x-scope-orgid'], 'team-a');

  const spans = await performCell('%%tempo --spans --limit 2\n{ status = error }', at(server.origin));
  t.same(columnOf(spans, 'spanID'), ['563d623c76514f8e']);
  t.same(columnOf(spans, 'duration_ms'), [446.979497]);
  t.same(columnOf(spans, 'status'), ['error']);
  t.same(columnOf(spans, 'name_'), [7]);
  t.match(noteOf(spans), /those 2 traces that it finds first, and there may be more.*more spans match/);
});

const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
const span = (id: string, parent: string, start: number, end: number, more: object = {}) => ({
  spanId: base64(id),
  parentSpanId: base64(parent),
  name: `span ${id}`,
  startTimeUnixNano: `16847783270000${start}`,
  endTimeUnixNano: `16847783270000${end}`,
  ...more,
});
const [A, B, C, D] = [
  'aaaaaaaaaaaaaaaa',
  'bbbbbbbbbbbbbbbb',
  'cccccccccccccccc',
  'dddddddddddddddd',
] as const;
const RESOURCES = [
  {
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
    scopeSpans: [
      {
        spans: [
          span(B, A, 20000, 90000, {
            kind: 'SPAN_KIND_CLIENT',
            status: { code: 'STATUS_CODE_ERROR', message: 'no money' },
            attributes: [
              { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { boolValue: true }] } } },
              { key: 'big', value: { intValue: '9007199254740993' } },
            ],
          }),
          span(A, '', 10000, 99999, { kind: 2 }),
          // Its end is before its start, as clocks differ; its parent isn't there.
          span(D, '1234567812345678', 50000, 40000),
        ],
      },
    ],
  },
  {
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'bank' } }] },
    scopeSpans: [{ spans: [span(C, B, 30000, 60000)] }],
  },
];

t.test('a trace becomes a waterfall and a table, each span below its caller', async (t) => {
  const server = await startRestServer(t, {
    [`/api/v2/traces/${ID}`]: json({
      trace: { resourceSpans: RESOURCES },
      status: 'PARTIAL',
      message: 'too large',
    }),
  });
  const answered = await performCell(`%%tempo\n${ID.toUpperCase()}`, at(server.origin));
  t.equal(answered.error, '');
  t.same(columnOf(answered, 'spanID'), [A, B, C, D]);
  t.same(columnOf(answered, 'depth'), [0, 1, 2, 0]);
  t.same(columnOf(answered, 'service'), ['shop', 'shop', 'bank', 'shop']);
  t.same(columnOf(answered, 'kind'), ['server', 'client', 'unspecified', 'unspecified']);
  t.same(columnOf(answered, 'status'), ['unset', 'error', 'unset', 'unset']);
  t.same(columnOf(answered, 'offset_ms'), [0, 0.01, 0.02, 0.04]);
  t.same(columnOf(answered, 'duration_ms'), [0.089999, 0.07, 0.03, 0]);
  t.same(columnOf(answered, 'attributes')[1], { list: [1, true], big: '9007199254740993' });
  t.match(noteOf(answered), 'Partial, because too large.');
  t.match(answered.text, /vegalite.*"type":"bar"/);
});

t.test('an older Tempo has traces at another address; one that has none says so', async (t) => {
  const server = await startRestServer(t, {
    [`/api/v2/traces/${ID}`]: give('text/plain', '404 page not found', 404),
    [`/api/traces/${ID}`]: json({ batches: RESOURCES }),
    '/api/v2/traces/abcdef0123': give('text/plain', 'trace not found', 404),
    '/api/traces/abcdef0123': give('text/plain', 'trace not found', 404),
  });
  const values = { id: { type: 'text', value: ID } } as const;
  const answered = await performCell('%%tempo\n{{id}}', at(server.origin), values);
  t.same(columnOf(answered, 'spanID'), [A, B, C, D]);
  t.match((await performCell('%%tempo\nabcdef0123', at(server.origin))).error, /no trace abcdef0123/);
});

t.test('S15: spans that are their own ancestors, and more than a chart shows', async (t) => {
  const loop = [span(A, B, 10000, 20000), span(B, A, 10000, 20000), span(C, C, 10000, 20000)];
  const many = Array.from({ length: 2_000 }, (_, each) =>
    span(each.toString(16).padStart(16, '0'), '', 10000, 20000 + each),
  );
  const body = (spans: object[]) => json({ trace: { resourceSpans: [{ scopeSpans: [{ spans }] }] } });
  const server = await startRestServer(t, {
    '/api/v2/traces/aaaaaaaa': body(loop),
    '/api/v2/traces/bbbbbbbb': body(many),
    '/api/v2/traces/cccccccc': json({
      trace: { resourceSpans: [7, { scopeSpans: 7 }, { scopeSpans: [{ spans: [7] }] }] },
    }),
    '/api/v2/traces/dddddddd': json({}),
  });
  t.equal(columnOf(await performCell('%%tempo\naaaaaaaa', at(server.origin)), 'spanID').length, 3);
  const large = await performCell('%%tempo\nbbbbbbbb', at(server.origin));
  t.equal(columnOf(large, 'spanID').length, 2_000);
  t.match(noteOf(large), /The chart shows the longest 150 of 2,000 spans/);
  t.equal((await performCell('%%tempo\ncccccccc', at(server.origin))).error, '');
  t.match((await performCell('%%tempo\ndddddddd', at(server.origin))).error, /no span of the trace/);
});

t.test('S11: a value stays a value', async (t) => {
  const server = await startRestServer(t, { '/api/search': json({ traces: [] }) });
  const ask = async (query: string, value: Value) => {
    const { error } = await performCell(`%%tempo\n${query}`, at(server.origin), { x: value });
    return error || new URL(server.last.url, server.origin).searchParams.get('q');
  };
  t.equal(
    await ask('{ name = "{{x}}" }', { type: 'text', value: 'a" || true' }),
    '{ name = "a\\" || true" }',
  );
  t.equal(
    await ask('{ name =~ "{{x}}" }', {
      type: 'list',
      value: [
        { type: 'text', value: 'a.b' },
        { type: 'text', value: 'c' },
      ],
    }),
    '{ name =~ "a\\\\.b|c" }',
  );
  t.equal(await ask('{ duration > {{x}} }', { type: 'text', value: '5s' }), '{ duration > 5s }');
  t.match(await ask('{ duration > {{x}} }', { type: 'text', value: '5s || true' }), /outside quotes/);
  t.match(await ask('{{x}}', { type: 'text', value: '../../etc' }), /not the ID of a trace/);
});

t.test('what is wrong is told in one sentence', async (t) => {
  let [status, body] = [400, ''];
  const server = await startRestServer(t, {
    '/api/search': (response) => response.writeHead(status).end(body),
  });
  const errorOf = async (...answer: [number, string]) => {
    [status, body] = answer;
    return (
      await performCell('%%tempo --timeout 5\n{ bad', at(server.origin, { token: new Secret('canary') }))
    ).error;
  };
  t.equal(
    await errorOf(
      400,
      'invalid TraceQL query: parse error at line 1, col 3: syntax error: unexpected IDENTIFIER',
    ),
    'Tempo: invalid TraceQL query: parse error at line 1, col 3: syntax error: unexpected IDENTIFIER\n  { bad\n    ^',
  );
  t.match(await errorOf(401, 'no org id'), /several tenants/);
  t.match(await errorOf(400, 'limit 5000 exceeds max limit 1000'), 'Tempo answered 400: limit 5000 exceeds');
  t.match(await errorOf(200, '<html>'), /not from Tempo/);
  t.match(await errorOf(200, '[]'), /^$|not from Tempo/);
  t.match(await errorOf(200, '{"traces":7}'), /not from Tempo/);
  for (const [cell, sentence] of [
    ['%%tempo', /needs a query or the ID/],
    ['%%tempo --limit 0\n{}', /--limit takes a whole number/],
    [`%%tempo --range 1h\n${ID}`, /found by its ID alone/],
    ['%%tempo --range x\n{}', /--range takes a duration/],
  ] as const)
    t.match((await performCell(cell, at(server.origin))).error, sentence, cell);
});

t.test('attributes and their values are completed', async (t) => {
  const server = await startRestServer(t, {
    '/api/v2/search/tags': json({
      scopes: [
        { name: 'resource', tags: ['service.name'] },
        { name: 'intrinsic', tags: ['status', 'duration'] },
      ],
    }),
    '/api/v2/search/tag/resource.service.name/values': json({
      tagValues: [{ type: 'string', value: 'say "hi"' }],
    }),
  });
  const job: CompletionJob<TempoSettings> = {
    remembered: (_, load) => load({ url: server.origin }, AbortSignal.timeout(5_000), resources),
  };
  const textsAt = async (query: string) => {
    const { from, items } = await completeTraceql(query, query.length, job);
    return [query.slice(from), ...items.map(({ text }) => text)];
  };
  t.same(await textsAt('{ res'), ['res', 'resource.service.name']);
  t.same(await textsAt('{ resource.serv'), ['resource.serv', 'resource.service.name']);
  t.same(await textsAt('{ '), ['', 'resource.service.name', 'status', 'duration']);
  t.same(await textsAt('{ resource.service.name = "say'), ['say', 'say \\"hi\\"']);
});
