import type { Test } from 'tap';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { renderLogql } from '../../processors/loki/logql.js';
import { type Answered, oneConnection, performCell, weighCell } from '../support/brokered.js';
import { until } from '../support/until.js';
import { type Asked, give, startRestServer } from './rest-server.js';

/**
 * Here Loki is a script, written from its HTTP API (https://grafana.com/docs/loki/latest/reference/loki-http-api/):
 * times in which many lines share one nanosecond, and small limits, are hard to make in a real one.
 * test/real/loki.test.ts asks a real one.
 */

interface Line {
  readonly time: bigint;
  readonly stream: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What a request asks for, as Loki reads it. */
function askedOf({ body }: Asked) {
  const form = new URLSearchParams(body);
  return {
    start: BigInt(form.get('start') ?? 0),
    end: BigInt(form.get('end') ?? 0),
    limit: Number(form.get('limit')),
    isBackward: form.get('direction') === 'backward',
  };
}

/** Answers as Loki does: the start is part of the time, the end isn't. */
async function startLoki(t: Test, lines: readonly Line[], most = 5_000) {
  return startRestServer(t, {
    '/loki/api/v1/query_range': (response, asked) => {
      const { start, end, limit, isBackward } = askedOf(asked);
      if (limit > most) {
        response.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' });
        return response.end(
          `max entries limit per query exceeded, limit > max_entries_limit (${limit} > ${most})\n`,
        );
      }
      const found = lines
        .filter(({ time }) => time >= start && time < end)
        .sort((a, b) => Number(isBackward ? b.time - a.time : a.time - b.time))
        .slice(0, limit);
      const streams = new Map<string, { stream: object; values: string[][] }>();
      for (const { stream, time, text } of found) {
        const key = JSON.stringify(stream);
        const known = streams.get(key) ?? { stream, values: [] };
        known.values.push([String(time), text]);
        streams.set(key, known);
      }
      const data = { resultType: 'streams', result: [...streams.values()], stats: {} };
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify({ status: 'success', data }));
    },
  });
}

const NOW = BigInt(Date.now()) * 1_000_000n;
const SECOND = 1_000_000_000n;

function linesOf(count: number, timeOf: (at: number) => bigint): Line[] {
  return Array.from({ length: count }, (_, at) => ({
    time: timeOf(at),
    stream: { app: at % 2 === 0 ? 'shop' : 'mail' },
    text: `line ${at}`,
  }));
}

function columnOf({ answers }: Answered, name: string): unknown[] {
  const columns = answers.find(({ kind }) => kind === 'columns')?.columns as { name: string }[];
  const at = columns.findIndex((column) => column.name === name);
  return answers.flatMap(({ kind, rows }) => (kind === 'rows' ? ((rows as unknown[][])[at] ?? []) : []));
}

function namesOf({ answers }: Answered): string[] {
  const { columns } = Object(answers.find(({ kind }) => kind === 'columns'));
  return (columns as { name: string }[]).map(({ name }) => name);
}

const noteOf = ({ answers }: Answered) => String(answers.at(-1)?.note ?? '');
const at = (origin: string) => oneConnection('loki', { url: origin });

t.test('lines come newest first, page by page beyond the server’s limit, each of them once', async (t) => {
  // Seven lines share each nanosecond, so that no page ends between two times.
  const lines = linesOf(2_000, (each) => NOW - 60n * SECOND - BigInt(Math.floor(each / 7)));
  const server = await startLoki(t, lines, 100);
  const answered = await performCell('%%loki --limit 10000\n{app=~".+"}', at(server.origin));
  t.equal(answered.error, '');
  const texts = columnOf(answered, 'message');
  t.equal(texts.length, 2_000);
  t.equal(new Set(texts).size, 2_000);
  const times = columnOf(answered, 'time') as number[];
  t.same(
    times,
    [...times].sort((a, b) => b - a),
  );
  t.equal(noteOf(answered), '', 'nothing is missing');
  const { limit } = askedOf(server.asked[1] as Asked);
  t.equal(limit, 100, 'the limit that the service told is kept');

  const oldest = await performCell('%%loki --limit 250 --direction forward\n{app=~".+"}', at(server.origin));
  t.equal(columnOf(oldest, 'message').length, 250);
  t.equal(columnOf(oldest, 'time')[0], Math.min(...times));
  t.equal(noteOf(oldest), 'These are the oldest 250 lines, and there are more: fetch them with --limit.');
});

