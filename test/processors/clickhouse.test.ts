import type { ServerResponse } from 'node:http';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { scan } from '../../processors/sql/scanner.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { type Answer, startRestServer } from './rest-server.js';

/**
 * What Debian's ClickHouse of 2018 (test/real/clickhouse.test.ts) can't show: parameters, times in UTC, newer errors.
 * Written from https://clickhouse.com/docs/interfaces/http; types and texts were tried with the engine of 26.9.
 */
t.setTimeout(60_000);
const text = (value: string): Value => ({ type: 'text', value });

let version = '24.3.1.2672';
let isBound = false;
const META =
  '{\n\t"meta":\n\t[\n\t\t{\n\t\t\t"name": "t",\n\t\t\t"type": "Nullable(DateTime64(9))"\n\t\t}\n\t],\n\n\t"data":\n\t[\n';
const ROW = '\t\t["2026-01-31T12:00:00.123456789Z"]';
const FOOT = '\n\t],\n\n\t"rows": 1,\n\n\t"statistics":\n\t{\n\t\t"elapsed": 0.1\n\t}\n}\n';
const EXCEPTION =
  'Code: 241. DB::Exception: Memory limit (total) exceeded: while reading. (MEMORY_LIMIT_EXCEEDED) (version 24.3.1.2672 (official build))';

/** What a statement gets: by a word in it. */
const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  appended: (response) => response.end(`${META}${ROW},\n${ROW}${EXCEPTION}\n`),
  tagged: (response) =>
    response.end(`${META}${ROW}\n\r\n__exception__\r\nabc\r\n${EXCEPTION}\n50 abc\r\n__exception__\r\n`),
  inside: (response) =>
    response.end(`${META}${ROW}\n\t],\n\n\t"rows": 1,\n\n\t"exception": ${JSON.stringify(EXCEPTION)}\n}\n`),
  cut: (response) => response.end(`${META}${ROW},\n`),
  torn: (response) => response.write(`${META}${ROW},\n`, () => response.destroy()),
  denied: (response) =>
    response
      .writeHead(403)
      .end(
        'Code: 497. DB::Exception: gateway: Not enough privileges. To execute this query, it is necessary to have the grant SELECT(a) ON shop.orders. (ACCESS_DENIED) (version 24.3)',
      ),
  alien: (response) => response.end('<html>hello</html>'),
  nothing: (response) => response.end(),
};

const serve: Answer = (response, { url, body, headers }) => {
  const query = new URL(url, 'http://x').searchParams;
  if (headers['x-clickhouse-key'] !== 'canary')
    return void response
      .writeHead(401)
      .end(
        'Code: 516. DB::Exception: gateway: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)',
      );
  if (body.includes('version()')) return void response.end(`${version}\n`);
  if (isBound && query.has('readonly'))
    return void response
      .writeHead(500)
      .end("Code: 164. DB::Exception: Cannot modify 'readonly' setting in readonly mode. (READONLY)");
  if (body.includes('system.settings'))
    return void response.end(`${isBound ? 1 : (query.get('readonly') ?? 0)}\n`);
  const found = Object.entries(answers).find(([word]) => body.includes(word));
  if (found) return found[1](response);
  response.end(`${META}${ROW}${FOOT}`);
};

const server = await startRestServer(t, { '/': serve });
const settings = {
  driver: 'clickhouse',
  host: '127.0.0.1',
  port: server.port,
  username: 'gateway',
  password: new Secret('canary'),
};
const ask = (body: string, values: Record<string, Value> = {}, more: object = {}) =>
  performCell(`%%sql --timeout 30\n${body}`, oneConnection('sql', { ...settings, ...more }), values);
const lastQuery = () => new URL(server.last.url, server.origin).searchParams;

