import t from 'tap';
import { complete } from '../support/completion.js';
import { type DataQuery, startGrafana } from '../support/grafana.js';
import { PASSWORD, startPrometheus, USER } from '../support/prometheus.js';
import { startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

const TOKEN = 'canary-token-of-grafana';

/** A range of Prometheus as the frames that Grafana's data source makes of it. */
function framesOf(
  result: readonly { metric: Record<string, string>; values: readonly [number, string][] }[],
) {
  return result.map(({ metric, values }) => ({
    schema: {
      fields: [
        { name: 'Time', type: 'time' },
        { name: 'Value', type: 'number', labels: metric },
      ],
    },
    data: { values: [values.map(([time]) => time * 1000), values.map(([, value]) => Number(value))] },
  }));
}

t.test('panels and queries of a scripted Grafana with a real Prometheus behind it', async (t) => {
  const prometheus = await startPrometheus();
  t.teardown(() => prometheus.close());
  const authorization = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
  const grafana = await startGrafana(TOKEN, async ({ queries, from, to }: DataQuery) => {
    const results: Record<string, object> = {};
    for (const { refId, expr } of queries) {
      const query = new URLSearchParams({
        query: String(expr),
        start: String(Number(from) / 1000),
        end: String(Number(to) / 1000),
        step: '5',
      });
      const answer = await fetch(`${prometheus.url}/api/v1/query_range?${query}`, {
        headers: { authorization },
      });
      const { data, error } = (await answer.json()) as { data?: { result: never[] }; error?: string };
      results[refId] = data === undefined ? { error, status: 400 } : { frames: framesOf(data.result) };
    }
    return [Object.values(results).some((result) => 'error' in result) ? 400 : 200, results];
  });
  t.teardown(() => grafana.close());
  const at = `type: grafana, url: "${grafana.url}"`;
  const runtime = await startRuntime(
    t,
    [
      `prod: {${at}, token: "{{runtime_env:GRAFANA}}", default: true}`,
      `writes: {${at}, token: "{{runtime_env:GRAFANA}}", read_only: false}`,
      `wrong: {${at}, token: "{{runtime_env:WRONG}}"}`,
    ],
    { GRAFANA: TOKEN, WRONG: 'no' },
  );
  const { kernel, run, print } = await runtime.startKernel(t);
  await run('job = \'itself "quoted"\'; jobs = [job, "other"]; bad = \'x"} or vector(1) or up{job="\'');
  const panel = await run(
    '%%grafana --out df\n/d/abc123/checkout?viewPanel=4&var-job={{jobs}}&var-window=2m',
  );
  t.match(panel, {
    status: 'ok',
    error: '',
    stdout: new RegExp(`^${grafana.url}/d/abc123/checkout\\?var-job=itself`),
  });
  t.match(JSON.stringify(panel.data[0]), 'vegalite');
  t.equal(
    await print('set(df.job), (df.value >= 1).all(), str(df.time.dtype)'),
    `{'itself "quoted"'} True datetime64[us, UTC]`,
  );
  t.match(
    (await run('%%grafana\n/d/abc123?viewPanel=4&var-job={{bad}}')).data[0]?.['text/plain'],
    /no result/,
  );
  t.match(await run('%%grafana --source Metrics --range 5m --out up\nup{job="{{job}}"}'), {
    status: 'ok',
    error: '',
  });
  t.equal(await print('up.value.max()'), '1.0');
  t.match(await run('%%grafana --source Metrics\nup{'), {
    status: 'error',
    error: /Grafana: query A: .*parse error/,
  });
  t.match((await run('%%grafana\n/d/abc123')).data[0]?.['text/plain'], /Requests/);
  t.match((await run('%%grafana --list dashboards')).data[0]?.['text/plain'], /Checkout/);
  t.match(await run('%%grafana writes --annotation\nreleased'), { status: 'ok', error: '' });
  t.match(await run('%%grafana --annotation\nreleased'), { status: 'error', error: /only reads/ });
  t.match(await run('%%grafana wrong --list rules'), {
    status: 'error',
    error: /401: the service does not accept/,
  });
  t.same((await complete(kernel, '%%grafana\n/d/│')).matches, ['/d/abc123/checkout']);

  const cells = [
    '%%grafana\n/d/abc123?viewPanel=4',
    '%%grafana wrong --list sources',
    '%%grafana --source Metrics\nup{',
  ];
  t.same(await runtime.findLeaks(t, cells, [TOKEN]), [], 'S10, S12: the credential is nowhere');
});
