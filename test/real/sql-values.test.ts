import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { type Database, startMariadb, startPostgres } from '../support/databases.js';
import { sqlCells } from '../support/sql-cells.js';

t.setTimeout(180_000);

let postgres: Database;
let mariadb: Database;

t.before(async () => {
  [postgres, mariadb] = await Promise.all([startPostgres(), startMariadb()]);
  t.teardown(() => Promise.all([postgres.close(), mariadb.close()]));
});

const inPostgres = (more: object = {}) => sqlCells('postgres', postgres, { database: 'postgres', ...more });
const inMariadb = () => sqlCells('mysql', mariadb, { database: 'shop' });

const text = (value: string): Value => ({ type: 'text', value });
const number = (value: number | string): Value => ({ type: 'number', value: String(value) });
const time = (value: string): Value => ({ type: 'time', value });
const list = (...value: Value[]): Value => ({ type: 'list', value });
const nothing: Value = { type: 'null', value: null };

/** Microseconds since 1970 of noon in Berlin on a winter day. */
const NOON = Date.UTC(2026, 0, 31, 11) * 1000;
const BERLIN = time('2026-01-31T12:00:00+01:00');

t.test(
  'S3: a time with an offset is the same instant in MariaDB, wherever it is compared or kept',
  async (t) => {
    const { run, perform } = inMariadb();
    await run('create table tz (id int, ts timestamp(6) null, dt datetime(6))');
    const instants = {
      berlin: BERLIN,
      utc: time('2026-01-31T11:00:00+00:00'),
      zulu: time('2026-01-31 11:00:00Z'),
      'the day before, elsewhere': time('2026-01-30T21:30:00-13:30'),
      'with nanoseconds, of which none counts': time('2026-01-31T11:00:00.000000999+00:00'),
    };
    for (const [name, at] of Object.entries(instants)) {
      const { error, answers } = await perform(
        'insert into tz values (1, {{t}}, {{t}}); select ts, dt from tz where ts = {{t}} and dt = {{t}}; delete from tz',
        { t: at },
      );
      t.equal(error, '', name);
      t.same(answers.find(({ kind }) => kind === 'rows')?.rows, [[NOON], [NOON]], name);
    }
    const old = time('1965-05-05T05:05:05.5+05:05');
    const before1970 = Date.UTC(1965, 4, 5, 0, 0, 5, 500) * 1000;
    t.same(await run('select {{t}}', { t: old }), [before1970], 'before 1970');
    const clock = time('2026-01-31T12:00:00.123456');
    t.same(await run('select {{t}}', { t: clock }), [NOON + 3_600_000_000 + 123_456], 'a clock stays one');
    await run("insert into tz values (2, '2026-01-31 11:00:00', null)");
    t.same(await run('select id from tz where ts in ({{ts}})', { ts: list(BERLIN) }), [2], 'in a list');
    t.same(
      await run("set time_zone = '+02:00'; select id from tz where ts = {{t}}", { t: BERLIN }),
      [2],
      'and in a session in another zone',
    );
  },
);

t.test('S3: the same in PostgreSQL', async (t) => {
  const { run } = inPostgres();
  t.same(await run('select {{t}}', { t: BERLIN }), [NOON]);
  t.same(await run("set time zone 'Asia/Kolkata'; select {{t}}", { t: BERLIN }), [NOON]);
  t.same(await run("select timestamptz '2026-01-31 11:00+00' = any({{ts}})", { ts: list(BERLIN) }), [true]);
});

t.test('S2: what a cell sets for how values are written changes no bytes', async (t) => {
  const { run } = inPostgres();
  const bytes = String.raw`'\x00275c5c30ff80610a'::bytea`;
  const expected = Buffer.from('00275c5c30ff80610a', 'hex').toString('base64');
  t.same(await run(`set bytea_output to escape; select ${bytes}`), [expected]);
  t.same(await run(`set bytea_output to escape; select array[${bytes}]`), [[expected]]);
  t.same(await run(`select ${bytes}`), [expected]);
});

