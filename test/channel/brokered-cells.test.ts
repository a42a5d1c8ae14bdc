import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';
import { type SlowService, startSlowService } from '../support/slow-service.js';

const CELL = '%%prometheus --out df\nup';

t.setTimeout(180_000);

let jupyter: StockJupyter;
let service: SlowService;
let gateway: TestGateway;

t.before(async () => {
  [jupyter, service] = await Promise.all([startStockJupyter(), startSlowService()]);
  const file = join(t.testdir({}), 'connections.yaml');
  await writeFile(file, `connections:\n  slow: {type: prometheus, url: "${service.url}"}\n`);
  gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    connections: { file, required: true },
  });
});
t.teardown(async () => {
  await gateway?.close();
  service?.close();
  await jupyter?.close();
});

const kernel = (method: string, path: string) =>
  fetch(`${gateway.origin}/api/kernels/${path}`, {
    method,
    headers: { authorization: `token ${gateway.token}` },
  });

/** A client of a new kernel that has begun a cell, and the request that the cell made. */
async function begun(t: Test) {
  const id = await startKernel(gateway);
  t.teardown(() => kernel('DELETE', id));
  const client = await openRawClient(gateway, id, 'v1');
  t.teardown(() => client.close());
  const asked = service.asked();
  const cell = client.send('execute_request', { code: CELL, silent: false, allow_stdin: false });
  return { id, client, cell, ...(await asked) };
}

const shows7 = ({ messages }: Awaited<ReturnType<RawClient['answer']>>) =>
  messages.some(({ content }) => JSON.stringify(content.data ?? '').includes('7'));

t.test('an interrupt ends the cell, and its request at the service, at once', async (t) => {
  const { id, client, cell, left } = await begun(t);
  await client.hears(
    ({ parent, content }) => parent === cell && JSON.stringify(content).includes('waiting for'),
  );
  const start = performance.now();
  await kernel('POST', `${id}/interrupt`);
  const [ended] = await Promise.all([client.answer(cell), left]);
  t.match(ended.reply, { status: 'error', ename: 'KeyboardInterrupt' });
  t.ok(performance.now() - start < 5_000, 'without waiting for the service');
  t.match(await client.execute('6 * 7'), { status: 'ok' }, 'and the kernel goes on');
});

t.test('a cell whose client left ends, and the client that returns gets the rest', async (t) => {
  const { id, client, cell, response } = await begun(t);
  client.socket.close();
  await new Promise((resolve) => client.socket.once('close', resolve));
  service.answer(response);
  const again = await openRawClient(gateway, id, 'v1', client.session);
  t.teardown(() => again.close());
  const ended = await again.answer(cell);
  t.equal(ended.status, 'ok');
  t.ok(shows7(ended));
  t.match(await again.execute('print(df.value[0])'), { status: 'ok', stdout: '7.0\n' });
  t.equal(gateway.lines('a client left in the middle of a brokered cell, which goes on').length, 1);
});

t.test('a client that returns in the middle is joined to the cell', async (t) => {
  const { id, client, cell, response } = await begun(t);
  client.close();
  await new Promise((resolve) => client.socket.once('close', resolve));
  const again = await openRawClient(gateway, id, 'v1', client.session);
  t.teardown(() => again.close());
  await again.hears(
    ({ parent, content }) => parent === cell && JSON.stringify(content).includes('waiting for'),
  );
  service.answer(response);
  t.ok(shows7(await again.answer(cell)));
});

t.test('a cell whose client never returns ends too, and frees the kernel', async (t) => {
  const { id, client, response } = await begun(t);
  client.close();
  await new Promise((resolve) => client.socket.once('close', resolve));
  service.answer(response);
  const other = await openRawClient(gateway, id, 'legacy');
  t.teardown(() => other.close());
  t.match(await other.execute('print(df.value[0])'), { status: 'ok', stdout: '7.0\n' });
});

t.test('S12: of two brokered cells in a row each gets its own result', async (t) => {
  const { client, cell, response } = await begun(t);
  const second = client.send('execute_request', { code: CELL, silent: false });
  const asked = service.asked();
  service.answer(response);
  t.ok(shows7(await client.answer(cell)));
  service.answer((await asked).response);
  t.ok(shows7(await client.answer(second)));
});

t.test('S12: code in the kernel that asks by itself is a user’s question, and gets no result', async (t) => {
  const id = await startKernel(gateway);
  t.teardown(() => kernel('DELETE', id));
  const client = await openRawClient(gateway, id, 'v1');
  t.teardown(() => client.close());
  const forged = client.send('execute_request', {
    code: `print(get_ipython().kernel.raw_input('spin-broker:{"nonce": "x", "page": 0}'))`,
    silent: false,
    allow_stdin: true,
  });
  const question = await client.hears(({ type, parent }) => type === 'input_request' && parent === forged);
  t.match(question.content.prompt, 'spin-broker:');
  client.send('input_reply', { value: 'from a person' }, { channel: 'stdin' });
  t.equal((await client.answer(forged)).stdout, 'from a person\n');
});
