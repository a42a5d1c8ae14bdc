import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { type Answer, give, startRestServer } from './rest-server.js';

/**
 * What the real OpenSearch of test/real/opensearch.test.ts doesn't show: failed shards, refusals, Elasticsearch's paths.
 * Written from https://opensearch.org/docs/latest/api-reference/ and https://www.elastic.co/docs/api/doc/elasticsearch/.
 */
t.setTimeout(60_000);
const JSON_TYPE = 'application/json';
const text = (value: string): Value => ({ type: 'text', value });

const hit = (at: number) => ({
  _index: at % 2 === 0 ? 'logs-1' : 'logs-2',
  _id: String(at),
  _source: {
    event: { created: 1_700_000_000_000 - at },
    time: 'own',
    message: `m${at}`,
    ...(at > 1_000 && { late: at }),
  },
  sort: [1_700_000_000_000 - at, at],
});
const say = (body: unknown, status = 200): Answer => give(JSON_TYPE, JSON.stringify(body), status);
const refused = say(
  {
    error: {
      type: 'security_exception',
      reason: 'no permissions for [indices:data/read/search] and User [name=canary-user, backend_roles=[]]',
    },
    status: 403,
  },
  403,
);

const server = await startRestServer(t, {
  '/partial/_search': say({
    timed_out: true,
    _shards: {
      total: 5,
      failed: 2,
      failures: [{ reason: { type: 'illegal_argument_exception', reason: 'Text fields are not optimised' } }],
    },
    hits: { total: { value: 10_000, relation: 'gte' }, hits: [hit(1), hit(2)] },
  }),
  '/forbidden/_search': refused,
  // Elasticsearch: it has no OpenSearch path for points in time.
  '/elastic/_search/point_in_time': say({ error: 'no handler found for uri' }, 400),
  '/elastic/_pit': say({ id: 'pit-1' }),
  '/_pit': say({ succeeded: true }),
  '/_search': (response, asked) => {
    const { search_after, size } = JSON.parse(asked.body);
    const from = search_after === undefined ? 0 : search_after[1] + 1;
    const hits = Array.from({ length: Math.min(size, 1_500 - from) }, (_, at) => hit(from + at));
    say({ pit_id: `pit-${from + 2}`, hits: { total: { value: 1_500, relation: 'eq' }, hits } })(
      response,
      asked,
    );
  },
  '/aggs/_search': say({
    hits: { total: { value: 7, relation: 'eq' }, hits: [] },
    aggregations: {
      'sterms#by': {
        sum_other_doc_count: 3,
        buckets: [
          {
            key: 'a',
            doc_count: 4,
            'avg#took': { value: 1.5 },
            'filter#slow': { doc_count: 1, 'max#worst': { value: 9 } },
          },
        ],
      },
      'composite#pair': { after_key: { x: 1 }, buckets: [{ key: { x: 1, y: 'b' }, doc_count: 2 }] },
      'filters#kind': { buckets: { errors: { doc_count: 1 }, rest: { doc_count: 6 } } },
      'stats#s': { count: 7, min: 1, max: 2, min_as_string: 'x' },
    },
  }),
  '/': say({ version: { number: '8.15.0' } }),
});
const connections = oneConnection('opensearch', { url: server.origin, api_key: new Secret('id:canary') });
const ask = (cell: string, values: Record<string, Value> = {}) => performCell(cell, connections, values);
const pages = (answers: readonly Record<string, unknown>[], kind: string) =>
  answers.filter((each) => each.kind === kind);

t.test('what is missing in an answer is told', async (t) => {
  const { answers, error } = await ask('%%opensearch --index partial --time event.created\n*');
  t.equal(error, '');
  t.equal(
    answers.at(-1)?.note,
    'Only the newest 2 of at least 10,000 hits: get more with --limit. Partial: 2 of 5 shards failed ' +
      '(illegal_argument_exception: Text fields are not optimised). Partial: the search ran into its timeout.',
  );
  t.match(pages(answers, 'columns')[0], {
    columns: [
      { name: 'time', type: 'time' },
      { name: '_index' },
      { name: 'event.created' },
      { name: 'time_' },
      { name: '_id' },
      { name: 'message' },
    ],
  });
  t.equal(server.last.headers.authorization, `ApiKey ${Buffer.from('id:canary').toString('base64')}`);
  const forbidden = await ask('%%opensearch --index forbidden\n*');
  t.match(
    forbidden.error,
    /403: .* does not allow this request \(permission indices:data\/read\/search\)\.$/,
  );
  t.notMatch(forbidden.text, 'canary');
});

t.test('Elasticsearch’s points in time have another path', async (t) => {
  const { answers, error } = await ask('%%opensearch --index elastic --limit 5000 --time event.created\n*');
  t.equal(error, '');
  t.equal(pages(answers, 'rows').flatMap(({ rows }) => (rows as unknown[][])[0] ?? []).length, 1_500);
  t.match(answers.at(-1)?.note, /are in the column \(others\)/);
  const bodies = server.asked
    .filter(({ url }) => url.startsWith('/_search'))
    .map(({ body }) => JSON.parse(body));
  t.match(bodies, [
    {
      pit: { id: 'pit-1' },
      sort: [{ 'event.created': { order: 'desc' } }],
      size: 1000,
      track_total_hits: true,
    },
    { pit: { id: 'pit-2' }, search_after: [1_699_999_999_001, 999] },
  ]);
  t.match(server.last, { method: 'DELETE', url: '/_pit', body: '{"id":"pit-1002"}' });
});

