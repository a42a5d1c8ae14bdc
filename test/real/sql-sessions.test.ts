import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { type Database, startMariadb, startPgBouncer, startPostgres } from '../support/databases.js';
import { sqlCells } from '../support/sql-cells.js';
import { until } from '../support/until.js';

t.setTimeout(300_000);

let postgres: Database;
let pooler: Database;
let mariadb: Database;

t.before(async () => {
  [postgres, mariadb] = await Promise.all([startPostgres(), startMariadb()]);
  pooler = await startPgBouncer(postgres);
  t.teardown(async () => {
    await pooler.close();
    await Promise.all([postgres.close(), mariadb.close()]);
  });
});

const inPostgres = (more: object = {}, at = postgres) =>
  sqlCells('postgres', at, { database: 'postgres', ...more });
const inMariadb = (more: object = {}) => sqlCells('mysql', mariadb, { database: 'shop', ...more });

t.test('S1: an error that comes when the statement is done already is told at once', async (t) => {
  const { perform, run } = inPostgres();
  await run(`create table pa (id int primary key);
    create table ch (id int references pa(id) deferrable initially deferred);
    create table uq (id int unique deferrable initially deferred);
    create function refuse() returns trigger language plpgsql as $$ begin raise 'not this'; end $$;
    create constraint trigger refuses after insert on pa deferrable initially deferred
      for each row execute function refuse()`);
  const late: Readonly<Record<string, RegExp>> = {
    'insert into ch values (99)': /violates foreign key constraint/,
    'insert into ch values (99) returning id': /violates foreign key constraint/,
    'insert into uq values (1), (1)': /violates unique constraint/,
    'insert into pa values (1)': /not this/,
    'begin; insert into ch values (99); commit': /Statement 3 of 3: .*violates foreign key/,
  };
  for (const [statement, sentence] of Object.entries(late)) {
    const since = performance.now();
    const { error } = await perform(statement, {}, '--timeout 60');
    t.match(error, sentence, statement);
    t.ok(performance.now() - since < 30_000, 'long before the time is over');
    t.same(await run('select 1'), [1], 'and the next cell works');
  }
});

t.test('S1: nothing that a database sends in between keeps a cell waiting', async (t) => {
  const { perform, run } = inPostgres();
  await run('create table copied (a int)');
  const odd: Readonly<Record<string, RegExp>> = {
    'copy copied from stdin': /no input to copy from/,
    'begin; copy copied from stdin': /no input to copy from/,
    'copy (select 1) to stdout': /^$/,
    "listen a; notify a, 'b'": /^$/,
    '/* */ select': /^$/,
    'select pg_terminate_backend(pg_backend_pid())': /terminating connection|closed the connection/,
    'declare c cursor for select 1': /can only be used in transaction/,
    'begin; declare c cursor for select generate_series(1, 3) a; fetch 2 from c; commit': /^$/,
  };
  for (const [statement, sentence] of Object.entries(odd)) {
    t.match((await perform(statement, {}, '--timeout 60')).error, sentence, statement);
    t.same(await run('select 1'), [1], 'and the next cell works');
  }
});

/** What a cell could leave to the next one, and what shows it. */
const left = {
  mysql: {
    'create database if not exists staging; use staging': ['select database()', 'shop'],
    "create role if not exists chosen; grant chosen to gateway@'%'; set role chosen": [
      'select current_role()',
      null,
    ],
    "set time_zone = '+02:00'": ['select @@time_zone', '+00:00'],
    "set sql_mode = 'ANSI_QUOTES'": ['select @@sql_mode = @@global.sql_mode', 1],
    'set names latin1': ["select 'ä✓'", 'ä✓'],
    'set @mine = 1': ['select @mine', null],
    'set autocommit = 0': ['select @@autocommit', 1],
    'set session transaction isolation level serializable': ['select @@tx_isolation', 'REPEATABLE-READ'],
    'create temporary table mine (a int)': [
      "select count(*) from information_schema.tables where table_name = 'mine'",
      0,
    ],
    "prepare p from 'select 1'": [
      "select variable_value from information_schema.session_status where variable_name = 'com_stmt_execute'",
      '0',
    ],
    "select get_lock('mine', 1)": ["select is_free_lock('mine')", 1],
  },
  postgres: {
    'create role chosen; set role chosen': ['select current_user::text', 'gateway'],
    'set session authorization gateway; set role none': ['select current_user::text', 'gateway'],
    'create schema if not exists other; set search_path to other': [
      'select current_schema()::text',
      'public',
    ],
    "set time zone 'Asia/Kolkata'": ["select current_setting('TimeZone') <> 'Asia/Kolkata'", true],
    'set datestyle to german': ["select date '2026-01-31'", '2026-01-31'],
    "set bytea_output to 'escape'": ["select 'a'::bytea", 'YQ=='],
    'create temp table mine (a int)': ["select count(*) from pg_class where relname = 'mine'", 0],
    'prepare p as select 1': ['select count(*) from pg_prepared_statements', 0],
    'select pg_advisory_lock(1)': ["select count(*) from pg_locks where locktype = 'advisory'", 0],
    'listen mine': ['select count(*) from pg_listening_channels()', 0],
    'set statement_timeout to 100000': ["select current_setting('statement_timeout')", '0'],
    'begin; create table uncommitted (a int)': [
      "select count(*) from pg_class where relname = 'uncommitted'",
      0,
    ],
    'set default_transaction_read_only to on': ["select current_setting('transaction_read_only')", 'off'],
  },
} as const;

