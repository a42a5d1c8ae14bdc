import t from 'tap';
import { startAlertmanager } from '../support/alertmanager.js';
import { complete } from '../support/completion.js';
import { PASSWORD, USER } from '../support/prometheus.js';
import { startRuntime } from '../support/runtime.js';

t.setTimeout(180_000);

t.test('alerts and silences of a real Alertmanager', async (t) => {
  const alertmanager = await startAlertmanager([
    { labels: { alertname: 'Disk "full"', severity: 'critical', instance: 'db1' } },
    { labels: { alertname: 'Disk "full"', severity: 'critical', instance: 'db2' } },
    { labels: { alertname: 'Quiet', severity: 'info' } },
  ]);
  t.teardown(() => alertmanager.close());
  const at = `type: alertmanager, url: "${alertmanager.url}", username: ${USER}`;
  const runtime = await startRuntime(
    t,
    [
      `prod: {${at}, password: "{{runtime_env:ALERTS}}", default: true}`,
      `writes: {${at}, password: "{{runtime_env:ALERTS}}", read_only: false}`,
      `wrong: {${at}, password: "{{runtime_env:WRONG}}"}`,
    ],
    { ALERTS: PASSWORD, WRONG: 'no' },
  );
  const { kernel, run, print } = await runtime.startKernel(t);
  const all = await run('%%alertmanager --out alerts');
  t.match(all, {
    status: 'ok',
    error: '',
    stdout: `${alertmanager.url}/#/alerts?silenced=false&inhibited=false\n`,
  });
  t.match(all.data[0]?.['text/html'], /Disk &quot;full&quot;.*3 rows/s);
  t.equal(
    await print('sorted(alerts.severity), str(alerts.startsAt.dtype)'),
    "['critical', 'critical', 'info'] datetime64[us, UTC]",
  );

  await run('name = \'Disk "full"\'; levels = ["critical", "a.c"]');
  for (const matcher of [
    'alertname="{{name}}"',
    'severity=~"{{levels}}"',
    '{alertname="{{name}}", severity!="info"}',
  ])
    t.match((await run(`%%alertmanager\n${matcher}`)).data[0]?.['text/plain'], /2 rows/, matcher);

  t.match(await run('%%alertmanager --silence 1h --comment x\nalertname="{{name}}"'), {
    status: 'error',
    error: /only reads.*read_only: false/s,
  });
  const made = await run(
    '%%alertmanager writes --silence 1h --comment "new disks" --out made\nalertname="{{name}}"\ninstance=~"db1|x"',
  );
  t.match(made, { status: 'ok', error: '' });
  t.match(made.data[0]?.['text/plain'], /Silences 1 active alert now/);
  t.match((await run('%%alertmanager')).data[0]?.['text/plain'], /2 rows/);
  t.match((await run('%%alertmanager --silenced')).data[0]?.['text/plain'], /3 rows/);
  await run('%%alertmanager --list silences --out silences');
  t.equal(
    await print(
      'silences.id[0] == made.id[0], silences.state[0], silences.matchers[0], silences.createdBy[0]',
    ),
    `True active alertname="Disk \\"full\\"", instance=~"db1|x" ${USER}`,
  );
  t.match(await run('%%alertmanager writes --expire\n{{made.id[0]}}'), { status: 'ok', error: '' });
  t.match(
    (await run('%%alertmanager --list silences')).data[0]?.['text/plain'],
    /1 expired silence is not shown: --expired/,
  );
  t.match((await run('%%alertmanager --list silences --expired')).data[0]?.['text/plain'], /1 row/);
  t.match((await run('%%alertmanager')).data[0]?.['text/plain'], /3 rows/);
  t.match((await run('%%alertmanager --list receivers')).data[0]?.['text/plain'], /none/);

  t.match(await run('%%alertmanager wrong'), { status: 'error', error: /401: the service does not accept/ });
  t.match(await run('%%alertmanager\na=~"["'), {
    status: 'error',
    error: /Alertmanager answered 400: .*regexp/,
  });
  t.same((await complete(kernel, '%%alertmanager\nsev│')).matches, ['severity']);
  t.same((await complete(kernel, '%%alertmanager\nseverity="info"\nalertname=~"D│')).matches, [
    'Disk \\"full\\"',
  ]);

  const cells = [
    '%%alertmanager --out a',
    '%%alertmanager wrong',
    '%%alertmanager writes --silence 1h --comment x\na="b"',
  ];
  const encoded = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
  t.same(await runtime.findLeaks(t, cells, [PASSWORD, encoded]), [], 'S10, S12: the credential is nowhere');
});