t.test('aggregations of every shape are tables', async (t) => {
  const { answers, error } = await ask('%%opensearch --index aggs\n{"aggs": {"by": {}}}');
  t.equal(error, '');
  const columns = pages(answers, 'columns').map((page) =>
    (page.columns as { name: string }[]).map(({ name }) => name),
  );
  t.same(columns, [
    ['s.count', 's.min', 's.max'],
    ['by', 'doc_count', 'took', 'slow.doc_count', 'slow.worst'],
    ['pair.x', 'pair.y', 'doc_count'],
    ['kind', 'doc_count'],
  ]);
  t.match(
    answers.at(-1)?.note,
    /Of 7 documents\. by: only the largest groups; 3 documents are in others .*after_key \{"x":1\}/,
  );
  t.match(JSON.parse(server.last.body), { size: 0 });
});

t.test('S11: a value stays a value, in Lucene and in JSON', async (t) => {
  const bodyOf = async (body: string, value: Value) => {
    const before = server.asked.length;
    const { error } = await ask(`%%opensearch --index partial\n${body}`, { v: value });
    return error === '' ? JSON.parse(server.asked[before]?.body ?? '').query : error;
  };
  const queryOf = async (body: string, value: Value) => {
    const query = await bodyOf(body, value);
    return query.query_string?.query ?? query;
  };
  t.equal(await queryOf('a:{{v}}', text('x" OR *:*')), 'a:"x\\" OR *:*"');
  t.equal(await queryOf('a:x{{v}}', text('* OR /')), 'a:x\\*\\ OR\\ \\/');
  t.match(await queryOf('a:x{{v}}', text('>1')), /Write it in quotes/);
  t.match(await queryOf('a:/x{{v}}/', text('.*')), /in a regular expression/);
  t.equal(await queryOf('a:[{{v}} TO *]', { type: 'number', value: '-1' }), 'a:[-1 TO *]');
  t.same(await bodyOf('{"query": {"term": {"a": "{{v}}"}}}', text('"}}, "size": 1')), {
    term: { a: '"}}, "size": 1' },
  });
  t.same(
    await bodyOf('{"query": {"terms": {"a": {{v}}}}}', {
      type: 'list',
      value: [text('x'), { type: 'number', value: '2' }],
    }),
    {
      terms: { a: ['x', 2] },
    },
  );
  t.same(await bodyOf('{"query": {"query_string": {"query": "a:{{v}}"}}}', text('x OR *')), {
    query_string: { query: 'a:"x OR *"' },
  });
  t.same(await bodyOf('{"query": {"term": {"a": "\\{{v}}"}}}', text('')), { term: { a: '{{v}}' } });
  t.match(await bodyOf('{"query": {"script": {"script": "{{v}}"}}}', text('x')), /can’t be used in script/);
  t.same(
    await bodyOf('{"query": {"script": {"script": {"source": "s", "params": {"p": {{v}}}}}}}', {
      type: 'number',
      value: '9007199254740993',
    }),
    {
      script: { script: { source: 's', params: { p: 9007199254740992 } } },
    },
  );
  t.match(server.last.body, '9007199254740993', 'its digits were sent as they are');
});

t.test('S12: it only reads', async (t) => {
  const before = server.asked.length;
  for (const [request, sentence] of [
    ['POST /logs/_delete_by_query', /only reads: use GET/],
    ['DELETE /logs', /only reads: use GET/],
    ['GET /_flush', /only reads, and GET \/_flush/],
    ['GET /logs/_refresh', /only reads/],
    ['GET /_search/scroll', /only reads/],
    ['GET /_cat/../_flush', /step to another folder/],
    ['GET /_cat/%2e%2e/_flush', /step to another folder/],
    ['GET /_nodes/hot_threads', /only reads/],
    ['GET /_search\n\n{}', /takes one line/],
  ] as const)
    t.match((await ask(`%%opensearch\n${request}`)).error, sentence, request);
  t.match((await ask('%%opensearch\nGET /{{v}}/_count', { v: text('..') })).error, /another folder/);
  t.match((await ask('%%opensearch\nGET /{{v}}', { v: text('_flush') })).error, /only reads/);
  t.match((await ask('%%opensearch --index ../x\n*')).error, /--index takes names/);
  t.match((await ask('%%opensearch --index _flush\n*')).error, /--index takes names/);
  t.match((await ask('%%opensearch\n{"query":')).error, /not valid JSON/);
  t.match((await ask('%%opensearch --limit 0\n*')).error, /--limit takes/);
  t.match((await ask('%%opensearch --limit 20000\n{"from": 5}')).error, /at most 10,000 hits/);
  t.equal(server.asked.length, before, 'nothing was asked');
});
