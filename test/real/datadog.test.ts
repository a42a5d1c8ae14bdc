import t from 'tap';
import { datadogDescription } from '../support/datadog-description.js';
import { type Prism, startPrism } from '../support/prism.js';
import { type Runtime, type RuntimeKernel, startRuntime } from '../support/runtime.js';

t.setTimeout(600_000);

let prism: Prism;
let runtime: Runtime;
let kernel: RuntimeKernel;
const KEYS = { DD_API: 'dd-api-canary-0123456789', DD_APP: 'dd-app-canary-0123456789' };

t.before(async () => {
  prism = await startPrism(t, await datadogDescription());
  runtime = await startRuntime(
    t,
    [
      `vendor: {type: datadog, url: "${prism.url}", site: us5.datadoghq.com, api_key: "{{runtime_env:DD_API}}", app_key: "{{runtime_env:DD_APP}}"}`,
    ],
    KEYS,
  );
  kernel = await runtime.startKernel(t);
});

const cells: Readonly<Record<string, string>> = {
  logs: '%%datadog --limit 1 --out logs\nlogs service:{{service}} @http.status_code:>={{least}}',
  spans: '%%datadog --limit 1\nspans service:{{service}}',
  events: '%%datadog --limit 1\nevents source:{{service}}',
  metrics: '%%datadog --range 6h --out points\nmetrics avg:system.cpu.user{service:{{service}}} by {host}',
  monitors: '%%datadog\nmonitors status:alert',
  aggregate: '%%datadog --facets service,status --compute count,pc95:@duration\naggregate env:prod',
  'aggregate of spans': '%%datadog --of spans --facets service --interval 5m\naggregate env:prod',
};

t.test('requests are as Datadog’s own description has them, and its answers become tables', async (t) => {
  const { run } = kernel;
  await run('service = "web shop"; least = 500');
  for (const [what, cell] of Object.entries(cells)) {
    if (what === 'metrics') await run('service = "web-shop"');
    const answered = await run(cell);
    t.match(answered, { status: 'ok', error: '' }, what);
    t.match(answered.data.map((each) => each['text/html'] ?? '').join(''), /<table>/, `${what} are a table`);
  }
  t.notMatch(prism.log(), /must (?:be|have|match)|not valid|Violation/i, 'nothing offends against it');
  t.match((await run('print(list(logs.columns)[:3], len(points))')).stdout, /time.*status.*service/);
});

t.test('S10, S12: neither key is in frames, memory, history, files or the log', async (t) => {
  const leaks = await runtime.findLeaks(t, Object.values(cells), Object.values(KEYS));
  t.same(leaks, []);
});
