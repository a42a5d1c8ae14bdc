import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { startEnterpriseGateway } from '../support/enterprise-gateway.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, startKernel } from '../support/raw-client.js';
import { startSlowService } from '../support/slow-service.js';

t.setTimeout(900_000);

const VALUE = 'a-value-of-the-runtime-4711';

t.test('kernels of Jupyter Enterprise Gateway', async (t) => {
  const [enterprise, service] = await Promise.all([startEnterpriseGateway(t), startSlowService()]);
  t.teardown(() => service.close());
  const jupyter = await startStockJupyter(enterprise.client);
  t.teardown(() => jupyter.close());
  const file = join(t.testdir({}), 'connections.yaml');
  await writeFile(file, `connections:\n  slow: {type: prometheus, url: "${service.url}"}\n`);
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { API_KEY: VALUE },
    connections: { file, required: true },
  });
  t.teardown(() => gateway.close());
  const id = await startKernel(gateway);
  const kernel = (method: string, path: string) =>
    fetch(`${gateway.origin}/api/kernels/${id}${path}`, {
      method,
      headers: { authorization: `token ${gateway.token}` },
    });
  t.match(enterprise.log(), id, 'Enterprise Gateway has started the kernel');
  // A Jupyter server that takes its kernels from elsewhere speaks no subprotocol.
  const client = await openRawClient(gateway, id, 'legacy');
  t.teardown(() => client.close());

  await t.test('a cell with a reference, whose value is hidden', async (t) => {
    const { status, stdout } = await client.execute('v = "{{runtime_env:API_KEY}}"; print(len(v), v)');
    t.same({ status, stdout }, { status: 'ok', stdout: `${VALUE.length} ***\n` });
  });

  await t.test('a shell cell', async (t) => {
    t.match(await client.execute('%%shell\necho $((6 * 7))'), { status: 'ok', stdout: '42\n' });
  });

  await t.test('a brokered cell', async (t) => {
    const asked = service.asked();
    const cell = client.begin('%%prometheus --out df\nup');
    service.answer((await asked).response);
    t.equal((await client.answer(cell)).status, 'ok');
    t.match(await client.execute('print(len(df))'), { status: 'ok', stdout: '1\n' });
  });

  await t.test('an interrupt, of Python and of a brokered cell', async (t) => {
    const loop = client.begin('print("on", flush=True)\nwhile True: pass');
    await client.hears(({ parent, type }) => parent === loop && type === 'stream');
    t.equal((await kernel('POST', '/interrupt')).status, 204);
    t.match((await client.answer(loop)).reply, { status: 'error', ename: 'KeyboardInterrupt' });

    const asked = service.asked();
    const cell = client.begin('%%prometheus\nup');
    const { left } = await asked;
    t.equal((await kernel('POST', '/interrupt')).status, 204);
    const [ended] = await Promise.all([client.answer(cell), left]);
    t.match(ended.reply, { status: 'error', ename: 'KeyboardInterrupt' });
  });

  t.equal((await kernel('DELETE', '')).status, 204);
});
