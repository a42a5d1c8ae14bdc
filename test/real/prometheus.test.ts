import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { homeAt } from '../../gateway/home.js';
import { type Client, connect, execute } from '../support/client.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { PASSWORD, type Prometheus, startPrometheus } from '../support/prometheus.js';

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

t.test('queries become tables, charts and DataFrames', async (t) => {
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(() => kernel.shutdown());
  const run = (code: string) => execute(kernel, code);
  const instant = await run('%%prometheus --out df\nup');
  console.error(JSON.stringify(instant, null, 1).slice(0, 3000));
  const df = await run('print(df.dtypes); print(df); df.value.iloc[0]');
  console.error(df.stdout, df.error, df.data);
  const range = await run('%%prometheus prod --range 5m --out r\nrate(prometheus_http_requests_total[1m])');
  console.error(range.error, JSON.stringify(range.data).slice(0, 1500));
  console.error((await run('r.tail(3)')).data);
  for (const cell of [
    '%%prometheus\nup{',
    '%%prometheus wrong\nup',
    '%%prometheus nowhere\nup',
    '%%prometheus nope\nup',
    '%%prometheus\nup{job="{{x}}"}',
    '%%prometheus --list targets\n',
    '%%prometheus --list labels\n',
  ]) {
    const o = await run(cell);
    console.error(cell, '=>', o.status, o.error, JSON.stringify(o.data).slice(0, 600));
  }
  await run('x = \'itself "quoted"\'');
  const q = await run('%%prometheus\nup{job="{{x}}"}');
  console.error(q.error, JSON.stringify(q.data));
});
