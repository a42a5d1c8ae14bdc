import { once } from 'node:events';
import { readdir, rename, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { CANARY, filesWithLeak, leakIn } from '../support/canary.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

const ROUNDS = 40;

/** One that was delivered hides none of the others. */
const ENV = Object.fromEntries(
  Array.from({ length: ROUNDS }, (_, round) => [`KEY_${round}`, `${round}-${CANARY}-${round}`]),
);

/** Shows each new value in the moment in which it is there, some times: an endless stream would only fill queues. */
const SHOW_AT_ONCE = `
import threading, time
x = "nothing"
done = False
def show():
  shown = x
  while not done:
    if x is not shown:
      shown = x
      for _ in range(20): print(shown, flush=True)
    time.sleep(.0002)
threading.Thread(target=show).start()
`;

let jupyter: StockJupyter;

t.before(async () => {
  jupyter = await startStockJupyter();
});
t.teardown(() => jupyter?.close());

/** Two gateways that share a folder, before one Jupyter, and a kernel. */
async function replicas(t: Test) {
  const shared = t.testdir({});
  const start = async () => {
    const gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: ENV, shared });
    t.teardown(() => gateway.close());
    return gateway;
  };
  const [one, two] = [await start(), await start()];
  const kernel = await startKernel(one);
  const clients: RawClient[] = [];
  const open = async (gateway: TestGateway, wire: 'v1' | 'legacy' = 'v1') => {
    const client = await openRawClient(gateway, kernel, wire);
    t.teardown(() => client.close());
    clients.push(client);
    await client.listens();
    return client;
  };
  /** No frame of any client, and no file, holds a value. */
  const noLeak = async () => {
    const leaks = clients.flatMap(({ frames }) => frames.map(leakIn).filter((leak) => leak !== undefined));
    t.same(leaks, []);
    t.same((await filesWithLeak(shared)).leaks, []);
  };
  const end = (gateway: TestGateway) =>
    fetch(`${gateway.origin}/api/kernels/${kernel}`, {
      method: 'DELETE',
      headers: { authorization: `token ${gateway.token}` },
    });
  const shelves = () => readdir(join(shared, 'delivered'));
  return { shared, start, one, two, kernel, open, noLeak, end, shelves };
}

t.test('S10: what one replica delivers is hidden at the other from its first frame on', async (t) => {
  const { one, two, open, noLeak } = await replicas(t);
  const [client, watcher, legacy] = [await open(one), await open(two), await open(two, 'legacy')];
  for (let round = 0; round < ROUNDS; round++) {
    const ref = `{{runtime_env:KEY_${round}}}`;
    const shown = await client.execute(`import sys\nx = "${ref}"\nprint(x)\nprint(x, file=sys.stderr)\nx`);
    t.match(shown, { status: 'ok', stdout: '***\n' });
    // Its reply comes on a channel of its own.
    const asked = await Promise.all(
      [watcher, legacy].map((each) => each.execute('int(x)', { stop_on_error: false })),
    );
    t.match(asked, [
      { status: 'error', reply: { evalue: /\*\*\*/ } },
      { status: 'error', reply: { evalue: /\*\*\*/ } },
    ]);
    for (const each of [watcher, legacy])
      await each.hears(({ parent, content }) => parent === shown.id && content.execution_state === 'idle');
  }
  const texts = watcher.heard.filter(({ type }) => type === 'stream').map(({ content }) => content.text);
  t.equal(texts.join('').replaceAll('\n', ''), '***'.repeat(2 * ROUNDS), 'and nothing is missing');
  await noLeak();
});

t.test('S10: a thread of an older cell shows nothing of what another replica delivers', async (t) => {
  const { one, two, open, noLeak } = await replicas(t);
  const [client, watcher] = [await open(one), await open(two)];
  await watcher.execute(SHOW_AT_ONCE);
  for (let round = 0; round < ROUNDS; round++)
    t.match(await client.execute(`x = "{{runtime_env:KEY_${round}}}"`), { status: 'ok' });
  await watcher.hears(({ content }) => String(content.text).includes('***'));
  t.match(await watcher.execute('done = True'), { status: 'ok' });
  await noLeak();
});

t.test('S10: whoever comes later, by another replica or one that was restarted, sees nothing', async (t) => {
  const { start, one, two, open, noLeak } = await replicas(t);
  const client = await open(one);
  await client.execute('x = "{{runtime_env:KEY_1}}"');
  client.close();
  await one.close();
  for (const gateway of [two, await start()])
    t.match(await (await open(gateway)).execute('print(x)'), { status: 'ok', stdout: '***\n' });
  await noLeak();
});

t.test('S10: a kernel that has ended leaves nothing in the folder', async (t) => {
  const { shared, one, two, open, end, shelves } = await replicas(t);
  const client = await open(one);
  await client.execute('x = "{{runtime_env:KEY_1}}"');
  const [shelf = '', ...more] = await shelves();
  t.same(more, []);
  const earlier = new Date(Date.now() - 61 * 60 * 1000);
  await utimes(join(shared, 'delivered', shelf), earlier, earlier);
  client.close();
  // Its replica has died: another one ends the kernel.
  await one.close();
  t.equal((await end(two)).status, 204);
  await until(async () => (await shelves()).length === 0);
});

t.test('S13: without the folder a value reaches no kernel, and no frame a client', async (t) => {
  const { shared, one, two, open, noLeak } = await replicas(t);
  const [client, watcher] = [await open(one), await open(two)];
  const closed = once(watcher.socket, 'close');
  const left = once(client.socket, 'close');
  await rename(join(shared, 'delivered'), join(shared, 'away'));
  client.begin('x = "{{runtime_env:KEY_1}}"');
  for (const socket of [closed, left]) {
    const [code, reason] = (await socket) as [number, Buffer];
    t.equal(code, 1013);
    t.match(reason.toString(), /SPIN_SHARED/);
  }
  await rename(join(shared, 'away'), join(shared, 'delivered'));
  const again = await open(one);
  t.match(await again.execute('x'), { status: 'error', reply: { ename: 'NameError' } });
  await noLeak();
});
