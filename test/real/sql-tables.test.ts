import t from 'tap';
import { PASSWORD, startPostgres } from '../support/databases.js';
import { type Runtime, startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

let runtime: Runtime;

t.before(async () => {
  const postgres = await startPostgres();
  t.teardown(() => postgres.close());
  const dsn = `postgres://${postgres.user}@127.0.0.1:${postgres.port}/postgres`;
  runtime = await startRuntime(t, [`db: {type: sql, dsn: "${dsn}", password: "{{runtime_env:DB}}"}`], {
    DB: PASSWORD,
  });
});

const SALES = `select * from (values ('a', 1.50, 1/3.0, 'NaN'::numeric), ('b', 2.25, 2/3.0, null), ('a', null, 0.5, 1.5))
  as sales (shop, total, share, odd)`;

t.test(
  'S10: numeric columns are floats where none of their values changes, and it says which are',
  async (t) => {
    const { run, print } = await runtime.startKernel(t);
    const { data, status } = await run(`%%sql --out df\n${SALES}`);
    t.equal(status, 'ok');
    const text = String(data[0]?.['text/plain']);
    t.match(text, /total: floats, no value has changed \(--exact keeps Decimals\)\./);
    t.match(text, /share, odd: Decimals \(as floats values would change; \.astype\(float\) rounds them\)\./);
    t.match(text, /^a +1\.50 +0\.333333 +nan$/m, 'what is shown is rounded');
    t.equal(await print('df.total.dtype, df.describe().total["mean"]'), 'float64 1.875');
    t.equal(await print('df.groupby("shop").total.sum().to_dict()'), "{'a': 1.5, 'b': 2.25}");
    t.equal(await print('repr(df.share[0])'), "Decimal('0.33333333333333333333')");
    t.equal(await print('df.odd[0].is_nan(), df.odd[1]'), 'True None', 'NaN and a missing value stay apart');

    const exact = await run(`%%sql --exact --out exact\n${SALES}`);
    t.match(exact.data[0]?.['text/plain'], /total, share, odd: Decimals \(--exact\)\./);
    t.equal(await print('repr(exact.total[0])'), "Decimal('1.50')");
    const seen = await run(`%%sql\n${SALES}`);
    t.notMatch(seen.data[0]?.['text/plain'], /floats/, 'nothing is said where nothing is stored');
    const long = await run(
      '%%sql --out n\nselect 12345678901234567890.12::numeric as n, 0.00000001 as small',
    );
    t.match(long.data[0]?.['text/plain'], /12345678901234567890\.12 +0\.00000001/);
    t.equal(await print('str(n.n[0]), n.small.dtype'), '12345678901234567890.12 float64');
  },
);

t.test('S11: lines and indentation of a plan and of texts are kept', async (t) => {
  const { run } = await runtime.startKernel(t);
  const plan = (
    await run('%%sql\nexplain select * from pg_class c join pg_namespace n on n.oid = c.relnamespace')
  ).data[0];
  t.match(plan?.['text/html'], /<td style="[^"]*white-space:pre;font-family:monospace"> {2}-&gt; /);
  t.match(plan?.['text/plain'], /^ {2}-> /m);
  const long = (await run(`%%sql\nexplain ${Array(30).fill('select 1').join(' union all ')}`)).data[0];
  t.match(long?.['text/plain'], /\(31 rows\)$/, 'a plan is shown whole');
  const json = (await run('%%sql\nexplain (format json) select * from pg_class where relkind = current_user'))
    .data[0];
  t.match(json?.['text/plain'], /\n {4}"Plan": \{\n {6}"Node Type": /, 'lines and indentation of JSON too');
  t.match(json?.['text/plain'], /"Filter": /, 'and it is whole');
  const texts = (
    await run(String.raw`%%sql
select 1 as id, E'def f():\r\n\tif x:\n        return 1\n' as source, 'two  blanks' as blanks union all select 2, 'x', 'y'`)
  ).data[0];
  t.match(texts?.['text/html'], 'def f():\n\tif x:\n        return 1</div>');
  t.match(texts?.['text/html'], '>two  blanks<');
  t.match(texts?.['text/plain'], / 1 {2}def f\(\): +two {2}blanks\n +if x:\n +return 1\n/);
});

t.test('C7: one line a row, the number of columns, and more rows on request', async (t) => {
  const { run } = await runtime.startKernel(t);
  const wide = Array.from({ length: 20 }, (_, at) => `${at} as c${at}`).join(', ');
  const { data } = await run(
    `%%sql\nselect ${wide}, repeat('long words ', 80) as far from generate_series(1, 3)`,
  );
  t.match(data[0]?.['text/plain'], /\(3 rows × 21 columns\)$/);
  t.match(
    data[0]?.['text/html'],
    /white-space:pre;max-width:32em;overflow:hidden;text-overflow:ellipsis" title="long/,
  );
  const shown = async (head: string) =>
    String((await run(`${head}\nselect g as n from generate_series(1, 300) g`)).data[0]?.['text/plain']);
  t.match(await shown('%%sql'), /\n *20\n\(first 20 of 300 rows \(--rows N shows more\)\)$/);
  t.match(await shown('%%sql --rows 100'), /\n *100\n\(first 100 of 300 rows/);
  t.match(await shown('%%sql --rows 300'), /\n *300\n\(300 rows\)$/);
  t.match(await run('%%sql --rows 1.5\nselect 1'), { error: /--rows takes a whole number/ });
  const names = await run('%%sql --out same\nselect 1 as id, 2 as id, 3 as id_1');
  t.match(names.data[0]?.['text/plain'], /^id +id_2 +id_1\n/, 'P3: two columns of one name are told apart');
});

t.test('C7: markup, directions and control characters of cells stay texts', async (t) => {
  const { run } = await runtime.startKernel(t);
  const { data } = await run(
    String.raw`%%sql
select '<b title="x">' as html, E'\x1b[31mred' as escape, 'שלום' as hebrew, 'after' as last`,
  );
  t.match(data[0]?.['text/html'], '>&lt;b title=&quot;x&quot;&gt;<');
  t.match(data[0]?.['text/html'], /dir="auto">שלום</);
  t.match(data[0]?.['text/plain'], '␛[31mred  \u2068שלום\u2069    after');
});
