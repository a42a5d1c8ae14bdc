import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { Secret } from '../../processors/core/secret.js';
import { connect, execute } from '../support/client.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { blocksOf, runBlock } from '../support/page.js';
import { PASSWORD, startPrometheus, USER } from '../support/prometheus.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

const PAGE = 'docs/deploy/operations.md';
const METRICS_TOKEN = 'metrics-token-0123456789';

t.test('a Prometheus scrapes the gateway over TLS as the page says', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const watched = await startPrometheus();
  t.teardown(() => watched.close());
  const folder = t.testdir({ token: METRICS_TOKEN });
  const file = join(folder, 'connections.yaml');
  const at = `url: "${watched.url}", username: ${watched.user}, password: "{{runtime_env:PROM}}"`;
  await writeFile(file, `connections:\n  prod: {type: prometheus, ${at}}\n`);
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { PROM: PASSWORD },
    connections: { file, required: true },
    metricsToken: new Secret(METRICS_TOKEN),
  });
  t.teardown(() => gateway.close());
  const { port } = gateway.gateway.url;
  const client = connect(gateway);
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(() => kernel.shutdown());
  await execute(kernel, '1 + 1');
  await execute(kernel, '%%prometheus\nup');
  await execute(kernel, '%%shell\nfalse');

  const [check, scrape] = await blocksOf(PAGE, 'Metrics');
  if (check === undefined || scrape === undefined) throw new Error(`${PAGE} has lost its examples.`);
  const printed = await runBlock(check, {
    SPIN_HOME: gateway.home,
    SPIN_METRICS_TOKEN: METRICS_TOKEN,
    GATEWAY: `https://localhost:${port}`,
  });
  t.equal(printed, '', 'promtool has nothing to say');

  const text = scrape.text
    .replace('/etc/prometheus/spin-metrics-token', join(folder, 'token'))
    .replace('/etc/prometheus/spin-ca.pem', join(gateway.home, 'var', 'tls', 'ca.pem'))
    .replace('localhost:8888', `localhost:${port}`);
  const { scrape_configs } = parse(text) as { scrape_configs: object[] };
  const prometheus = await startPrometheus('', scrape_configs);
  t.teardown(() => prometheus.close());
  const headers = { authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}` };
  const ask = async (query: string): Promise<number | undefined> => {
    const url = `${prometheus.url}/api/v1/query?query=${encodeURIComponent(query)}`;
    const { data } = (await (await fetch(url, { headers })).json()) as {
      data: { result: { value: [number, string] }[] };
    };
    return data.result[0] && Number(data.result[0].value[1]);
  };
  await until(async () => (await ask('spin_upstream_up')) === 1, 30_000);
  t.equal(await ask('spin_cell_duration_seconds_count{processor="none",outcome="ok"}'), 1);
  t.equal(await ask('spin_cell_duration_seconds_count{processor="shell",outcome="error"}'), 1);
  t.equal(await ask('spin_brokered_requests_total{type="prometheus",outcome="ok"}'), 1);
  t.equal(await ask('spin_brokered_rows_total{type="prometheus"}'), 1);
  t.equal(await ask('spin_websockets{kind="kernel"}'), 1);
  t.ok(((await ask('spin_kernel_messages_total{direction="from_kernel",channel="iopub"}')) ?? 0) > 10);
  t.ok(((await ask('spin_kernel_message_bytes_total{direction="to_kernel",channel="shell"}')) ?? 0) > 500);
  t.equal(await ask('sum(spin_http_requests_total{route="websocket",status="101"})'), 1);
  t.equal(await ask('up{job="spin-runtime"}'), 1);
});

t.test('the alert rules are valid, and alert when they should', async (t) => {
  const [tests] = await blocksOf(PAGE, 'Alerts');
  if (tests === undefined) throw new Error(`${PAGE} has lost its examples.`);
  t.match(await runBlock(tests), /SUCCESS: 6 rules found.*SUCCESS/s);
});
