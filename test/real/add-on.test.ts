import t from 'tap';
import { startAlertmanager } from '../support/alertmanager.js';
import { complete } from '../support/completion.js';
import { blocksOf } from '../support/page.js';
import { PASSWORD, USER } from '../support/prometheus.js';
import { startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

t.test('the integration that CONTRIBUTING.md shows works as it says', async (t) => {
  const [{ text: source } = { text: '' }] = await blocksOf('CONTRIBUTING.md', 'One with connections');
  t.ok(source.split('\n').length <= 60, 'in at most 60 lines');
  const labels = { alertname: 'Disk "full"', severity: 'critical' };
  const alertmanager = await startAlertmanager([
    { labels },
    { labels: { alertname: 'Quiet', severity: 'info' } },
  ]);
  t.teardown(() => alertmanager.close());
  const at = `type: alertmanager, url: "${alertmanager.url}", username: ${USER}`;
  const runtime = await startRuntime(
    t,
    [
      `prod: {${at}, password: "{{runtime_env:ALERTS}}", default: true}`,
      `wrong: {${at}, password: "{{runtime_env:WRONG}}"}`,
    ],
    { ALERTS: PASSWORD, WRONG: 'no' },
    { 'alertmanager.mjs': source },
  );
  const { kernel, run, print } = await runtime.startKernel(t);
  const all = await run('%%alertmanager --out alerts');
  t.match(all, { status: 'ok', error: '' });
  t.match(all.data[0]?.['text/html'], /Disk &quot;full&quot;.*2 rows/s);
  t.equal(await print('sorted(alerts["labels.severity"])'), "['critical', 'info']");

  await run('name = \'Disk "full"\'; levels = ["critical", "a.c"]');
  for (const matcher of ['alertname="{{name}}"', 'severity=~"{{levels}}"']) {
    t.match(
      (await run(`%%alertmanager\n${matcher}`)).data[0]?.['text/plain'],
      /\(1 row × \d+ columns\)/,
      matcher,
    );
  }
  t.match(await run('%%alertmanager wrong'), { status: 'error', error: /answered 401: see the credential/ });
  t.match(await run('%%alertmanager\nnonsense'), {
    status: 'error',
    error: /Alertmanager answered 400: .*bad matcher/,
  });
  t.match(await run('%%alertmanager --silence'), { status: 'error', error: /Did you mean --silenced\?/ });
  t.same((await complete(kernel, '%%alertmanager --si│')).matches, ['--silenced']);
  t.same((await complete(kernel, '%%alertmanager wr│')).matches, ['wrong']);

  const cells = ['%%alertmanager --out a', '%%alertmanager wrong', '%%alertmanager\nnonsense'];
  const encoded = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
  t.same(await runtime.findLeaks(t, cells, [PASSWORD, encoded]), [], 'S10, S12: the credential is nowhere');
});