t.test('a limit that is just met is not called a cut, and one that cuts is', async (t) => {
  const server = await startLoki(
    t,
    linesOf(100, (each) => NOW - SECOND - BigInt(each)),
    100,
  );
  for (const [limit, note] of [
    [99, /newest 99 lines, and there are more/],
    [100, /^$/],
    [101, /^$/],
  ] as const) {
    const answered = await performCell(`%%loki --limit ${limit}\n{a="b"}`, at(server.origin));
    t.equal(columnOf(answered, 'message').length, Math.min(limit, 100));
    t.match(noteOf(answered), note, String(limit));
  }
});

t.test(
  'more lines of one nanosecond than Loki gives at once are told, and the older ones come',
  async (t) => {
    const lines = [
      ...linesOf(150, () => NOW - SECOND),
      { time: NOW - 2n * SECOND, stream: { app: 'shop' }, text: 'the oldest' },
    ];
    const server = await startLoki(t, lines, 100);
    const answered = await performCell('%%loki\n{a="b"}', at(server.origin));
    const texts = columnOf(answered, 'message');
    t.equal(texts.length, 101);
    t.equal(texts.at(-1), 'the oldest');
    t.match(noteOf(answered), /^More than 99 lines have the time .*Z: the others of that time are missing/);
  },
);

t.test(
  'a label that comes late has no column, but is there; one named as a column gets another name',
  async (t) => {
    const lines = linesOf(150, (each) => NOW - SECOND - BigInt(each));
    const late = { time: NOW - 2n * SECOND, stream: { time: 'x', pod: 'late' }, text: 'x' };
    const server = await startLoki(t, [...lines, late], 100);
    const answered = await performCell('%%loki\n{a="b"}', at(server.origin));
    t.same(columnOf(answered, '(others)').at(-1), { time: 'x', pod: 'late' });
    t.equal(columnOf(answered, '(others)')[0], null);
    const short = await startLoki(t, [late]);
    const few = await performCell('%%loki\n{a="b"}', at(short.origin));
    t.same(namesOf(few), ['time', 'pod', 'label_time', 'message']);
  },
);

t.test('S15: memory doesn’t grow with the number of lines', async (t) => {
  const PAGE = 5_000;
  const MOST = 15_000;
  const text = 'x'.repeat(200);
  let given = 0;
  const server = await startRestServer(t, {
    '/loki/api/v1/query_range': (response, asked) => {
      const { end, limit } = askedOf(asked);
      const count = Math.min(limit, PAGE, MOST - given);
      given += count;
      const values = Array.from({ length: count }, (_, each) => [String(end - BigInt(each) - 1n), text]);
      const data = { resultType: 'streams', result: [{ stream: { app: 'a' }, values }] };
      response.end(JSON.stringify({ status: 'success', data }));
    },
  });
  const { rows, error, largest } = await weighCell(
    `%%loki --limit ${MOST} --timeout 100\n{a="b"}`,
    at(server.origin),
  );
  t.equal(error, '');
  t.ok(rows > MOST * 0.99, `${rows} rows`);
  t.ok(largest < 2_000_000, 'in small pages');
});

t.test('S15: a service that gives the same lines for ever is left', async (t) => {
  const server = await startRestServer(t, {
    '/loki/api/v1/query_range': (response, asked) => {
      const { limit } = askedOf(asked);
      // Whatever time is asked for.
      const values = Array.from({ length: limit }, (_, each) => [String(NOW - BigInt(each)), 'x']);
      const data = { resultType: 'streams', result: [{ stream: {}, values }] };
      response.end(JSON.stringify({ status: 'success', data }));
    },
  });
  const { error, rows } = await weighCell('%%loki --limit 20000\n{a="b"}', at(server.origin));
  t.equal(error, '');
  t.equal(rows, 20_000, 'no more than was asked for');
  t.ok(server.asked.length < 20, `${server.asked.length} questions`);
});

