import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelMessage } from '@jupyterlab/services';
import t, { type Test } from 'tap';
import { homeAt } from '../../gateway/home.js';
import { type Client, connect, execute } from '../support/client.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { PASSWORD, type Prometheus, startPrometheus } from '../support/prometheus.js';
import { filesBelow, memoryOf } from '../support/traces.js';

t.setTimeout(180_000);

let prometheus: Prometheus;
let jupyter: StockJupyter;
let gateway: TestGateway;
let client: Client;

t.before(async () => {
  [prometheus, jupyter] = await Promise.all([startPrometheus(), startStockJupyter()]);
  const folder = t.testdir();
  const file = join(folder, 'connections.yaml');
  await mkdir(folder, { recursive: true });
  await writeFile(
    file,
    `connections:
  prod: {type: prometheus, url: "${prometheus.url}", username: ${prometheus.user}, password: "{{runtime_env:PROM}}", default: true}
  wrong: {type: prometheus, url: "${prometheus.url}", username: ${prometheus.user}, password: "{{runtime_env:WRONG}}"}
  nowhere: {type: prometheus, url: "http://127.0.0.1:9"}
`,
  );
  gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { PROM: PASSWORD, WRONG: 'no' },
    connections: { file, required: true },
    home: homeAt(folder),
  });
  client = connect(gateway);
});
t.teardown(async () => {
  client?.close();
  await gateway?.close();
  await Promise.all([jupyter?.close(), prometheus?.close()]);
});

/** A kernel, ended with the test, in which cells run. */
async function startKernel(t: Test) {
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(() => kernel.shutdown());
  return { kernel, run: (code: string) => execute(kernel, code) };
}

t.test('queries become tables, charts and DataFrames', async (t) => {
  const { run } = await startKernel(t);
  const instant = await run('%%prometheus --out df\nup');
  t.match(instant, { status: 'ok', error: '' });
  t.match(instant.shown[0]?.['text/html'], />itself &quot;quoted&quot;<\/td>.*1 row</s);
  t.match(instant.shown[0]?.['text/plain'], /^time +metric +instance +job +value\n.*\(1 row\)$/s);
  const types = await run('print(dict(df.dtypes.astype(str)))');
  t.match(types.stdout, "'time': 'datetime64[us, UTC]'");
  t.match(types.stdout, "'value': 'float64'");

  const range = await run('%%prometheus prod --range 5m --step 1s --out r\n{__name__=~"go_.*"}');
  const [chart, table] = range.shown;
  t.match(chart?.['application/vnd.vegalite.v5+json'], {
    mark: { type: 'line' },
    data: { values: [{ series: /go_/ }] },
  });
  t.match(table?.['text/html'], 'first 5 of');
  t.equal(
    (await run('print((r.value >= 0).all() and r.time.is_monotonic_increasing is not None)')).stdout,
    'True\n',
  );

  t.match((await run('%%prometheus\n0/0')).shown[0]?.['text/plain'], 'nan');
  t.match((await run('%%prometheus --out inf\n1/0')).status, 'ok');
  t.equal((await run('import math; print(math.isinf(inf.value[0]))')).stdout, 'True\n');
  t.match((await run('%%prometheus --list targets\n')).shown[0]?.['text/plain'], 'scrapeUrl');
  t.match((await run('%%prometheus --list labels\n')).shown[0]?.['text/plain'], '__name__');
  t.match((await run('%%prometheus --list series\nup')).shown[0]?.['text/plain'], 'instance');
  t.match((await run('%%prometheus --list metadata\n')).shown[0]?.['text/plain'], 'help');
  t.match((await run('%%prometheus --list alerts\n')).shown[0]?.['text/plain'], '(0 rows)');
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
    t.match((await run(`%%prometheus\n${query}`)).shown[0]?.['text/plain'], '(1 row)', query);
  }
  await run(`job = 'x"} or vector(1) #'`);
  t.match(
    (await run('%%prometheus\nup{job="{{job}}"}')).shown[0]?.['text/plain'],
    '(0 rows)',
    'a value stays a value',
  );
});

t.test('what is wrong is told in one sentence', async (t) => {
  const { run } = await startKernel(t);
  const wrong: Readonly<Record<string, RegExp>> = {
    '%%prometheus\nup{': /parse error: .* \(line 1, column 4\)\n {2}up\{\n {5}\^$/,
    '%%prometheus wrong\nup': /401: the connection's credential is not accepted/,
    '%%prometheus nowhere\nup': /can't be reached: nothing listens there/,
    '%%prometheus nope\nup': /Known: prod, wrong, nowhere/,
    '%%prometheus --range 1x\nup': /--range takes a duration/,
    '%%prometheus\nup{a="{{nope}}"}': /no variable nope/,
    '%%prometheus\nup{a="{{runtime_env:PROM}}"}': /can't stand in a query/,
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
    t.match(silent, { status: 'ok', shown: [{ 'text/plain': /1 row/ }] });
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

t.test(
  'S10, S12: the credential is in no frame, no memory of the kernel, no history, no file, no log',
  async (t) => {
    const { kernel, run } = await startKernel(t);
    const other = connect(gateway, 'legacy');
    t.teardown(() => other.close());
    const frames: string[] = [];
    const watching = other.kernels.connectTo({ model: kernel.model });
    watching.anyMessage.connect((_, { msg }) => void frames.push(JSON.stringify(msg)));
    kernel.anyMessage.connect((_, { msg }) => void frames.push(JSON.stringify(msg)));
    await watching.info;
    await run('%%prometheus --out df\nup');
    await run('%%prometheus wrong\nup');
    await run('%%prometheus --range 5m\nup{');
    const pid = Number((await run('import os; print(os.getpid())')).stdout);
    t.ok(frames.length > 20, 'both clients saw frames');

    const searched: Readonly<Record<string, Buffer>> = {
      frames: Buffer.from(frames.join('\n')),
      'the log': Buffer.from(gateway.log()),
      'In and linecache': Buffer.from((await run('import linecache; print(In, linecache.cache)')).stdout),
      memory: await memoryOf(pid),
      files: await filesBelow(jupyter.home),
    };
    t.ok(searched.memory?.includes('__spin__'), 'the memory was really read');
    const encoded = Buffer.from(`${prometheus.user}:${PASSWORD}`).toString('base64');
    for (const [where, bytes] of Object.entries(searched)) {
      for (const form of [PASSWORD, JSON.stringify(PASSWORD).slice(1, -1), encoded]) {
        t.notOk(bytes.includes(form), `${where}: ${form}`);
      }
    }
  },
);
