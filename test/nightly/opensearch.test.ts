import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { builtIn } from '../../processors/index.js';
import { oneConnection, performCell, resources } from '../support/brokered.js';
import { startGuard } from '../support/guard.js';
import { startOpenSearch } from '../support/opensearch.js';
import { startRuntime } from '../support/runtime.js';

t.setTimeout(300_000);

const KEY = 'kid:opensearch-canary-0123456789';
const ENCODED = Buffer.from(KEY).toString('base64');
const START = Date.parse('2026-01-31T12:00:00Z');
const LINES = 12_345;
const url = await startOpenSearch(t);

/** Two documents of each moment, over two shards: pages must not lose one of them. */
async function fill(): Promise<void> {
  await send('PUT', '/logs-1', {
    settings: { number_of_shards: 2, number_of_replicas: 0 },
    mappings: {
      properties: { '@timestamp': { type: 'date' }, service: { type: 'keyword' }, took: { type: 'long' } },
    },
  });
  const lines = Array.from({ length: LINES }, (_, at) => [
    JSON.stringify({ index: { _index: 'logs-1', _id: String(at) } }),
    JSON.stringify({
      '@timestamp': new Date(START - (at >> 1) * 1000).toISOString(),
      service: at % 3 === 0 ? 'web shop' : 'db',
      took: at === 0 ? 0 : at,
      http: { status: at % 10 === 0 ? 500 : 200 },
      message: `line ${at}`,
    }).replace('"took":0', '"took":9007199254740993'),
  ]);
  await send('POST', '/_bulk?refresh=true', `${lines.flat().join('\n')}\n`);
}

async function send(method: string, path: string, body: unknown): Promise<void> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(url + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: text,
  });
  if (!answer.ok) throw new Error(await answer.text());
}

await fill();
const connections = oneConnection('opensearch', { url });
const ask = (cell: string, values: Record<string, Value> = {}) => performCell(cell, connections, values);
const pages = (answers: readonly Record<string, unknown>[], kind: string) =>
  answers.filter((each) => each.kind === kind);
const columnOf = (answers: readonly Record<string, unknown>[], wanted: string) => {
  const [first] = pages(answers, 'columns');
  const names = ((first?.columns as { name: string }[] | undefined) ?? []).map(({ name }) => name);
  return pages(answers, 'rows').flatMap(({ rows }) => (rows as unknown[][])[names.indexOf(wanted)] ?? []);
};

t.test('hits are a log table, newest first, and the rest is told', async (t) => {
  const { answers, error } = await ask(
    '%%opensearch --index logs-* --limit 5\nservice:{{name}} AND http.status:500',
    {
      name: { type: 'text', value: 'web shop' },
    },
  );
  t.equal(error, '');
  t.match(pages(answers, 'columns')[0], {
    columns: [{ name: 'time', type: 'time' }, { name: 'service' }, { name: 'took' }],
  });
  t.same(columnOf(answers, 'message'), ['line 0', 'line 30', 'line 60', 'line 90', 'line 120']);
  t.same(columnOf(answers, 'took')[0], '9007199254740993', 'a long number is exact');
  t.same(columnOf(answers, 'time')[0], String(START * 1000));
  t.match(answers.at(-1)?.note, /^Only the newest 5 of 412 hits: get more with --limit\./);
});

t.test('more than 10,000 hits come from a point in time, each of them once', async (t) => {
  const { answers, error } = await ask('%%opensearch --index logs-1 --limit 100000');
  t.equal(error, '');
  t.equal(new Set(columnOf(answers, 'message')).size, LINES);
  t.equal(columnOf(answers, 'message').length, LINES);
  const open = await fetch(`${url}/_nodes/stats/indices/search`).then((answer) => answer.json());
  t.match(JSON.stringify(open), /"point_in_time_current":0/, 'the point in time is closed');
  const some = await ask('%%opensearch --index logs-1 --limit 2500');
  t.match(some.answers.at(-1)?.note, /newest 2,500 of 12,345 hits/);
});

