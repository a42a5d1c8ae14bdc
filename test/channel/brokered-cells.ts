import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyterOptions, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';
import { startSlowService } from '../support/slow-service.js';
import { until } from '../support/until.js';

const FORGED = 'x 0 last\n{"kind":"end","value":"forged"}';
const DROPPED = 'an answer that nothing asked for was dropped';
/** Notes what the helper asks, from now on. */
const SPY = `
kernel = get_ipython().kernel
old, seen = kernel.raw_input, []
def spy(prompt):
    seen.append(prompt)
    return old(prompt)
kernel.raw_input = spy
`;
/** Questions with what Python's JSON allows and JavaScript's does not. */
const ODD_HEADERS = `
import json
session = get_ipython().kernel.session
packed = session.pack
def pack(part):
    if isinstance(part, dict) and part.get("msg_type") == "input_request":
        return json.dumps({**part, "x": float("nan"), "y": [float("inf")] * 3, "z": 10**400}, default=str).encode()
    return packed(part)
session.pack = pack
`;
/** With and without pandas. */
const VALUE = 'print(int(df[0]["value"] if isinstance(df, list) else df.value[0]))';
const CELL = '%%prometheus --out df\nup';

/** Brokered cells against a real kernel: the server's version is the caller's choice. */
export async function testBrokeredCells(t: Test, options: StockJupyterOptions = {}): Promise<void> {
  const [jupyter, service] = await Promise.all([startStockJupyter(options), startSlowService()]);
  t.teardown(() => jupyter.close());
  t.teardown(() => service.close());
  const file = join(t.testdir({}), 'connections.yaml');
  await writeFile(file, `connections:\n  slow: {type: prometheus, url: "${service.url}"}\n`);
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    connections: { file, required: true },
  });
  t.teardown(() => gateway.close());

  const kernel = (method: string, path: string) =>
    fetch(`${gateway.origin}/api/kernels/${path}`, {
      method,
      headers: { authorization: `token ${gateway.token}` },
    });

  /** A client of a new kernel that has begun a cell, and the request that the cell made. */
  const begun = async (t: Test) => {
    const id = await startKernel(gateway);
    t.teardown(() => kernel('DELETE', id));
    const client = await openRawClient(gateway, id, 'v1');
    t.teardown(() => client.close());
    const asked = service.asked();
    const cell = client.begin(CELL, { allow_stdin: false });
    return { id, client, cell, ...(await asked) };
  };

  const shows7 = ({ messages }: Awaited<ReturnType<RawClient['answer']>>) =>
    messages.some(({ content }) => JSON.stringify(content.data ?? '').includes('7'));

  await t.test('an interrupt ends the cell, and its request at the service, at once', async (t) => {
    const { id, client, cell, left } = await begun(t);
    await client.hears(
      ({ parent, content }) => parent === cell && JSON.stringify(content).includes('no answer'),
    );
    const start = performance.now();
    await kernel('POST', `${id}/interrupt`);
    const [ended] = await Promise.all([client.answer(cell), left]);
    t.match(ended.reply, { status: 'error', ename: 'KeyboardInterrupt' });
    t.ok(performance.now() - start < 20_000, 'without waiting for the service');
    t.match(await client.execute('6 * 7'), { status: 'ok' }, 'and the kernel goes on');
  });

  await t.test('a request that is sent again is counted', async (t) => {
    const retries = async () => {
      const headers = { authorization: `token ${gateway.token}` };
      const text = await (await fetch(`${gateway.origin}/spin/metrics`, { headers })).text();
      return Number(/^spin_brokered_retries_total\{type="prometheus"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    t.equal(await retries(), 0);
    const { client, cell, response } = await begun(t);
    const again = service.asked();
    response.writeHead(503, { 'retry-after': '0' }).end();
    service.answer((await again).response);
    t.ok(shows7(await client.answer(cell)));
    t.equal(await retries(), 1);
  });

  await t.test('a kernel that dies ends the request at the service', async (t) => {
    const id = await startKernel(gateway);
    t.teardown(() => kernel('DELETE', id));
    const client = await openRawClient(gateway, id, 'v1');
    t.teardown(() => client.close());
    const pid = Number((await client.execute('import os; print(os.getpid())')).stdout);
    const asked = service.asked();
    client.begin(CELL);
    const { left } = await asked;
    process.kill(pid, 'SIGKILL');
    await left;
    t.pass('without waiting for the service');
  });

  await t.test('a cell whose client left ends, and the client that returns gets the rest', async (t) => {
    const { id, client, cell, response } = await begun(t);
    client.socket.close();
    await new Promise((resolve) => client.socket.once('close', resolve));
    service.answer(response);
    const again = await openRawClient(gateway, id, 'v1', client.session);
    t.teardown(() => again.close());
    const ended = await again.answer(cell);
    t.equal(ended.status, 'ok');
    t.ok(shows7(ended));
    t.match(await again.execute(VALUE), { status: 'ok', stdout: '7\n' });
    t.equal(gateway.lines('a client left; what waits for it continues').length, 1);
  });

  await t.test('a client that returns in the middle is joined to the cell', async (t) => {
    const { id, client, cell, response } = await begun(t);
    client.close();
    await new Promise((resolve) => client.socket.once('close', resolve));
    const again = await openRawClient(gateway, id, 'v1', client.session);
    t.teardown(() => again.close());
    await again.hears(
      ({ parent, content }) => parent === cell && JSON.stringify(content).includes('no answer'),
    );
    service.answer(response);
    t.ok(shows7(await again.answer(cell)));
  });

  await t.test('a cell whose client never returns ends too, and frees the kernel', async (t) => {
    const { id, client, response } = await begun(t);
    client.close();
    await new Promise((resolve) => client.socket.once('close', resolve));
    service.answer(response);
    const other = await openRawClient(gateway, id, 'legacy');
    t.teardown(() => other.close());
    t.match(await other.execute(VALUE), { status: 'ok', stdout: '7\n' });
  });

  await t.test('S12: of two brokered cells in a row each gets its own result', async (t) => {
    const { client, cell, response } = await begun(t);
    const second = client.begin(CELL);
    const asked = service.asked();
    service.answer(response);
    t.ok(shows7(await client.answer(cell)));
    service.answer((await asked).response);
    t.ok(shows7(await client.answer(second)));
  });

  await t.test(
    'S12: code in the kernel that asks by itself is a user’s question, and gets no result',
    async (t) => {
      const id = await startKernel(gateway);
      t.teardown(() => kernel('DELETE', id));
      const client = await openRawClient(gateway, id, 'v1');
      t.teardown(() => client.close());
      const forged = client.begin(
        `print(get_ipython().kernel.raw_input('spin-broker:{"nonce": "x", "page": 0}'))`,
      );
      const question = await client.hears(
        ({ type, parent }) => type === 'input_request' && parent === forged,
      );
      t.match(question.content.prompt, 'spin-broker:');
      client.send('input_reply', { value: 'from a person' }, { channel: 'stdin' });
      t.equal((await client.answer(forged)).stdout, 'from a person\n');
    },
  );

  await t.test('X2: a kernel whose code writes NaN into what it asks leaves everybody served', async (t) => {
    const id = await startKernel(gateway);
    t.teardown(() => kernel('DELETE', id));
    const client = await openRawClient(gateway, id, 'v1');
    t.teardown(() => client.close());
    await client.execute(ODD_HEADERS);
    const asked = service.asked();
    const cell = client.begin(CELL);
    service.answer((await asked).response);
    t.ok(shows7(await client.answer(cell)));
    t.match(await client.execute('6 * 7'), { status: 'ok' });
  });

  await t.test('X8: variables beyond a few megabytes are refused with a sentence', async (t) => {
    const id = await startKernel(gateway);
    t.teardown(() => kernel('DELETE', id));
    const client = await openRawClient(gateway, id, 'v1');
    t.teardown(() => client.close());
    await client.execute("ids = ['x' * 100] * 150_000");
    t.match((await client.execute('%%prometheus\nup{id=~"{{ids}}"}')).reply, {
      evalue:
        /^\{\{ids\}\} is too large for this cell\. As they are sent, its variables are \d+ MB; the limit is 8 MB/,
    });
    // As code in the kernel can ask past the helper.
    await client.execute(`
kernel = get_ipython().kernel
old = kernel.raw_input
kernel.raw_input = lambda prompt: old(prompt + " " * 180_000_000)`);
    t.match((await client.execute(CELL)).reply, {
      evalue:
        'The variables of this cell are 180 MB; a cell takes at most 8 MB. Give fewer, or upload the data.',
    });
    await client.execute('kernel.raw_input = old');
    const asked = service.asked();
    const cell = client.begin(CELL);
    service.answer((await asked).response);
    t.ok(shows7(await client.answer(cell)));
  });

  await t.test('S9, S12: no client answers in the gateway’s place, or sees that it was asked', async (t) => {
    const { id, client, cell, response } = await begun(t);
    const other = await openRawClient(gateway, id, 'legacy');
    t.teardown(() => other.close());
    const before = gateway.lines(DROPPED).length;
    for (const each of [client, other]) {
      each.send('input_reply', { status: 'ok', value: FORGED }, { channel: 'stdin' });
    }
    await until(() => gateway.lines(DROPPED).length === before + 2);
    service.answer(response);
    t.ok(shows7(await client.answer(cell)));
    const questions = [...client.heard, ...other.heard].filter(({ type }) => type === 'input_request');
    t.same(questions, []);
  });

  await t.test('S12: what code in the kernel has seen of a cell opens nothing later', async (t) => {
    const { client, cell, response } = await begun(t);
    service.answer(response);
    await client.answer(cell);
    await client.execute(SPY);
    const asked = service.asked();
    const spied = client.begin(CELL);
    service.answer((await asked).response);
    t.ok(shows7(await client.answer(spied)), 'a kernel may look at its own cells');
    const replay = client.begin('print("got", [old(question) for question in seen[:2]])');
    const question = await client.hears(({ type, parent }) => type === 'input_request' && parent === replay);
    t.match(question.content.prompt, 'spin-broker:', 'now it is a question to the person');
    client.send('input_reply', { status: 'ok', value: 'nothing' }, { channel: 'stdin' });
    const next = await client.hears(
      ({ type, parent, header }) =>
        type === 'input_request' && parent === replay && header.msg_id !== question.header.msg_id,
    );
    t.match(next.content.prompt, 'spin-broker:');
    client.send('input_reply', { status: 'ok', value: 'nothing' }, { channel: 'stdin' });
    t.equal((await client.answer(replay)).stdout, "got ['nothing', 'nothing']\n");
  });

  await t.test('a cell right after a restart gets its result', async (t) => {
    const { id, client, cell, response } = await begun(t);
    service.answer(response);
    await client.answer(cell);
    for (let restarts = 0; restarts < 4; restarts++) {
      t.equal((await kernel('POST', `${id}/restart`)).status, 200);
      const asked = service.asked();
      const fresh = await openRawClient(gateway, id, 'legacy');
      const again = fresh.begin(CELL);
      service.answer((await asked).response);
      t.ok(shows7(await fresh.answer(again)));
      fresh.close();
    }
  });
}
