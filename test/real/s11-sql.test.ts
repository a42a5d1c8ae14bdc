import t from 'tap';
import type { Value } from '../../processors/core/value.js';
import { type Database, startMariadb, startPostgres } from '../support/databases.js';
import { sqlCells } from '../support/sql-cells.js';

t.setTimeout(180_000);

/** Each could end what it stands in, or start something new there. */
const CANARIES: readonly string[] = [
  'c4n"a\'r\n$y`{{\\z',
  "'; drop table kept; --",
  "' or '1'='1",
  "\\'; drop table kept; #",
  '") or 1=1 --',
  '`',
  '$$; drop table kept; $$',
  '$1',
  '?',
  '/* */ --',
  '{{other}} \\{{x}}',
  '\\',
  '',
  "''",
  '%s %(a)s :name',
  'ä ✓ \u{1f600} \u2028',
  '\u00bf\u005c\u0027',
  '\ufeff0x27',
];

const DATABASE = { postgres: 'postgres', mysql: 'shop' };

let databases: Readonly<Record<'postgres' | 'mysql', Database>>;
t.before(async () => {
  const [postgres, mysql] = await Promise.all([startPostgres(), startMariadb()]);
  databases = { postgres, mysql };
});
t.teardown(async () => {
  await Promise.all([databases?.postgres.close(), databases?.mysql.close()]);
});

for (const driver of ['postgres', 'mysql'] as const) {
  t.test(`S11: ${driver} gets each text as it is, and nothing of it runs`, async (t) => {
    const { run } = sqlCells(driver, databases[driver], { database: DATABASE[driver] });
    await run('create table kept (t text)');
    for (const [at, canary] of CANARIES.entries()) {
      const v: Value = { type: 'text', value: canary };
      t.same(await run('select {{v}} as a', { v }), [canary], `canary ${at}`);
      await run('insert into kept values ({{v}})', { v });
      t.same(await run('select t from kept where t = {{v}}', { v }), [canary]);
      const list: Value = { type: 'list', value: [v, { type: 'text', value: 'other' }] };
      t.same(await run('select t from kept where t in ({{list}})', { list }), [canary]);
      await run('delete from kept where t = {{v}}', { v });
    }
    t.same(await run('select count(*) from kept'), [0], 'the table is there, and empty');
  });

  t.test(`S11: ${driver}: a kernel's own idea of a number or a date runs nothing`, async (t) => {
    const { run } = sqlCells(driver, databases[driver], { database: DATABASE[driver] });
    await run('create table safe (n int)');
    for (const type of ['number', 'date', 'time'] as const) {
      const v: Value = { type, value: "1'); drop table safe; --" };
      // Whether it is taken for a value or refused is the database's to say.
      await run('insert into safe values ({{v}})', { v }).catch(() => {});
      t.same(await run("select 'still' from safe where n = -1"), [], `${type}: the table is there`);
    }
  });
}
