import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, startKernel } from '../support/raw-client.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

const LIMIT_MS = 60_000;

t.test('W11: a client that comes back to a question is told that output was cut', async (t) => {
  const noLimits = ['iopub_data_rate_limit', 'iopub_msg_rate_limit'].map(
    (name) => `--ZMQChannelsWebsocketConnection.${name}=1e12`,
  );
  const jupyter = await startStockJupyter({ args: noLimits });
  t.teardown(() => jupyter.close());
  const gateway = await startTestGateway({ upstream: upstreamOf(jupyter) });
  t.teardown(() => gateway.close());
  const id = await startKernel(gateway);
  const client = await openRawClient(gateway, id, 'v1');
  t.teardown(() => client.close());
  // Hears all of it.
  const other = await openRawClient(gateway, id, 'v1');
  t.teardown(() => other.close());
  await other.listens();
  const begin = join(t.testdir({}), 'begin');
  // A thread writes while the cell waits for the answer of the client, which is away.
  const code = `
import os, threading, time
def write():
    while not os.path.exists(${JSON.stringify(begin)}): time.sleep(0.05)
    for each in range(20):
        print("x" * 1_000_000, flush=True)
threading.Thread(target=write).start()
print("answered", input("name? "))`;
  const cell = client.begin(code, { allow_stdin: true });
  await client.hears(({ type }) => type === 'input_request');
  client.socket.close();
  await until(() => gateway.lines('a client left; what waits for it continues').length > 0, LIMIT_MS);
  await writeFile(begin, '');
  const written = () =>
    other.heard.reduce((sum, { content }) => sum + String(content.text ?? '').replace(/[^x]/g, '').length, 0);
  await until(() => written() === 20_000_000, LIMIT_MS);
  const again = await openRawClient(gateway, id, 'v1', client.session);
  t.teardown(() => again.close());
  const notice = await again.hears(({ content }) => String(content.text).startsWith('Output was cut here'));
  t.match(notice, { parent: cell, content: { name: 'stderr' } });
  again.send('input_reply', { status: 'ok', value: 'Ada' }, { channel: 'stdin' });
  const ended = await again.answer(cell);
  t.equal(ended.status, 'ok');
  t.match(ended.stdout, /answered Ada/);
});
