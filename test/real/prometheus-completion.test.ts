import t from 'tap';
import { complete } from '../support/completion.js';
import { PASSWORD, type Prometheus, startPrometheus } from '../support/prometheus.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

let prometheus: Prometheus;
let runtime: Runtime;

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
});

t.test('metric names, labels and their values come from the connection’s Prometheus', async (t) => {
  const { kernel } = await runtime.startKernel(t);
  const frames: string[] = [];
  kernel.anyMessage.connect((_, { msg }) => void frames.push(JSON.stringify(msg)));
  // The first answer may come before Prometheus': then it is there for the next keystroke.
  const offered = async (code: string, expected: string) => {
    let matches: readonly string[] = [];
    await until(async () => {
      matches = (await complete(kernel, code)).matches;
      return matches.includes(expected);
    });
    return matches;
  };
  const metrics = await offered(
    '%%prometheus\nrate(prometheus_http_requests_t│[5m])',
    'prometheus_http_requests_total',
  );
  t.ok(
    metrics.every((name) => name.startsWith('prometheus_http_requests_t')),
    'only what goes on with what is typed',
  );
  const names = await offered('%%prometheus prod --range 1h\nprometheus_http_requests_total{│}', 'handler');
  t.notOk(names.includes('slice'), 'labels of that metric alone');
  t.ok((await offered('%%prometheus\nsum by (inst', 'instance')).length > 0);
  const values = await offered('%%prometheus\nup{job="', 'itself \\"quoted\\"');
  t.same(values, ['itself \\"quoted\\"'], 'escaped for where it stands');
  t.ok((await offered('%%prometheus\nhisto', 'histogram_quantile')).length > 0);
  t.same((await complete(kernel, '%%prometheus\nup[5')).matches, []);

  for (const connection of ['wrong', 'nowhere', 'nope']) {
    const { matches } = await complete(kernel, `%%prometheus ${connection}\nprometheus_http`);
    t.same(matches, [], `${connection}: nothing, and nothing of another connection`);
  }
  const shown = `${frames.join('\n')}\n${runtime.gateway.log()}`;
  t.notOk(shown.includes(PASSWORD) || shown.includes(JSON.stringify(PASSWORD).slice(1, -1)), 'no credential');
});
