import t from 'tap';
import { complete } from '../support/completion.js';
import { type Guard, startGuard } from '../support/guard.js';
import { type Loki, ORG, startLoki } from '../support/loki.js';
import { PASSWORD, USER } from '../support/prometheus.js';
import { type Runtime, startRuntime } from '../support/runtime.js';

/** A Loki is built at its first use. */
t.setTimeout(900_000);

/** Lines that Loki gives at once, here. */
const MOST = 200;
const LINES = 1_000;

let loki: Loki;
let guard: Guard;
let runtime: Runtime;

t.before(async () => {
  loki = await startLoki(MOST);
  t.teardown(() => loki.close());
  guard = await startGuard(loki.url);
  t.teardown(() => guard.close());
  const start = BigInt(Date.now() - 600_000) * 1_000_000n;
  await loki.push(
    Array.from({ length: LINES }, (_, at) => ({
      stream: { app: at % 2 === 0 ? 'shop' : 'mail "x"' },
      // Ten lines share a nanosecond.
      time: start + BigInt(Math.floor(at / 10)) * 1_000_000_000n,
      text: JSON.stringify({ level: at % 10 === 0 ? 'error' : 'info', number: at, text: `<b>${at}</b>` }),
    })),
  );
  const at = `type: loki, url: "${guard.url}", username: ${USER}, org_id: ${ORG}`;
  runtime = await startRuntime(
    t,
    [
      `prod: {${at}, password: "{{runtime_env:LOKI}}", default: true}`,
      `wrong: {${at}, password: "{{runtime_env:WRONG}}"}`,
      `nobody: {type: loki, url: "${guard.url}", username: ${USER}, password: "{{runtime_env:LOKI}}"}`,
    ],
    { LOKI: PASSWORD, WRONG: 'no' },
  );
});

t.test('lines become tables and DataFrames, beyond what Loki gives at once', async (t) => {
  const { run, print } = await runtime.startKernel(t);
  const shown = await run('%%loki --limit 5000 --out lines\n{app=~".+"} | json');
  t.match(shown, { status: 'ok', error: '' });
  t.match(shown.data[0]?.['text/html'], /&lt;b&gt;999&lt;\/b&gt;|&lt;b&gt;99\d/);
  t.equal(
    await print('len(lines), lines.number.nunique(), lines.time.is_monotonic_decreasing'),
    '1000 1000 True',
  );
  t.equal(await print('list(lines.columns)[:2], list(lines.columns)[-1]'), "['time', 'app'] message");
  t.match(
    (await run('%%loki --limit 10\n{app="shop"} |= "error"')).data[0]?.['text/plain'],
    /newest 10 lines, and there are more/,
  );
  await run('%%loki --direction forward --limit 300 --out first\n{app=~".+"} | json');
  t.equal(await print('len(first), first.time.is_monotonic_increasing'), '300 True');
  t.match((await run('%%loki --range 5s\n{app="shop"}')).data[0]?.['text/plain'], /0 rows/);
});

t.test('numbers become charts, and what exists becomes lists', async (t) => {
  const { run, print } = await runtime.startKernel(t);
  const chart = await run('%%loki --range 30m --out counts\nsum by (app) (count_over_time({app=~".+"}[1m]))');
  t.match(chart, { status: 'ok', error: '' });
  t.match(JSON.stringify(chart.data[0]), 'vegalite');
  t.equal(await print('sorted(counts.columns)'), "['app', 'time', 'value']");
  await run('%%loki --instant --out now\nsum(count_over_time({app=~".+"} | json | level="error" [1h]))');
  t.equal(await print('now.value[0]'), '100.0');
  t.match((await run('%%loki --list labels')).data[0]?.['text/plain'], /app/);
  t.match((await run('%%loki --list values\napp')).data[0]?.['text/plain'], /shop/);
  t.match((await run('%%loki --list series\n{app="shop"}')).data[0]?.['text/plain'], /shop.*1 row/s);
});

t.test('variables are placed by the rules of LogQL, and names are completed', async (t) => {
  const { run, kernel } = await runtime.startKernel(t);
  await run('app = \'mail "x"\'; apps = [app, "s.op"]; text = "<b>7</b>"; bad = \'x"} |= "\'');
  for (const [query, rows] of [
    ['{app="{{app}}"} |= "{{text}}"', 1],
    ['{app=~"{{apps}}"} |~ "{{text}}"', 1],
    ['{app=~"{{apps}}"} |= `{{text}}`', 1],
    ['{app="{{bad}}"}', 0],
  ] as const)
    t.match((await run(`%%loki\n${query}`)).data[0]?.['text/plain'], new RegExp(`\\(${rows} rows?`), query);
  t.same((await complete(kernel, '%%loki\n{ap│')).matches, ['app']);
  t.same((await complete(kernel, '%%loki\n{app="m│')).matches, ['mail \\"x\\"']);
  t.ok((await complete(kernel, '%%loki\n{app="m"} | jso│')).matches.includes('json'));
});

t.test('what is wrong is told in one sentence', async (t) => {
  const { run } = await runtime.startKernel(t);
  const wrong: Readonly<Record<string, RegExp>> = {
    '%%loki\n{app="shop"} |': /Loki: parse error.*syntax error/s,
    '%%loki wrong\n{app="shop"}': /401: the service does not accept the connection's credential/,
    '%%loki nobody\n{app="shop"}': /Set the connection's org_id to the tenant's name/,
    '%%loki --range 2000h\n{app="shop"}': /time range exceeds the limit.*--range/,
  };
  for (const [cell, sentence] of Object.entries(wrong))
    t.match(await run(cell), { status: 'error', error: sentence, stdout: '' }, cell);
});

t.test('S10, S12: the credential is nowhere', async (t) => {
  const cells = ['%%loki --out a\n{app="shop"}', '%%loki wrong\n{app="shop"}', '%%loki\n{app="'];
  const encoded = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
  t.same(await runtime.findLeaks(t, cells, [PASSWORD, encoded]), []);
});