const PID = { postgres: 'pg_backend_pid()', mysql: 'connection_id()' } as const;

/**
 * Looks until the session with that number serves the look, which is given back while the next cell begins; or until it
 * is gone. Two cells look at once: one alone is served by the session that was given back last, and that may be
 * another one every time.
 */
async function lookIn(
  { run }: ReturnType<typeof sqlCells>,
  pid: string,
  number: unknown,
  look: string,
): Promise<unknown[]> {
  let seen: unknown[] = [];
  const count = pid.startsWith('pg')
    ? `select count(*) from pg_stat_activity where pid = ${number}`
    : `select count(*) from information_schema.processlist where id = ${number}`;
  await until(async () => {
    const both = [1, 2].map(() => run(`select ${pid}; ${count}; ${look}`));
    const found = (await Promise.all(both)).find(([at, there]) => at === number || there === 0);
    seen = found?.slice(2) ?? [];
    return found !== undefined;
  }, 60_000);
  return seen;
}

for (const driver of ['postgres', 'mysql'] as const) {
  t.test(`S2: ${driver}: a session that served a cell is as the connection says for the next`, async (t) => {
    const cells = driver === 'mysql' ? inMariadb() : inPostgres();
    for (const [cell, [look, expected]] of Object.entries(left[driver])) {
      const number = (await cells.run(`${cell}; select ${PID[driver]}`)).at(-1);
      t.same(await lookIn(cells, PID[driver], number, look), [expected], cell);
    }
  });
}

t.test("S2: a role's own settings hold in every cell", async (t) => {
  await inPostgres().run(
    `create role reader; create role app login password 'app' in role reader; alter role app set role = reader;
     alter role app set search_path = pg_catalog`,
  );
  const cells = inPostgres({ username: 'app', password: new Secret('app') });
  const cell = `set role none; set search_path to public; select ${PID.postgres}`;
  const look = 'select current_user::text, current_schema()::text';
  t.same(await cells.run(look), ['reader', 'pg_catalog']);
  const [number] = await cells.run(cell);
  t.same(await lookIn(cells, PID.postgres, number, look), ['reader', 'pg_catalog']);
});

t.test('S2: what a server runs at a login holds in every cell', async (t) => {
  const { run } = inMariadb();
  await run(`create user 'plain'@'%' identified by 'plain'`);
  await run(`set global init_connect = 'set @at_login = 1'`);
  t.teardown(() => run(`set global init_connect = ''`));
  const plain = sqlCells('mysql', mariadb, { username: 'plain', password: new Secret('plain') });
  for (let cell = 0; cell < 3; cell++) t.same(await plain.run('select @at_login'), [1]);
});

t.test('a session whose server has gone is not given out again', async (t) => {
  const other = inPostgres({ username: 'gateway', read_only: false });
  const { run } = inPostgres({ read_only: true });
  const [pid] = await run('select pg_backend_pid()');
  await other.run(`select pg_terminate_backend(${pid})`);
  await until(async () => {
    const [gone] = await other.run(`select count(*) from pg_stat_activity where pid = ${pid}`);
    return gone === 0;
  });
  t.same(await run('select 1'), [1]);
});

t.test(
  'S7: what is given up ends at the database, behind a pooler and for a role with one connection',
  async (t) => {
    const { run } = inPostgres();
    await run("create role single login password 'single' connection limit 1");
    const single = { username: 'single', password: new Secret('single') };
    const ways = { pgbouncer: inPostgres({}, pooler), 'connection limit 1': inPostgres(single) };
    let seconds = 3700;
    for (const [name, { perform }] of Object.entries(ways)) {
      seconds += 1;
      const statement = `select pg_sleep(${seconds})`;
      const { error } = await perform(statement, {}, '--timeout 1');
      t.match(error, /took longer than 1 s/, name);
      await until(async () => {
        const [running] = await run(
          `select count(*) from pg_stat_activity where state = 'active' and query = '${statement}'`,
        );
        return running === 0;
      }, 20_000);
      t.pass(`${name}: it has ended`);
    }
  },
);

t.test('S7: cells work through a pooler as without', async (t) => {
  const { run, perform } = inPostgres({}, pooler);
  const s = { type: 'text', value: 'ab' } as const;
  t.same(await run("select concat({{s}}, '%'), {{s}} is null", { s }), ['ab%', false]);
  t.same(await run('select count(*) from generate_series(1, 30000)'), [30_000]);
  t.match((await perform('select generate_series(1, 9)', {}, '--limit 4')).text, /There are more rows/);
  t.match(
    (await inPostgres({ read_only: true }, pooler).perform('create table no (a int)')).error,
    /read-only/,
  );
});