t.test('a metric query becomes a chart and a table, whatever it looks like', async (t) => {
  const answer = (data: object) => give('application/json', JSON.stringify({ status: 'success', data }));
  const server = await startRestServer(t, {
    '/loki/api/v1/query_range': answer({
      resultType: 'matrix',
      result: [
        {
          metric: { app: 'shop' },
          values: [
            [1_700_000_000, '7'],
            [1_700_000_060, '8'],
          ],
        },
      ],
    }),
    '/loki/api/v1/query': answer({
      resultType: 'vector',
      result: [{ metric: { app: 'shop' }, value: [1_700_000_000.5, '7'] }],
    }),
  });
  const chart = await performCell(
    '%%loki --range 6h --step 1s\nsum by (app) (rate({a="b"}[5m]))',
    at(server.origin),
  );
  t.match(chart.text, /vnd\.vegalite/);
  t.match(noteOf(chart), /The step was raised to 2s: Loki gives at most 11,000 points/);
  t.equal(new URLSearchParams(server.last.body).get('step'), '2');
  const instant = await performCell(
    '%%loki --instant --at 2026-01-31T12:00:00Z\nrate({a="b"}[5m])',
    at(server.origin),
  );
  t.same(columnOf(instant, 'value'), [7]);
  t.equal(new URLSearchParams(server.last.body).get('time'), '1769860800000000000');
});

t.test('what Loki refuses is said in its words, with the place in the query', async (t) => {
  let [status, body, type] = [400, '', 'text/plain'];
  const server = await startRestServer(t, {
    '/loki/api/v1/query_range': (response) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    },
  });
  const errorOf = async (...answer: [number, string, string?]) => {
    [status, body, type = 'text/plain'] = answer;
    return (await performCell('%%loki --timeout 5\n{a="b"} |\n bad', at(server.origin))).error;
  };
  t.equal(
    await errorOf(400, 'parse error at line 2, col 2: syntax error: unexpected IDENTIFIER\n'),
    'Loki: parse error at line 2, col 2: syntax error: unexpected IDENTIFIER\n   bad\n   ^',
  );
  t.match(
    await errorOf(400, 'the query time range exceeds the limit (query length: 800h, limit: 721h)'),
    /limit: 721h\)\. Ask for less time with --range/,
  );
  t.match(await errorOf(401, 'no org id\n'), /several tenants\. Set the connection's org_id/);
  t.match(await errorOf(400, 'no org id\n'), /several tenants/);
  const asked = server.asked.length;
  t.match(await errorOf(504, 'Request timed out, decrease the duration of the request'), /took too long/);
  t.equal(server.asked.length, asked + 1, 'a query that timed out is asked once');
  t.match(await errorOf(200, '<html>login</html>', 'text/html'), /not from Loki/);
  t.match(await errorOf(404, '404 page not found'), /Loki answered 404: 404 page not found/);
  t.match(await errorOf(500, '{"message": "from a proxy"}'), /Loki answered 500: from a proxy/);
  for (const result of [7, [7], [{ stream: 7, values: [7] }], [{ stream: {}, values: [['x', 'y']] }]]) {
    const odd = JSON.stringify({ status: 'success', data: { resultType: 'streams', result } });
    t.match(await errorOf(200, odd), /^$|not from Loki/);
  }
});

t.test(
  'a tenant and a credential are sent with each question, and the test of a connection names both',
  async (t) => {
    const server = await startRestServer(t, {
      '/loki/api/v1/query_range': give(
        'application/json',
        '{"status":"success","data":{"resultType":"streams","result":[]}}',
      ),
    });
    const settings = { url: `${server.origin}`, token: new Secret('canary-token'), org_id: 'team-a' };
    await performCell('%%loki\n{a="b"}', oneConnection('loki', settings));
    t.match(server.last.headers, { 'x-scope-orgid': 'team-a', authorization: 'Bearer canary-token' });
  },
);