t.test('aggregations are tables, and over time a chart', async (t) => {
  const body = {
    query: { term: { service: 'X' } },
    aggs: {
      per_hour: {
        date_histogram: { field: '@timestamp', fixed_interval: '1h' },
        aggs: { by: { terms: { field: 'service' } } },
      },
      slow: { percentiles: { field: 'took', percents: [50] } },
    },
  };
  const cell = `%%opensearch --index logs-1\n${JSON.stringify(body).replace('"X"', '{{name}}')}`;
  const { answers, error } = await ask(cell, { name: { type: 'text', value: 'db' } });
  t.equal(error, '');
  t.match(pages(answers, 'columns')[0], { columns: [{ name: 'slow.50.0' }] });
  t.match(pages(answers, 'columns')[1], {
    columns: [{ name: 'per_hour', type: 'time' }, { name: 'doc_count' }, { name: 'by' }],
  });
  t.match(answers.at(-1), {
    note: 'Of 8,230 documents.',
    displays: [{ 'application/vnd.vegalite.v5+json': {} }],
  });
});

t.test('time ranges, reads, and mistakes in the service’s words', async (t) => {
  const { answers } = await ask(
    '%%opensearch --index logs-1 --range 10s --at 2026-01-31T12:00:00Z\nservice:db',
  );
  t.equal(columnOf(answers, 'message').length, 13);
  const listed = await ask('%%opensearch\nGET /_cat/indices');
  t.match(columnOf(listed.answers, 'index'), ['logs-1']);
  t.match((await ask('%%opensearch\nGET /logs-1/_count')).answers, [{}, { kind: 'rows', rows: [[LINES]] }]);
  const found = await ask('%%opensearch\nGET /logs-1/_search?q=service:db&size=2');
  t.equal(columnOf(found.answers, 'message').length, 2);
  t.match(found.answers.at(-1)?.note, /Only the first 2 of 8,230 hits: .*size=/);
  t.match((await ask('%%opensearch\nGET /logs-1/_mapping')).contents, /"keyword"/);
  t.match(
    (await ask('%%opensearch --index nothing\nx')).error,
    /404 Not Found: index_not_found_exception: no such index \[nothing\].*--index/,
  );
  t.match(
    (await ask('%%opensearch --index logs-1\nservice:"a')).error,
    /400 Bad Request: .*[Ff]ailed to parse query/,
  );
});

t.test('completion has fields and indexes, and the test of a connection the version', async (t) => {
  const processor = builtIn.find(({ name }) => name === 'opensearch');
  const job = {
    remembered: <T>(_: string, load: (...ask: [never, AbortSignal, typeof resources]) => Promise<T>) =>
      load({ url } as never, AbortSignal.timeout(10_000), resources),
  };
  const offered = async (body: string) =>
    ((await processor?.complete?.(body, body.length, job as never)) ?? { items: [] }).items.map(
      ({ text }) => text,
    );
  t.same(await offered('service:web AND http.s'), ['http.status']);
  t.match(await offered('GET /lo'), ['logs-1']);
  t.match(await offered('{"query": {"term": {"ser'), ['service']);
  const said = await processor?.connection?.test({
    settings: { url },
    signal: AbortSignal.timeout(10_000),
    resources,
    hide: () => {},
  });
  t.match(said, /^OpenSearch 2\.19\.3: a search reads 2 of 2 shards/);
});

t.test('S10, S12: an API key is in no frame, memory, history, file or log', async (t) => {
  const guard = await startGuard(url, `ApiKey ${ENCODED}`);
  t.teardown(() => guard.close());
  const guarded = guard.url;
  const runtime = await startRuntime(
    t,
    [
      `prod: {type: opensearch, url: "${guarded}", api_key: "{{runtime_env:ES}}", default: true}`,
      `wrong: {type: opensearch, url: "${guarded}", token: "{{runtime_env:WRONG}}"}`,
    ],
    { ES: KEY, WRONG: 'another-canary' },
  );
  const { run } = await runtime.startKernel(t);
  await run('names = ["db", "web shop"]');
  const cell = '%%opensearch --index logs-1 --limit 20 --out found\nservice:{{names}}';
  const shown = await run(cell);
  t.match(shown, { status: 'ok', error: '' });
  t.match(shown.data[0]?.['text/html'], /newest 20 of at least 10,000 hits/);
  t.match((await run('print(found.message[0], found.time.dtype)')).stdout, /line \d datetime64/);
  t.match(await run('%%opensearch wrong\nx'), { error: /401: the service does not accept/ });
  const leaks = await runtime.findLeaks(t, [cell, '%%opensearch wrong\nx'], [KEY, ENCODED, 'another-canary']);
  t.same(leaks, []);
});
