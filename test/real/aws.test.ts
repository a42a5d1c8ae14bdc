import t from 'tap';
import { complete } from '../support/completion.js';
import { type Moto, startMoto } from '../support/moto.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

t.setTimeout(600_000);

let moto: Moto;
let runtime: Runtime;

t.before(async () => {
  moto = await startMoto(t);
  const at = (key: { id: string }) =>
    `type: aws, url: "${moto.url}", region: eu-west-1, access_key_id: ${key.id}`;
  runtime = await startRuntime(
    t,
    [
      `shop: {${at(moto.all)}, secret_access_key: "{{runtime_env:ALL}}", default: true}`,
      `role: {${at(moto.all)}, secret_access_key: "{{runtime_env:ALL}}", role_arn: "${moto.role}"}`,
      `desk: {${at(moto.all)}, secret_access_key: "{{runtime_env:ALL}}", read_only: false}`,
      `logs: {${at(moto.logs)}, secret_access_key: "{{runtime_env:LOGS}}"}`,
      `none: {${at(moto.none)}, secret_access_key: "{{runtime_env:NONE}}"}`,
      `wrong: {${at(moto.all)}, secret_access_key: "{{runtime_env:NONE}}"}`,
    ],
    { ALL: moto.all.secret, LOGS: moto.logs.secret, NONE: moto.none.secret },
  );
});

t.test('what there is becomes a table', async (t) => {
  const { run, print } = await runtime.startKernel(t);
  const machines = await run('%%aws --out df\nec2 describe-instances');
  t.match(machines, { status: 'ok', error: '' });
  t.match(machines.data[0]?.['text/html'], /<th[^>]*>instanceId<\/th>.*Tags\.Name.*web &lt;1&gt;.*2 rows/s);
  t.equal(await print(`sorted(df['instanceId']) == sorted(${JSON.stringify(moto.instances)})`), 'True');
  t.match(await print("str(df['launchTime'].dtype)"), 'datetime64');
  await run(`one = ${JSON.stringify(moto.instances.slice(0, 1))}; team = 'no"body'`);
  const one = await run('%%aws\nec2 describe-instances\n{"InstanceIds": {{one}}}');
  t.match(one.data[0]?.['text/plain'], '(1 row');
  const none = await run(
    '%%aws\nec2 describe-instances\n{"Filters": [{"Name": "tag:team", "Values": ["{{team}}"]}]}',
  );
  t.match(none.data[0]?.['text/plain'], '(0 rows');
  for (const [cell, shown] of Object.entries({
    'rds describe-db-instances': /orders.*postgres/s,
    'ecs describe-clusters\n{"clusters": ["shop", "nope"]}': /shop.*Not found: .*nope: MISSING/s,
    'eks list-clusters': /shop/,
    'lambda list-functions': /checkout.*python3\.12/s,
    'cloudwatch list-metrics': /Latency/,
    'ec2 describe-volumes': /gp2/,
  }))
    t.match((await run(`%%aws\n${cell}`)).data[0]?.['text/plain'], shown, cell);
  const tree = await run('%%aws\nlambda get-function-configuration\n{"FunctionName": "checkout"}');
  t.match(JSON.stringify(tree.data), /DB_PASSWORD.*\*\*\*/);
  t.notMatch(JSON.stringify(tree.data), 'canary-function-password');
});