t.test('S11: values go beside the statement, each with its type', async (t) => {
  const { error, answers } = await ask(
    'select {{s}}, {{n}}, {{u}}, {{f}}, {{b}}, {{d}}, {{at}}, {{none}} from x where a in ({{list}})',
    {
      s: text("a'\t\\b\n{p2:String}"),
      n: { type: 'number', value: '-5' },
      u: { type: 'number', value: '18446744073709551615' },
      f: { type: 'number', value: '1e400' },
      b: { type: 'bool', value: true },
      d: { type: 'date', value: '2026-01-31' },
      at: { type: 'time', value: '2026-01-31T13:00:00.5+01:00' },
      none: { type: 'null', value: null },
      list: { type: 'list', value: [text('x'), text('y')] },
    },
  );
  t.equal(error, '');
  t.equal(
    server.last.body,
    "select {p1:String}, {p2:Int64}, {p3:UInt64}, {p4:Float64}, {p5:Bool}, {p6:Date32}, {p7:DateTime64(6, 'UTC')}, NULL from x where a in ({p8:String}, {p9:String})",
  );
  const query = lastQuery();
  t.same(
    [...query].filter(([name]) => name.startsWith('param_')).map(([, value]) => value),
    [
      "a'\\t\\\\b\\n{p2:String}",
      '-5',
      '18446744073709551615',
      '1e400',
      'true',
      '2026-01-31',
      '2026-01-31 12:00:00.500000',
      'x',
      'y',
    ],
  );
  t.match(query.get('date_time_output_format'), 'iso');
  t.match(Number(query.get('max_execution_time')) <= 30, true);
  t.match(query.get('query_id'), /^[\da-f-]{36}$/);
  t.match(answers, [{ columns: [{ name: 't', type: 'time' }] }, { rows: [['1769860800123456']] }]);
  t.notMatch(server.last.url, 'canary', 'the password is in a header');
  t.match((await ask("select '{{s}}'", { s: text('x') })).error, /in quotes/);
  t.match((await ask('select `{{s}}`', { s: text('x') })).error, /in a quoted name/);
  t.match((await ask('select {p1:String}, {{s}}', { s: text('x') })).error, /not a parameter here/);
  t.match((await ask('select {{s}} # {{s}}', { s: text('x') })).error, /in a comment/);
});

t.test('an error is found wherever a server writes it', async (t) => {
  const memory = 'Code 241: Memory limit (total) exceeded: while reading. (MEMORY_LIMIT_EXCEEDED)';
  for (const word of ['appended', 'tagged', 'inside'])
    t.equal((await ask(`select ${word}`)).error, memory, word);
  t.match((await ask('select cut')).error, /ended in the middle/);
  t.match((await ask('select torn')).error, /127\.0\.0\.1:\d+ can't be reached: it closed the connection/);
  t.match(
    (await ask('select denied')).error,
    /does not allow this: .*grant SELECT\(a\) ON shop\.orders.*\(permission\)/,
  );
  t.match((await ask('select alien')).error, /not from ClickHouse's HTTP interface/);
  t.match((await ask('insert into nothing values (1)')).answers.at(-1), {
    displays: [{ 'text/plain': 'INSERT.' }],
  });
  t.match(
    (await ask('select 1', {}, { password: new Secret('no') })).error,
    /does not accept the connection's username or password/,
  );
});

t.test('read-only is set by the gateway, and proven before a cell’s statement', async (t) => {
  const reads = { read_only: true };
  t.equal((await ask('select 1', {}, reads)).error, '');
  t.equal(lastQuery().get('readonly'), '2');
  isBound = true;
  const bound = { ...reads, username: 'bound' };
  t.equal((await ask('select 1', {}, bound)).error, '');
  t.notOk(lastQuery().has('readonly'), 'a user who is bound by its profile may set nothing');
  isBound = false;
  version = '18.16.1';
  const old = { username: 'old' };
  t.match(
    (await ask('select {{s}}', { s: text('x') }, old)).error,
    /ClickHouse 18\.16\.1 takes no parameters/,
  );
  t.equal((await ask('select 1', {}, old)).error, '');
  t.notOk(lastQuery().has('date_time_output_format'));
  version = 'hello';
  t.match((await ask('select 1', {}, { username: 'alien' })).error, /is not ClickHouse's HTTP interface/);
  version = '24.3.1';
  t.match((await ask('select 1', {}, { ssl_mode: 'require' })).error, /ssl_mode is disable or verify-full/);
});

t.test('its quotes and comments', async (t) => {
  const kinds = (sql: string) =>
    scan(sql, 'clickhouse').map(({ kind, from, to }) => `${kind} ${sql.slice(from, to)}`);
  t.same(kinds("'a\\'b' x"), ["string 'a\\'b'", 'code  x']);
  t.same(kinds('`a\\`b` "c"'), ['identifier `a\\`b`', 'code  ', 'identifier "c"']);
  t.same(kinds('1 --x\n2 # y\n3 #!z'), [
    'code 1 ',
    'comment --x',
    'code \n2 ',
    'comment # y',
    'code \n3 ',
    'comment #!z',
  ]);
  t.same(kinds('/* /* */ 1'), ['comment /* /* */', 'code  1'], 'not nested');
  t.same(kinds('$a$ {{x}} $a$ 1'), ['string $a$ {{x}} $a$', 'code  1']);
});