t.test('S4: a TIMESTAMP is an instant in UTC alone, and a clock in any other zone', async (t) => {
  const { perform, run } = inMariadb();
  await run(
    "create table ty (ts timestamp, dt datetime, errors int); insert into ty values ('2026-01-31 11:00:00', null, 0)",
  );
  await run("create procedure zoned() begin set time_zone = '+02:00'; end");
  const at13 = NOON + 2 * 3_600_000_000;
  const seen: Readonly<Record<string, readonly [string, number]>> = {
    'select ts from ty': ['time', NOON],
    "set time_zone = '+00:00'; select ts from ty": ['time', NOON],
    "set time_zone = '+02:00'; select ts from ty": ['datetime', at13],
    "set @@session.time_zone = '+02:00'; select ts from ty": ['datetime', at13],
    'call zoned(); select ts from ty': ['datetime', at13],
    "set time_zone = '+02:00'; set time_zone = '+00:00'; select ts from ty": ['time', NOON],
    "set statement time_zone = '+02:00' for select ts from ty": ['datetime', at13],
    // Before these the session can't be asked: it would be what they look back at.
    "set time_zone = '+02:00'; select ts from ty where errors = 0": ['datetime', at13],
    "set time_zone = '+02:00'; select ts from ty where row_count() < 9": ['datetime', at13],
    "execute immediate 'set time_zone = ''+02:00'''; select ts from ty where errors = 0": ['datetime', at13],
    'call zoned(); select ts from ty where errors = 0': ['datetime', at13],
    "set time_zone = '+02:00'; select ts from ty where found_rows() < 9": ['datetime', at13],
    'select ts from ty where errors = 0': ['time', NOON],
  };
  for (const [cell, [type, value]] of Object.entries(seen)) {
    const { answers } = await perform(cell);
    const columns = answers.find(({ kind }) => kind === 'columns')?.columns;
    t.match(columns, [{ name: 'ts', type }], cell);
    t.same(await run(cell), [value], cell);
  }
  const one = number(1);
  t.same(await run('select ts from ty where 1 = {{one}}', { one }), [NOON], 'the next cell is in UTC again');
});

t.test("S5: a text stands wherever the same text would as PostgreSQL's literal", async (t) => {
  const s = text('ab');
  const cases: readonly (readonly [string, readonly unknown[], Record<string, Value>?])[] = [
    ["select concat({{s}}, '%')", ['ab%']],
    ['select {{s}} is null', [false]],
    ["select jsonb_build_object('k', {{s}})", ['{"k": "ab"}']],
    ["select format('%s', {{s}})", ['ab']],
    ['select num_nulls({{s}}, {{s}})', [0]],
    ['select to_jsonb({{s}}), concat({{s}}, {{s}})', ['"ab"', 'abab']],
    ['select array_agg({{s}})', [['ab']]],
    ['select row({{s}})::text', ['(ab)']],
    ['select {{s}} || {{s}}, {{s}} = {{s}}, coalesce({{s}}, null)', ['abab', true, 'ab']],
    ["select 'ab' like concat({{s}}, '%'), 'ab' in ({{l}})", [true, true], { l: list(s, nothing) }],
    ['select count(*) from typed where i = {{i}}', [1], { i: text('1') }],
    ['select count(*) from typed where d > {{d}} and ts > {{d}}', [1], { d: text('2025-12-31') }],
    [
      'select count(*) from typed where m = {{s}} and u = {{u}}',
      [1],
      { u: text(`${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(11)}1`) },
    ],
    [
      'select count(*) from typed where j @> {{j}} and j->>{{k}} = {{one}}',
      [1],
      { j: text('{"a": 1}'), k: text('a'), one: text('1') },
    ],
    [
      "select count(*) from typed where a = {{a}} and concat({{s}}, 'x') = 'abx' and i = {{i}}",
      [1],
      { a: text('{1,2}'), i: text('1') },
    ],
    ['select {{t}}::int + 1, cast({{t}} as date)::text', [20260132, '2026-01-31'], { t: text('20260131') }],
  ];
  await inPostgres().run(`create type mood as enum ('sad', 'ab');
    create table typed (i int, d date, ts timestamptz, m mood, u uuid, j jsonb, a int[]);
    insert into typed values (1, '2026-01-31', '2026-01-31', 'ab', '00000000-0000-0000-0000-000000000001', '{"a": 1}', '{1,2}')`);
  for (const readOnly of [false, true]) {
    const { run, perform } = inPostgres({ read_only: readOnly });
    for (const [statement, expected, more = {}] of cases) {
      t.same(await run(statement, { s, ...more }), expected, `${statement}, read-only: ${readOnly}`);
    }
    t.match(
      (await perform('select 1 from typed where i = {{s}}', { s })).error,
      /invalid input syntax for type integer/,
    );
  }
  const { run } = inPostgres();
  const inside = `begin; create temp table kept (a int); insert into kept values (1);
    select concat({{s}}, '%'); select {{s}} is null; select count(*) from kept; commit`;
  t.same(await run(inside, { s }), ['ab%', false, 1], 'and a transaction goes on');
});

