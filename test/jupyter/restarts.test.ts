import t from 'tap';
import { connect, execute } from '../support/client.js';
import { eventually } from '../support/embedded.js';
import { startTestGateway } from '../support/gateway.js';
import { jupyterEnvironment } from '../support/jupyter.js';

// A cold start of Jupyter, twice.
t.setTimeout(120_000);

t.test('that Jupyter went down and was started again can be seen in the metrics', async (t) => {
  const gateway = await startTestGateway({
    upstream: { kind: 'embedded', environment: await jupyterEnvironment() },
  });
  t.teardown(() => gateway.close());
  await gateway.gateway.ready;
  const headers = { authorization: `token ${gateway.token}` };
  const metric = async (name: string) => {
    const text = await (await fetch(`${gateway.origin}/spin/metrics`, { headers })).text();
    return new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
  };
  t.equal(await metric('spin_jupyter_restarts_total'), '0');
  t.equal(await metric('spin_upstream_up'), '1');

  const client = connect(gateway);
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew({ name: 'python3' });
  const { stdout } = await execute(kernel, 'import os; print(os.getppid())');
  process.kill(Number(stdout), 'SIGKILL');
  await eventually('it is counted', async () => (await metric('spin_jupyter_restarts_total')) === '1');
  await eventually('it is back', async () => (await metric('spin_upstream_up')) === '1');
});
