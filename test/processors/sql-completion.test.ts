import t from 'tap';
import type { CompletionJob } from '../../processors/core/suggestion.js';
import { completeSql } from '../../processors/sql/completion.js';
import type { Dialect } from '../../processors/sql/scanner.js';
import type { Schema } from '../../processors/sql/schema.js';
import type { SqlSettings } from '../../processors/sql/settings.js';

const tables: Readonly<Record<string, readonly string[]>> = {
  'public.orders': ['id', 'customer_id', 'Total Sum'],
  'public.customers': ['id', 'name'],
  'archive.orders_2020': ['id', 'note'],
};

function jobOf(dialect: Dialect): CompletionJob<SqlSettings> {
  const columns = Object.entries(tables).flatMap(([path, names]) => {
    const [schema = '', table = ''] = path.split('.');
    return names.map((name) => ({ schema, table, name, type: 'text', isNear: schema === 'public' }));
  });
  const schema: Schema = { dialect, columns };
  return { remembered: async <T>() => schema as T };
}

/** The names offered at `│`. */
async function offered(marked: string, dialect: Dialect = 'postgres'): Promise<string[]> {
  const cursor = marked.indexOf('│');
  const { items, from, to } = await completeSql(marked.replace('│', ''), cursor, jobOf(dialect));
  t.equal(to, cursor);
  t.ok(from <= to);
  return items.map(({ text }) => text);
}

t.test('tables stand behind the words that take one', async (t) => {
  for (const sql of [
    'select * from │',
    'select 1; select * from orders o join │',
    'select * from orders, │',
    'insert into │',
    'update │',
    'select (select max(id) from │',
    'select a, b, (x) from customers where a = 1; delete from │',
  ]) {
    t.same(await offered(sql), ['orders', 'customers', 'archive'], sql);
  }
  t.same(await offered('select * from cus│'), ['customers']);
  t.same(await offered('select * from archive.│'), ['orders_2020']);
});

t.test('columns are those of the statement’s tables, also of those behind the cursor', async (t) => {
  t.same((await offered('select │ from orders o')).slice(0, 4), ['id', 'customer_id', '"Total Sum"', 'o']);
  t.same(await offered('select na│ from orders o, customers c'), ['name']);
  t.same(await offered('select * from orders where cust│'), ['customer_id', 'customers']);
  t.same(await offered('select a, b, no│ from archive.orders_2020'), ['note']);
  t.same(await offered('select c.│ from orders o left join customers as c on true'), ['id', 'name']);
  t.same(await offered('select 1 from "orders" where "orders".cu│'), ['customer_id']);
  t.same(await offered('select orders_2020.no│'), ['note'], 'without a FROM yet');
  t.same(await offered('select * from customers; select cust│ from orders'), ['customer_id', 'customers']);
  t.same(await offered('select TOT│ from orders', 'mysql'), ['`Total Sum`']);
});

t.test('a new statement knows nothing of the one before', async (t) => {
  t.same(await offered('select * from archive.orders_2020; no│'), []);
  t.same(await offered('select 1;│').then((names) => names.slice(0, 2)), ['orders', 'customers']);
});

t.test('nothing is offered where no name could stand', async (t) => {
  for (const sql of [
    "select 'or│",
    'select 1 -- or│',
    'select "or│',
    '/* from │ */',
    'select $$ from │',
    'select 5│',
  ]) {
    t.same(await offered(sql), [], sql);
  }
});

t.test('S15: no cell takes long to read', async (t) => {
  const pieces = ['from ', 'from a, ', 'a', '"', '. ', ' ', 'from "a', "'", '(', 'from a.'];
  for (const piece of pieces) {
    const start = performance.now();
    await offered(`${piece.repeat(20_000 / piece.length - 1)}│`);
    await offered(`select 1 from ${piece.repeat(1_000_000)}│`);
    t.ok(performance.now() - start < 2_000, JSON.stringify(piece));
  }
});

t.test('a database that can’t be asked offers nothing', async (t) => {
  const job: CompletionJob<SqlSettings> = { remembered: async () => undefined };
  t.same(await completeSql('select * from ', 14, job), { from: 14, to: 14, items: [] });
});