t.test('metrics, alarms and logs', async (t) => {
  const { run, print } = await runtime.startKernel(t);
  await run(`service = 'stock "a"'; word = 'ERROR'`);
  const metrics = await run(
    '%%aws --range 2h --out m\nmetrics\nShop Latency Maximum Service=payment\nShop Latency Minimum Service={{service}}',
  );
  t.match(metrics, { status: 'ok', error: '' });
  t.match(JSON.stringify(metrics.data[0]), /vegalite/);
  t.equal(await print('m.groupby("label").value.max().tolist()'), '[159.0, 259.0]');
  const alarms = await run('%%aws\nalarms');
  t.match(alarms.data[0]?.['text/plain'], /ALARM +stock latency.*OK +payment latency/s);
  t.match((await run('%%aws --state OK\nalarms')).data[0]?.['text/plain'], '(1 row');
  const tail = await run('%%aws --range 1h --out log\nlogs tail /shop/payment\n"{{word}}"');
  t.match(tail, { status: 'ok', error: '' });
  t.equal(await print('(len(log), log.message[0], log.stream[0])'), "(20, 'ERROR line 0 <b>é', 'web-1')");
  // moto knows neither filter nor stats.
  const insights = await run(
    '%%aws --range 1h --out found\nlogs /shop/payment\nfields @timestamp, @message | limit 5',
  );
  t.match(insights, { status: 'ok', error: '' });
  t.equal(await print('(len(found), str(found["@timestamp"].dtype)[:10])'), "(5, 'datetime64')");
});

t.test('rights, signatures and roles are as AWS has them', async (t) => {
  const { run } = await runtime.startKernel(t);
  t.match(
    JSON.stringify((await run('%%aws role\nsts get-caller-identity')).data),
    'assumed-role/reader/spin-runtime',
  );
  const wrong: Readonly<Record<string, RegExp>> = {
    '%%aws logs\nalarms': /the right \w+:DescribeAlarms is missing/,
    '%%aws wrong\nalarms': /does not accept the connection's credential/,
    '%%aws shop\nec2 stop-instances\n{"InstanceIds": ["i-1"]}': /read-only\. Set read_only: false/,
    '%%aws\nlogs /shop/nope\nfields @message': /ResourceNotFoundException/,
  };
  for (const [cell, sentence] of Object.entries(wrong))
    t.match(await run(cell), { status: 'error', error: sentence }, cell);
  const [instance = ''] = moto.instances;
  const stopped = await run(`%%aws desk\nec2 stop-instances\n{"InstanceIds": ["${instance}"]}`);
  t.match(stopped, { status: 'ok', error: '' });
  t.match(
    (await run(`%%aws\nec2 describe-instances\n{"InstanceIds": ["${instance}"]}`)).data[0]?.['text/plain'],
    'stopped',
  );
});

t.test('connections test tells who it is and what is missing', async (t) => {
  const { origin, token } = runtime.gateway;
  const said: Readonly<Record<string, RegExp>> = {
    shop: /AWS eu-west-1, arn:aws:iam::123456789012:user\/everything, reads alarms and logs/,
    role: /assumed-role\/reader/,
    logs: /reads logs; without the right cloudwatch:DescribeAlarms/,
    none: /these rights are missing: cloudwatch:DescribeAlarms, logs:DescribeLogGroups/,
    wrong: /does not accept the connection's credential/,
  };
  for (const [name, sentence] of Object.entries(said)) {
    const response = await fetch(`${origin}/spin/api/connections/${name}/test`, {
      method: 'POST',
      headers: { authorization: `token ${token}` },
    });
    t.match(await response.text(), sentence, name);
  }
});

t.test('log groups, metrics and actions are offered', async (t) => {
  const { kernel } = await runtime.startKernel(t);
  const offers = (code: string, expected: string) =>
    until(async () => (await complete(kernel, code)).matches.includes(expected));
  await offers('%%aws\nlogs /shop/p│', '/shop/payment');
  await offers('%%aws\nmetrics\nSh│', 'Shop');
  await offers('%%aws\nmetrics\nShop La│', 'Latency');
  await offers('%%aws\nec2 describe-ins│', 'describe-instances');
  await offers('%%aws\nal│', 'alarms');
});

t.test('S10: no key leaves the gateway', async (t) => {
  const cells = ['shop', 'role', 'wrong', 'logs'].map(
    (name) => `%%aws ${name} --out df\nlogs tail /shop/payment`,
  );
  t.same(await runtime.findLeaks(t, cells, [moto.all.secret, moto.logs.secret, moto.none.secret]), []);
});