t.test('S6: MariaDB: the same value with a variable in the cell and without', async (t) => {
  const { run } = inMariadb();
  await run(
    'create table fl (f float, fixed float(10,2), d double, tm time(6), g geometry, b bit(3), y year, s set("a","b"))',
  );
  await run(`insert into fl values
    (1.1, 123456.78, 1.1, '12:00:00.5', point(1, 2), b'101', 2026, 'a,b'),
    (16777216, 1, 0.1, '-25:00:00', st_geomfromtext('LINESTRING(0 0, 1 1)', 4326), b'0', 0, ''),
    (1234565, 0.5, 1e300, '00:00:00', null, null, 1999, 'a'), (1234575, 0, -0.0, null, null, null, null, null),
    (0.0001, 2, 1e-300, null, null, null, null, null), (3.4e38, 2, 5, null, null, null, null, null)`);
  const one = number(1);
  const all = await run('select * from fl');
  t.same(await run('select * from fl where {{one}} = 1', { one }), all);
  t.same(all.slice(0, 3), [1.1, 16_777_200, 1_234_560], 'a FLOAT as every client shows it');
  t.same(all.slice(6, 8), [123_456.78, 1]);
  t.same(await run('select tm from fl limit 2'), ['12:00:00.5', '-25:00:00']);
  for (const body of [
    'select point(1, 2), st_aswkb(point(1, 2))',
    'select point({{one}}, 2), st_aswkb(point(1, 2))',
  ]) {
    const [point, wkb] = await run(body, { one });
    t.equal(point, wkb, 'a geometry is its WKB');
    t.equal(
      Buffer.from(String(point), 'base64').toString('hex'),
      '0101000000000000000000f03f0000000000000040',
    );
  }
});

t.test('S13: a list in any() is an array, of any length', async (t) => {
  const { run, perform } = inPostgres();
  const ids = list(number(1), number(3));
  const many = list(...Array.from({ length: 100_000 }, (_, at) => number(at)));
  t.same(await run('select g from generate_series(1, 5) g where g = any({{ids}})', { ids }), [1, 3]);
  t.same(await run('select g from generate_series(1, 4) g where g <> ALL ( {{ids}} )', { ids }), [2, 4]);
  t.same(await run('select count(*) from generate_series(1, 9) g where g = any({{many}})', { many }), [9]);
  t.same(
    await run('select 1 = any({{none}}), 1.5 = any({{mixed}})', {
      none: list(),
      mixed: list(number(1), number('1.5')),
    }),
    [false, true],
  );
  t.same(
    await run('select 1 = any({{mixed}})', { mixed: list(number(1), number('1.5')) }),
    [true],
    'as numbers that hold each of them, not as what stands before',
  );
  t.same(await run(`select 'a"b\\c' = any({{l}}), 'x' = any({{l}})`, { l: list(text('a"b\\c'), nothing) }), [
    true,
    null,
  ]);
  t.same(
    await run('select count(*) from pg_class where oid = any({{l}}) or relname = any({{l}})', {
      l: list(text('1259')),
    }),
    [1],
  );
  t.same(
    await run('select date {{d}} = any({{ds}})', {
      d: text('2026-01-31'),
      ds: list({ type: 'date', value: '2026-01-31' }),
    }),
    [true],
  );
  for (const wrong of [
    'select 1 where 1 in {{ids}}',
    'select unnest({{ids}})',
    'select 1 = any(({{ids}}))',
    'select 1 = any(({{ids}})::int[])',
    'select 1 = any({{ids}}::int[])',
  ]) {
    t.match(
      (await perform(wrong, { ids })).error,
      /HINT: Write a list as in \(\{\{ids\}\}\), = any\(\{\{ids\}\}\) or array/,
      wrong,
    );
  }
  const mariadb = inMariadb();
  t.match((await mariadb.perform('select 1 = any({{ids}})', { ids })).error, /write in \(\{\{ids\}\}\)/);
  t.match(
    (await mariadb.perform('select 1 in {{ids}}', { ids })).error,
    /HINT: Write a list as in \(\{\{ids\}\}\)/,
  );
});

t.test('X8: a list that is too long for a statement is told at once', async (t) => {
  const ids: Value = { type: 'list', value: new Array<Value>(3_000_000).fill(number(1)) };
  for (const cells of [inPostgres(), inMariadb()]) {
    const since = performance.now();
    t.match((await cells.perform('select 1 in ({{ids}})', { ids })).error, /at most 65,535 values/);
    t.ok(performance.now() - since < 5_000);
  }
});
