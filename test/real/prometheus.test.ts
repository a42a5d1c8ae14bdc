import type { KernelMessage } from '@jupyterlab/services';
import t from 'tap';
import { execute } from '../support/client.js';
import { PASSWORD, type Prometheus, startPrometheus } from '../support/prometheus.js';
import { type Runtime, startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

let prometheus: Prometheus;
let runtime: Runtime;
let startKernel: Runtime['startKernel'];

t.before(async () => {
  prometheus = await startPrometheus();
  t.teardown(() => prometheus.close());
  const at = `type: prometheus, url: "${prometheus.url}", username: ${prometheus.user}`;
  runtime = await startRuntime(
    t,
    [
      `prod: {${at}, password: "{{runtime_env:PROM}}", default: true}`,
      `wrong: {${at}, password: "{{runtime_env:WRONG}}"}`,
      'nowhere: {type: prometheus, url: "http://127.0.0.1:9"}',
    ],
    { PROM: PASSWORD, WRONG: 'no' },
  );
  ({ startKernel } = runtime);
});

t.test('queries become tables, charts and DataFrames', async (t) => {
  const { run } = await startKernel(t);
  const instant = await run('%%prometheus --out df\nup');
  t.match(instant, { status: 'ok', error: '' });
  t.match(instant.data[0]?.['text/html'], />itself &quot;quoted&quot;<\/td>.*1 row</s);
  t.match(instant.data[0]?.['text/plain'], /^time +metric +instance +job +value\n.*\(1 row\)$/s);
  const types = await run('print(dict(df.dtypes.astype(str)))');
  t.match(types.stdout, "'time': 'datetime64[us, UTC]'");
  t.match(types.stdout, "'value': 'float64'");

  const range = await run('%%prometheus prod --range 5m --step 1s --out r\n{__name__=~"go_.*"}');
  const [chart, lines, table] = range.data;
  t.match(
    JSON.stringify(chart?.['application/vnd.vegalite.v5+json']),
    /"type":"line".*"series":"go_|"series":"go_.*"type":"line"/,
  );
  t.match(lines?.['text/plain'], /last +min +max +mean\n/);
  t.match(table?.['text/html'], 'first 5 of');
  t.equal(
    (await run('print((r.value >= 0).all() and r.time.is_monotonic_increasing is not None)')).stdout,
    'True\n',
  );

  t.match((await run('%%prometheus\n0/0')).data[0]?.['text/plain'], 'nan');
  t.match((await run('%%prometheus --out inf\n1/0')).status, 'ok');
  t.equal((await run('import math; print(math.isinf(inf.value[0]))')).stdout, 'True\n');
  t.match((await run('%%prometheus --list targets\n')).data[0]?.['text/plain'], 'scrapeUrl');
  t.match((await run('%%prometheus --list labels\n')).data[0]?.['text/plain'], '__name__');
  t.match((await run('%%prometheus --list series\nup')).data[0]?.['text/plain'], 'instance');
  t.match((await run('%%prometheus --list metadata\n')).data[0]?.['text/plain'], 'help');
  t.match((await run('%%prometheus --list alerts\n')).data[0]?.['text/plain'], '(0 rows)');
  const raised = await run('%%prometheus --range 7d --step 1s\nup');
  t.match(JSON.stringify(raised.data), /The step was raised to 55s/);
});

t.test('kernel variables are placed by the rules of PromQL', async (t) => {
  const { run } = await startKernel(t);
  await run(`job = 'itself "quoted"'; jobs = [job, "other"]; most = 1; window = "1m"`);
  for (const query of [
    'up{job="{{job}}"}',
    'up{job=~"{{jobs}}"} <= {{most}}',
    'count_over_time(up{job=~"{{jobs[0]}}"}[{{window}}])',
  ]) {
    t.match((await run(`%%prometheus\n${query}`)).data[0]?.['text/plain'], '(1 row)', query);
  }
  await run(`job = 'x"} or vector(1) #'`);
  t.match(
    (await run('%%prometheus\nup{job="{{job}}"}')).data[0]?.['text/plain'],
    '(0 rows. No series matches.)',
    'a value stays a value',
  );
});

t.test('what is wrong is told in one sentence', async (t) => {
  const { run } = await startKernel(t);
  const wrong: Readonly<Record<string, RegExp>> = {
    '%%prometheus\nup{': /parse error: .* \(line 1, column 4\)\n {2}up\{\n {5}\^$/,
    '%%prometheus wrong\nup': /401: the service does not accept the connection's credential/,
    '%%prometheus nowhere\nup': /can't be reached: nothing listens there/,
    '%%prometheus nope\nup': /Known: prod, wrong, nowhere/,
    '%%prometheus --range 1x\nup': /--range takes a duration/,
    '%%prometheus\nup{a="{{nope}}"}': /no variable nope/,
    '%%prometheus\nup{a="{{runtime_env:PROM}}"}': /can't be used in a query/,
    'print("{{runtime_env:PROM}}")': /credential of a connection/,
    'print(SpinSecrets.get_secret("PROM"))': /credential of a connection/,
  };
  for (const [cell, sentence] of Object.entries(wrong)) {
    t.match(await run(cell), { status: 'error', error: sentence, stdout: '' }, cell);
  }
});

t.test(
  'a user’s own input() works beside it, and a client that answers no questions gets results',
  async (t) => {
    const { kernel } = await startKernel(t);
    const silent = await execute(kernel, '%%prometheus\nup', { allow_stdin: false });
    t.match(silent, { status: 'ok', data: [{ 'text/plain': /1 row/ }] });
    const asking = kernel.requestExecute({ code: 'print("got", input("? "))', allow_stdin: true });
    asking.onStdin = (message) => {
      kernel.sendInputReply(
        { status: 'ok', value: 'it' },
        message.header as KernelMessage.IInputRequestMsg['header'],
      );
    };
    const heard = new Promise<string>((resolve) => {
      asking.onIOPub = ({ content }) => {
        if ('text' in content) resolve(String(content.text));
      };
    });
    t.equal(await heard, 'got it\n');
  },
);

t.test('S10, S12: the credential is in no frame, memory, history, file or log', async (t) => {
  const cells = ['%%prometheus --out df\nup', '%%prometheus wrong\nup', '%%prometheus --range 5m\nup{'];
  const encoded = Buffer.from(`${prometheus.user}:${PASSWORD}`).toString('base64');
  t.same(await runtime.findLeaks(t, cells, [PASSWORD, encoded]), []);
});
