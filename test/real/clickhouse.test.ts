import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import type { Value } from '../../processors/core/value.js';
import { sql } from '../../processors/sql.js';
import { oneConnection, performCell, resources, weighCell } from '../support/brokered.js';
import { freePort } from '../support/free-port.js';
import { startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

/** Debian's ClickHouse is of 2018: it has no parameters yet, see test/processors/clickhouse.test.ts. */
t.setTimeout(180_000);
const PASSWORD = 'canary-"$`\'password';

async function startClickhouse(t: Test): Promise<number> {
  const folder = t.testdir();
  const [http, tcp] = [await freePort(), await freePort()];
  const user = (profile: string) =>
    `<password>${PASSWORD.replaceAll('"', '&quot;')}</password><networks><ip>127.0.0.1</ip></networks><profile>${profile}</profile><quota>default</quota>`;
  const users = `<yandex><profiles><default/><bound><readonly>1</readonly></bound></profiles><quotas><default/></quotas>
    <users><gateway>${user('default')}</gateway><bound>${user('bound')}</bound></users></yandex>`;
  const config = `<yandex><logger><level>warning</level><console>1</console></logger><http_port>${http}</http_port>
    <tcp_port>${tcp}</tcp_port><listen_host>127.0.0.1</listen_host><path>${folder}/data/</path>
    <tmp_path>${folder}/data/tmp/</tmp_path><users_config>users.xml</users_config><default_profile>default</default_profile>
    <default_database>default</default_database><mark_cache_size>10000000</mark_cache_size></yandex>`;
  await mkdir(join(folder, 'data'), { recursive: true });
  await writeFile(join(folder, 'users.xml'), users);
  await writeFile(join(folder, 'config.xml'), config);
  const server = spawn('clickhouse-server', [`--config-file=${folder}/config.xml`], {
    cwd: folder,
    stdio: 'ignore',
  });
  const ended = once(server, 'exit');
  t.teardown(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  const answers = () =>
    fetch(`http://127.0.0.1:${http}/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(answers, 60_000);
  return http;
}

const port = await startClickhouse(t);
const settings = {
  driver: 'clickhouse',
  host: '127.0.0.1',
  port,
  username: 'gateway',
  password: new Secret(PASSWORD),
};
const ask = (body: string, more: object = {}, options = '', values: Record<string, Value> = {}) =>
  performCell(`%%sql ${options}\n${body}`, oneConnection('sql', { ...settings, ...more }), values);
const rowsOf = (answers: readonly Record<string, unknown>[]) =>
  answers.flatMap(({ kind, rows }) => (kind === 'rows' ? (rows as unknown[][]).flat() : []));

t.test('values of every type', async (t) => {
  const { answers, error } = await ask(`
    select toUInt64(18446744073709551615) u, toInt8(-1) i, nan, 1/0 inf, [1, 2] a, [['x'], []] aa, toDecimal64(1.1, 3) d,
      toDateTime('2026-01-31 12:00:00') t, toDate('2026-01-31') day, cast(null as Nullable(String)) n, (1, 'x') tup,
      'a\\n\\t\\'"\\\\ü' s, toFloat64(0.1) f`);
  t.equal(error, '');
  t.match(answers[0], {
    columns: [
      { name: 'u', type: 'integer' },
      { type: 'integer' },
      { type: 'float' },
      { type: 'float' },
      { name: 'a', type: 'list', items: 'integer' },
      { name: 'aa', type: 'list', items: 'text' },
      { name: 'd', type: 'decimal' },
      { type: 'datetime' },
      { type: 'date' },
      { name: 'n', type: 'text' },
      { name: 'tup', type: 'document' },
      {},
      {},
    ],
  });
  t.same(rowsOf(answers), [
    '18446744073709551615',
    -1,
    'nan',
    'inf',
    [1, 2],
    [['x'], []],
    '1.100',
    Date.parse('2026-01-31T12:00:00Z') * 1000,
    '2026-01-31',
    null,
    '[1,"x"]',
    'a\n\t\'"\\ü',
    0.1,
  ]);
});

t.test('an error in the middle of rows, which come with status 200, fails the cell', async (t) => {
  const broken =
    'select if(number = 300000, throwIf(number >= 300000), 0), number from system.numbers limit 400000';
  const { error, answers } = await ask(broken);
  t.equal(error, "Code 395: Value passed to 'throwIf' function is non zero");
  t.ok(answers.length > 5, 'rows had come');
  const text = await ask("select 'Code: 1, e.displayText() = DB::Exception: x' as a");
  t.equal(text.error, '', 'a text that looks like one is a text');
  t.match((await ask('select 1;\nselect wrong')).error, /^Statement 2 of 2: Code 47: .*wrong/);
  t.match((await ask('select\n  1 +')).error, /^Code 62: Syntax error: .*\n {2}/);
  t.match((await ask('select 1 format JSON')).error, /Leave out FORMAT/);
});

const running = async () =>
  rowsOf(
    (
      await ask(
        "select count() from system.processes where query like '%hits_of_numbers%' and query not like '%processes%'",
      )
    ).answers,
  )[0];

t.test('a limit and an interrupt end the statement at the database', async (t) => {
  const { answers, error } = await ask(
    'select number as hits_of_numbers from system.numbers',
    {},
    '--limit 10',
  );
  t.equal(error, '');
  t.same(rowsOf(answers), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.match(JSON.stringify(answers), /There are more rows\. --limit ends them at 10\./);
  await until(async () => Number(await running()) === 0);
  const slow = await ask('select count() as hits_of_numbers from system.numbers', {}, '--timeout 1');
  t.match(slow.error, /took longer than 1 s/);
  await until(async () => Number(await running()) === 0);
});

t.test('statements of a cell share a session, and none is left for the next', async (t) => {
  const made = await ask(
    'create temporary table tt (a UInt64); insert into tt values (1), (2); select sum(a) from tt',
  );
  t.same(rowsOf(made.answers), [3]);
  t.match((await ask('select * from tt')).error, /tt/);
});

t.test('read-only is the server’s doing, and no statement takes it back', async (t) => {
  const reads = { read_only: true };
  for (const body of [
    'create table x (a Int8) engine = Memory',
    'set readonly = 0; create table x (a Int8) engine = Memory',
    'select 1 settings readonly = 0',
    'insert into system.one settings readonly = 0 values (1)',
  ])
    t.not((await ask(body, reads)).error, '', body);
  t.same(rowsOf((await ask('select 1; select 2', reads)).answers), [1, 2]);
  t.equal(rowsOf((await ask("select count() from system.tables where name = 'x'")).answers)[0], 0);
  const bound = { username: 'bound', read_only: true };
  t.same(rowsOf((await ask('select 1', bound)).answers), [1], 'also for a user who may set nothing');
  t.match((await ask('create table x (a Int8) engine = Memory', bound)).error, /readonly/);
});

t.test('a million rows take no memory', async (t) => {
  const query = '%%sql --limit 2000000\nselect number, toString(number) from system.numbers limit 1000000';
  const before = process.memoryUsage.rss();
  const { rows, memory, error } = await weighCell(query, oneConnection('sql', settings));
  t.equal(error, '');
  t.equal(rows, 1_000_000);
  t.ok(memory - before < 300_000_000, `${memory - before} bytes`);
});

t.test('S10, S12: the password is in no frame, memory, history, file or log', async (t) => {
  const test = async (more: object) =>
    sql.connection?.test({
      settings: sql.connection.settings.parse({ ...settings, ...more }),
      signal: AbortSignal.timeout(15_000),
      resources,
      hide: () => {},
    });
  t.match(await test({ read_only: true }), /^ClickHouse 18\.16\.\d+, read-only$/);
  await t.rejects(test({ password: new Secret('no') }), {
    message: /does not accept the connection's username or password/,
  });
  const runtime = await startRuntime(
    t,
    [
      `ch: {type: sql, dsn: "clickhouse://gateway@127.0.0.1:${port}/default", password: "{{runtime_env:CH}}"}`,
    ],
    { CH: PASSWORD },
  );
  const { run } = await runtime.startKernel(t);
  const shown = await run(
    '%%sql ch --out df\nselect number as n, toString(n) as s from system.numbers limit 3',
  );
  t.match(shown, { status: 'ok', error: '' });
  t.equal((await run('print(df.n.sum(), list(df.s))')).stdout, "3 ['0', '1', '2']\n");
  const leaks = await runtime.findLeaks(t, ['%%sql ch\nselect 1', '%%sql ch\nselec'], [PASSWORD]);
  t.same(leaks, []);
});
