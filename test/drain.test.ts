import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { homeAt } from '../gateway/home.js';
import { startTestGateway, upstreamOf } from './support/gateway.js';
import { type StockJupyter, startStockJupyter } from './support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from './support/raw-client.js';
import { startSlowService } from './support/slow-service.js';
import { closed, open, startSocketServer } from './support/sockets.js';
import { until } from './support/until.js';

t.setTimeout(120_000);

const GOODBYE = [1012, 'The gateway is restarting.'];
/** Longer than any of these cells takes, on any machine. */
const PATIENT_MS = 60_000;
/** Half of it is for the kernels to hear that nothing comes any more. */
const LIMIT_MS = 10_000;

let jupyter: StockJupyter;

t.before(async () => {
  jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
});

t.test('a gateway that ends closes idle websockets at once, with a reason, on both legs', async (t) => {
  const upstream = await startSocketServer();
  t.teardown(() => upstream.close());
  const gateway = await startTestGateway({
    drainMs: PATIENT_MS,
    upstream: { kind: 'http', url: new URL(upstream.upstream.origin), token: undefined, ca: undefined },
  });
  const url = (path: string) => `${gateway.origin}${path}?token=${gateway.token}`;
  const ends = [];
  for (const path of ['/api/kernels/1/channels', '/terminals/websocket/1']) {
    const accepted = upstream.accepted();
    ends.push(closed(await open(url(path))), closed(await accepted));
  }
  await gateway.close();
  t.same(await Promise.all(ends), [GOODBYE, GOODBYE, GOODBYE, GOODBYE]);
});

async function startWithKernel(t: Test, drainMs: number, catalogue = '{}') {
  const home = homeAt(t.testdir({ etc: { 'connections.yaml': `connections: ${catalogue}\n` } }));
  const gateway = await startTestGateway({
    drainMs,
    upstream: upstreamOf(jupyter),
    connections: { file: home.connections, required: true },
  });
  const id = await startKernel(gateway);
  return { gateway, id, connect: () => openRawClient(gateway, id, 'v1') };
}

/** Jupyter hears of it by a socket of its own, and so perhaps later than the clients. */
async function isIdle(kernel: string): Promise<boolean> {
  const asked = await fetch(`${jupyter.url}/api/kernels/${kernel}?token=${jupyter.token}`);
  const { execution_state: state } = (await asked.json()) as { execution_state: string };
  return state === 'idle';
}

const sendCell = (client: RawClient, code: string) => client.begin(code, { allow_stdin: false });

t.test('cells that run end first, whole, and nobody new is taken in meanwhile', async (t) => {
  const { gateway, connect } = await startWithKernel(t, PATIENT_MS);
  const [client, idle] = await Promise.all([connect(), connect()]);
  const ends = [closed(client.socket), closed(idle.socket)];
  const first = sendCell(client, 'answer = 42');
  await client.answer(first);
  const go = join(jupyter.rootDir, 'go');
  const waiting = `import os, time
print("in the cell", flush=True)
while not os.path.exists(${JSON.stringify(go)}): time.sleep(.02)
print("late")`;
  const cells = [waiting, 'print("last", answer)'].map((code) => sendCell(client, code));
  await client.hears(({ content }) => String(content.text).includes('in the cell'));
  const ended = gateway.close();
  t.same(await ends[1], GOODBYE, 'the idle client went at once');
  t.equal(client.socket.readyState, client.socket.OPEN, 'the other is still there');
  await t.rejects(fetch(`${gateway.origin}/healthz`), 'no new connection');
  await writeFile(go, '');
  const [late, last] = await Promise.all(cells.map((id) => client.answer(id)));
  t.match(late, { status: 'ok', stdout: 'in the cell\nlate\n' });
  t.match(last, { status: 'ok', stdout: 'last 42\n' });
  t.same(await ends[0], GOODBYE);
  await ended;
});

t.test('brokered cells get their results, also one whose client has left', async (t) => {
  const service = await startSlowService();
  t.teardown(() => service.close());
  const slow = `{slow: {type: prometheus, url: "${service.url}"}}`;
  const { gateway, connect } = await startWithKernel(t, PATIENT_MS, slow);
  const other = await startKernel(gateway);
  const [stays, leaves] = await Promise.all([connect(), openRawClient(gateway, other, 'v1')]);
  const begin = async (client: RawClient) => {
    const asked = service.asked();
    const cell = sendCell(client, '%%prometheus --out df\nup');
    return { cell, response: (await asked).response };
  };
  const seen = await begin(stays);
  const unseen = await begin(leaves);
  leaves.close();
  await until(() => gateway.lines('a client left; what waits for it continues').length > 0);
  const goodbye = closed(stays.socket);
  const ended = gateway.close();
  service.answer(seen.response);
  t.match(await stays.answer(seen.cell), { status: 'ok' });
  t.same(await goodbye, GOODBYE);
  service.answer(unseen.response);
  await ended;
  await until(() => isIdle(other));
});

t.test('brokered cells that take too long fail, rather than leave their kernels waiting', async (t) => {
  const service = await startSlowService();
  t.teardown(() => service.close());
  const slow = `{slow: {type: prometheus, url: "${service.url}"}}`;
  const { gateway, id, connect } = await startWithKernel(t, LIMIT_MS, slow);
  const other = await startKernel(gateway);
  const [stays, leaves] = await Promise.all([connect(), openRawClient(gateway, other, 'v1')]);
  const goodbye = closed(stays.socket);
  const first = service.asked();
  const seen = sendCell(stays, '%%prometheus\nup');
  const { left } = await first;
  const second = service.asked();
  sendCell(leaves, '%%prometheus\nup');
  await second;
  const ended = gateway.close();
  // In the middle of the drain.
  leaves.close();
  t.match(await stays.answer(seen), { status: 'error', reply: { evalue: /was restarted in the middle/ } });
  await left;
  t.same(await goodbye, GOODBYE);
  await ended;
  for (const kernel of [id, other]) await until(() => isIdle(kernel));
  t.pass('the kernels are free');
});

t.test('cells that go on are left to the kernel when the time is over', async (t) => {
  const { gateway, connect } = await startWithKernel(t, 300);
  const client = await connect();
  sendCell(client, 'import time\nprint("on and on", flush=True)\nwhile True: time.sleep(1)');
  await client.hears(({ content }) => String(content.text).includes('on and on'));
  const end = once(client.socket, 'close');
  await gateway.close();
  const [code] = await end;
  t.equal(code, 1012);
});

t.test('S15: a client that leaves is not waited for', async (t) => {
  // Longer than this test may take.
  const { gateway, connect } = await startWithKernel(t, 10 * PATIENT_MS);
  const client = await connect();
  sendCell(client, 'import time\nprint("on and on", flush=True)\nwhile True: time.sleep(1)');
  await client.hears(({ content }) => String(content.text).includes('on and on'));
  const ended = gateway.close();
  client.close();
  await ended;
});
