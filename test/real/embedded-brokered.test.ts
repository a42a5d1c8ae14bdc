import t from 'tap';
import { PASSWORD, startPrometheus } from '../support/prometheus.js';
import { startEmbeddedRuntime } from '../support/runtime.js';
import { startSlowService } from '../support/slow-service.js';

t.setTimeout(180_000);

t.test('brokered cells in the Jupyter that the gateway starts by itself', async (t) => {
  const [prometheus, slow] = await Promise.all([startPrometheus(), startSlowService()]);
  t.teardown(() => prometheus.close());
  t.teardown(() => slow.close());
  const at = `type: prometheus, url: "${prometheus.url}", username: ${prometheus.user}`;
  const runtime = await startEmbeddedRuntime(
    t,
    [
      `prod: {${at}, password: "{{runtime_env:PROM}}", default: true}`,
      `wrong: {${at}, password: "{{runtime_env:WRONG}}"}`,
      `slow: {type: prometheus, url: "${slow.url}"}`,
    ],
    { PROM: PASSWORD, WRONG: 'no' },
  );
  const { kernel, run, print } = await runtime.startKernel(t);

  t.test('show a chart and a table, and give a DataFrame', async (t) => {
    await run('job = \'itself "quoted"\'');
    const range = await run('%%prometheus --range 5m --step 1s --out df\nup{job="{{job}}"}');
    t.match(range, { status: 'ok', error: '' });
    const [chart, lines, table] = range.data;
    t.match(JSON.stringify(chart?.['application/vnd.vegalite.v5+json']), /"type":"line"/);
    t.match(lines?.['text/plain'], /^series .*mean\n/);
    t.match(table?.['text/html'], /itself &quot;quoted&quot;/);
    t.equal(await print('(df.value == 1).all(), df.time.dtype'), 'True datetime64[us, UTC]');
    t.match(await run('%%prometheus wrong\nup'), {
      error: /401: the service does not accept the connection's credential/,
    });
  });

  t.test(
    'end at the service when they are interrupted, and after a restart of the kernel work again',
    async (t) => {
      const asked = slow.asked();
      const cell = run('%%prometheus slow\nup');
      const { left } = await asked;
      await kernel.interrupt();
      await left;
      t.match(await cell, { status: 'error', error: /KeyboardInterrupt/ });
      await kernel.restart();
      t.match(await run('%%prometheus\nup'), { status: 'ok', data: [{ 'text/plain': /\(1 row\)/ }] });
    },
  );

  t.test('S10, S12: leave the credential in no frame, memory, history, file or log', async (t) => {
    const cells = ['%%prometheus --out df\nup', '%%prometheus wrong\nup', '%%prometheus --range 5m\nup{'];
    const encoded = Buffer.from(`${prometheus.user}:${PASSWORD}`).toString('base64');
    t.same(await runtime.findLeaks(t, cells, [PASSWORD, encoded]), []);
  });
});