t.test('a query that isn’t waited for any longer is cancelled at Loki', async (t) => {
  let isCancelled = false;
  const server = await startRestServer(t, {
    '/loki/api/v1/query_range': (response) => {
      // As Loki does: its query ends when the connection does.
      response.on('close', () => {
        isCancelled = true;
      });
    },
  });
  const { error } = await performCell('%%loki --timeout 0.2\n{a="b"}', at(server.origin));
  t.match(error, /took longer than 0\.2 s/);
  await until(() => isCancelled);
});

t.test('S11: a value stays a value in each kind of string', (t) => {
  const values = (value: string): ReadonlyMap<string, Value> => new Map([['x', { type: 'text', value }]]);
  const list: ReadonlyMap<string, Value> = new Map([
    [
      'x',
      {
        type: 'list',
        value: [
          { type: 'text', value: 'a.b' },
          { type: 'text', value: 'c' },
        ],
      },
    ],
  ]);
  t.equal(renderLogql('{app="{{x}}"}', values('a"} | bad')), '{app="a\\"} | bad"}');
  t.equal(renderLogql('{a="b"} |= "{{x}}"', values('50%.')), '{a="b"} |= "50%."');
  t.equal(renderLogql('{a="b"} |~ "{{x}}"', values('a.b')), '{a="b"} |~ "a\\\\.b"');
  t.equal(renderLogql('{a="b"} |~ `{{x}}`', values('a.b')), '{a="b"} |~ `a\\.b`');
  t.equal(renderLogql('{a="b"} |~ "{{x}}"', list), '{a="b"} |~ "a\\\\.b|c"');
  t.equal(renderLogql('{a="b"} |~ "z" or "{{x}}"', values('a.b')), '{a="b"} |~ "z" or "a\\\\.b"');
  t.equal(renderLogql('{a="b"} |= "z" or "{{x}}"', values('a.b')), '{a="b"} |= "z" or "a.b"');
  t.equal(
    renderLogql('{a="b"} | regexp "{{x}}(?P<n>.)"', values('a.b')),
    '{a="b"} | regexp "a\\\\.b(?P<n>.)"',
  );
  t.equal(
    renderLogql('{a="b"} | line_format "{{.app}} {{x}}"', values('v')),
    '{a="b"} | line_format "{{.app}} v"',
  );
  t.throws(
    () => renderLogql('{a="b"} | line_format "{{x}}"', values('{{.password}}')),
    /has a meaning in a template/,
  );
  t.throws(() => renderLogql('{a="b"} | label_format c="{{x}}"', values('{{.d}}')), /in a template/);
  t.throws(() => renderLogql('{a="b"} | pattern "{{x}} <_>"', values('<a>')), /in a pattern/);
  t.throws(() => renderLogql('{a="b"} |> "{{x}} <_>"', values('<a>')), /in a pattern/);
  t.throws(() => renderLogql('{a="b"} |= `{{x}}`', values('`')), /backtick/);
  t.throws(() => renderLogql('{a="b"} | {{x}}', values('json | drop')), /outside quotes/);
  t.equal(
    renderLogql('{a="b"} | status >= {{x}}', new Map([['x', { type: 'number', value: '500' }]])),
    '{a="b"} | status >= 500',
  );
  t.end();
});

t.test('options that don’t fit are refused', async (t) => {
  const connections = at('http://127.0.0.1:9');
  for (const [cell, sentence] of [
    ['%%loki', /needs a query/],
    ['%%loki --limit 0\n{a="b"}', /--limit takes a whole number from 1 to 10,000,000/],
    ['%%loki --limit 1.5\n{a="b"}', /--limit takes a whole number/],
    ['%%loki --direction up\n{a="b"}', /--direction takes backward or forward/],
    ['%%loki --instant --range 1h\n{a="b"}', /--instant and --range exclude each other/],
    ['%%loki --range x\n{a="b"}', /--range takes a duration/],
    ['%%loki --at x\n{a="b"}', /--at takes a time/],
    ['%%loki --list labels\nx', /takes no query/],
    ['%%loki --list values', /needs the name of a label/],
    ['%%loki --list values\na/../b', /takes the name of one label/],
    ['%%loki --list series', /needs a selector/],
    ['%%loki --list things', /takes labels, values or series/],
    ['%%loki --list labels --limit 5', /exclude each other/],
  ] as const)
    t.match((await performCell(cell, connections)).error, sentence, cell);
});
