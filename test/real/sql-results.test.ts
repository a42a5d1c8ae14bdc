import t from 'tap';
import { type Database, PASSWORD, startMariadb, startPostgres } from '../support/databases.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { sqlCells } from '../support/sql-cells.js';

t.setTimeout(300_000);

let postgres: Database;
let mariadb: Database;
let runtime: Runtime;

t.before(async () => {
  [postgres, mariadb] = await Promise.all([startPostgres(), startMariadb()]);
  t.teardown(() => Promise.all([postgres.close(), mariadb.close()]));
  runtime = await startRuntime(
    t,
    [
      `pg: {type: sql, dsn: "postgres://${postgres.user}@127.0.0.1:${postgres.port}/postgres", password: "{{runtime_env:DB}}", default: true}`,
      `my: {type: sql, driver: mariadb, host: 127.0.0.1, port: ${mariadb.port}, username: ${mariadb.user}, database: shop, password: "{{runtime_env:DB}}"}`,
    ],
    { DB: PASSWORD },
  );
});

t.test('S9: every result of a cell is shown, and the variable holds the last', async (t) => {
  const { run, print } = await runtime.startKernel(t);
  const shown = async (cell: string) => {
    const { error, data } = await run(cell);
    t.equal(error, '', cell);
    return data.map((bundle) => String(bundle['text/plain']));
  };
  const two = await shown('%%sql --out r\nselect 1 as a; create temp table x (i int); select 2 as b, 3 as c');
  t.match(two, [
    /^a\n-\n1\n\(1 row\. Statement 1 of 3\.\)/,
    /^b {2}c\n.*\n2 {2}3\n\(1 row\. Statement 3 of 3\. r contains this one, the last of 2 results\. CREATE\.\)/,
  ]);
  t.equal(await print('list(r.columns), len(r)'), "['b', 'c'] 1");
  t.equal((await shown('%%sql\ncreate temp table x (i int); select 1 as a')).length, 1);
  t.match(await shown('%%sql --limit 2\nselect generate_series(1, 3) a; select 4 b'), [
    /2 rows\. There are more rows. --limit ends them at 2\. Statement 1 of 2\./,
    /b\n/,
  ]);
  await run(
    '%%sql my\ncreate procedure several() begin select 1 a; update mysql.nothing set a = 1 where 0; end',
  );
  await run('%%sql my\ncreate or replace procedure several() begin select 1 a; select 2 b; end');
  t.match(await shown('%%sql my --out r\ncall several()'), [
    /^a\n-\n1\n\(1 row\. Result 1\.\)/,
    /^b\n-\n2\n\(1 row\. Result 2\. r contains/,
  ]);
  t.match(await shown('%%sql my\ncall several(); select 3 c'), [
    /Statement 1 of 2, result 1\./,
    /Statement 1 of 2, result 2\./,
    /Statement 2 of 2\./,
  ]);
  const failed = await run('%%sql\nselect 1 as a; select nope');
  t.match(failed.error, /Statement 2 of 2: ERROR: column "nope"/);
  const before = async (cell: string) => {
    const { data, error } = await run(cell);
    return [...data.map((bundle) => String(bundle['text/plain'])).filter((text) => text !== ''), error];
  };
  t.match(
    await before('%%sql --out kept\nselect 1 as a; select 2 as b; select nope; select 4'),
    [
      /^a\n-\n1\n\(1 row\. Statement 1 of 4\.\)$/,
      /^b\n-\n2\n\(1 row\. Statement 2 of 4\.\)$/,
      /Statement 3 of 4/,
    ],
    'what is whole before a statement that fails is shown',
  );
  t.equal(await print('"kept" in globals()'), 'False');
  t.match(await before('%%sql --timeout 2\nselect 1 as a; select pg_sleep(60)'), [
    /^a\n-\n1\n/,
    /longer than 2 s/,
  ]);
  t.match(await before('%%sql my\nselect 1 as a; insert into nowhere values (1)'), [
    /^a\n-\n1\n\(1 row\. Statement 1 of 2\.\)$/,
    /nowhere/,
  ]);
  t.match(
    await before('%%sql\nselect 1 as a; select 1 / (3 - g) from generate_series(1, 4) g'),
    [/^a\n-\n1\n/, /division by zero/],
    'nothing is shown of the statement that failed',
  );
  await run(
    '%%sql my\ncreate procedure loops() begin declare i int default 1; while i <= 150 do select i; set i = i + 1; end while; end',
  );
  const many = await shown('%%sql my --out r\ncall loops()');
  t.equal(many.length, 100, 'and no more than a notebook can show');
  t.match(
    many.at(-1),
    /Result 150\. r contains this one, the last of 150 results\. Of 150 results the first 99 and the last are shown\./,
  );
  t.equal(await print('r.i[0]'), '150');
});

t.test('S8: what a database says beside a result stands below it', async (t) => {
  const { run } = await runtime.startKernel(t);
  const shown = async (cell: string) => (await run(cell)).data.map((bundle) => String(bundle['text/plain']));
  t.same(
    await shown("%%sql\ndo $$ begin raise notice 'hello %', 1; raise warning 'w' using detail = 'd'; end $$"),
    ['DO.', 'NOTICE: hello 1\nWARNING: w\nDETAIL: d'],
  );
  await run('%%sql\ncreate table v as select generate_series(1, 10) a');
  t.match(await shown('%%sql\nvacuum (verbose) v'), ['VACUUM.', /INFO: .*vacuuming "postgres\.public\.v"/]);
  t.match(await shown("%%sql\nselect 1 a; do $$ begin raise notice 'between'; end $$; select 2 b"), [
    /^a\n/,
    'NOTICE: between',
    /^b\n/,
  ]);
  const failed = await run("%%sql\ndo $$ begin raise notice 'before'; raise 'no'; end $$");
  t.match(failed.error, /ERROR: no/);
  t.match(JSON.stringify(failed.data), /NOTICE: before/, 'also where it fails');
  const [, loop = ''] = await shown(
    "%%sql\ndo $$ begin for i in 1..100000 loop raise notice '%', repeat('x', 1000); end loop; end $$",
  );
  t.match(loop, /… and 99,950 more$/, 'bounded');
  t.ok(loop.length < 100_000);
  await run('%%sql my\ncreate table w (a tinyint unsigned)');
  t.same(await shown("%%sql my\nset sql_mode = ''; insert into w values (300)"), [
    'SET, INSERT 1.',
    "Warning 1264: Out of range value for column 'a' at row 1",
  ]);
  t.match(await shown("%%sql my\nselect cast('12a' as int) a"), [
    /\n12\n/,
    /Warning 1292: Truncated incorrect INTEGER value: '12a'/,
  ]);
  t.match(
    await shown("%%sql my\nset sql_mode = ''; insert into w values (300), (400); select row_count() n"),
    [/\n *2\n/],
  );
});

t.test('S9: what COPY sends is not dropped without a word', async (t) => {
  const { run } = await runtime.startKernel(t);
  const { data, error } = await run('%%sql\ncopy (select 1) to stdout');
  t.equal(error, '');
  t.match(
    data.map((bundle) => bundle['text/plain']),
    ['COPY 1.', /COPY … TO STDOUT shows nothing here/],
  );
});

t.test('S3: times of numpy and pandas are times', async (t) => {
  const { run, print } = await runtime.startKernel(t);
  await run(`import numpy as np, pandas as pd, datetime
ns, us, s, d, month = (np.datetime64(x) for x in ('2026-01-31T11:00:00.123456789', '2026-01-31T11:00:00.5', '2026-01-31T11:00:00', '2026-01-31', '2026-01'))
nat, pnat, na = np.datetime64('NaT'), pd.NaT, pd.NA
stamp = pd.Timestamp('2026-01-31 12:00', tz='Europe/Berlin')
several = np.array(['2026-01-31T11:00:00'], dtype='datetime64[ns]')
frame = pd.DataFrame({'t': [pd.Timestamp('2026-01-31 11:00')]})
clock = datetime.time(11, 0)
delta, deltas = np.timedelta64(1, 'ns'), np.array([1], dtype='timedelta64[ns]')`);
  for (const name of ['pg', 'my']) {
    const cell = `%%sql ${name} --out r
select {{ns}} a, {{us}} b, {{s}} c, {{d}} d, {{month}} e, {{stamp}} f, {{nat}} is null and {{pnat}} is null and {{na}} is null g,
  {{s}} in ({{several}}) h, {{s}} in ({{frame.t}}) i, {{clock}} j`;
    t.match(await run(cell), { status: 'ok', error: '' });
    const at = "pd.Timestamp('2026-01-31 11:00:00";
    t.equal(
      await print(`r.a[0] == ${at}.123456'), r.b[0] == ${at}.5'), r.c[0] == ${at}')`),
      'True True True',
      name,
    );
    t.equal(await print('r.d[0], r.e[0]'), '2026-01-31 2026-01-01');
    t.equal(
      await print(`r.f[0].tz_localize(None) == ${at}') if r.f[0].tzinfo is None else r.f[0] == stamp`),
      'True',
    );
    t.equal(await print('bool(r.g[0]), bool(r.h[0]), bool(r.i[0]), r.j[0]'), 'True True True 11:00:00');
    for (const name_ of ['delta', 'deltas'])
      t.match(
        await run(`%%sql ${name}\nselect {{${name_}}}`),
        { error: /is a timedelta64/ },
        'a duration is no number',
      );
  }
  await run('ids = list(range(3_000_000))');
  t.match(await run('%%sql\nselect 1 in ({{ids}})'), {
    error: /X?\{\{ids\}\} contains 3,000,000 values\. A cell sends at most 200,000/,
  });
});

t.test('X3: rows and values of any size pass, or are told, and the gateway stays small', async (t) => {
  const inPostgres = sqlCells('postgres', postgres, { database: 'postgres' });
  const inMariadb = sqlCells('mysql', mariadb, { database: 'shop' });
  await inMariadb.run('set global max_allowed_packet = 1073741824');
  const cases = [
    [inPostgres, "select i, repeat('x', 12000000) from generate_series(1, 20) i", 20, /^$/],
    [
      inPostgres,
      "select repeat('x', case when i < 1000 then 3 else 150000 end) from generate_series(1, 2000) i",
      2000,
      /^$/,
    ],
    [inPostgres, "select repeat('x', 300000000)", 0, /A row of the result is 287 MiB: the limit is 64 MiB/],
    [inPostgres, "select repeat('x', 40000000), repeat('y', 40000000)", 0, /A row of the result is 77 MiB/],
    [
      inPostgres,
      "select case when i < 3 then 'a' else repeat('x', 300000000) end from generate_series(1, 3) i",
      2,
      /A row of the result is 287 MiB/,
    ],
    [inMariadb, "select seq, repeat('x', 12000000) from seq_1_to_10", 10, /^$/],
    [inMariadb, "select repeat('x', 300000000)", 0, /A row of the result is larger than 64 MiB/],
  ] as const;
  const before = process.memoryUsage.rss();
  for (const [cells, statement, rows, sentence] of cases) {
    const weighed = await cells.weigh(statement);
    t.match(weighed.error, sentence, statement);
    // Rows before one that is too large may come, or not: it is told as soon as its head is there.
    if (weighed.error === '') t.equal(weighed.rows, rows, statement);
    else t.ok(weighed.rows <= rows, statement);
    t.ok(weighed.memory - before < 700e6, `grew by ${Math.round((weighed.memory - before) / 1e6)} MB`);
    t.same(await cells.run('select 1'), [1], 'and the next cell works');
  }
});
