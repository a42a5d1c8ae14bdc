import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { createAskLiving } from '../../gateway/channel/kernels/living.js';
import { fixedUpstream } from '../../gateway/proxy/upstream.js';
import { CANARY, ENV, leakIn, REF } from '../support/canary.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';

let jupyter: StockJupyter;
let gateway: TestGateway;

t.before(async () => {
  jupyter = await startStockJupyter();
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: ENV });
});
t.teardown(async () => {
  await gateway?.close();
  await jupyter?.close();
});

/** A kernel of its own with two clients; at the test's end no frame of either may hold a value. */
async function twoClients(t: Test): Promise<{ kernel: string; v1: RawClient; legacy: RawClient }> {
  const kernel = await startKernel(gateway);
  const v1 = await openRawClient(gateway, kernel, 'v1');
  const legacy = await openRawClient(gateway, kernel, 'legacy');
  await Promise.all([v1, legacy].map((client) => client.listens()));
  t.teardown(async () => {
    for (const client of [v1, legacy]) client.close();
    await ask('DELETE', `/api/kernels/${kernel}`);
  });
  return { kernel, v1, legacy };
}

async function ask(method: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `token ${gateway.token}` };
  return fetch(gateway.origin + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

function noLeak(t: Test, ...clients: RawClient[]): void {
  for (const client of clients) {
    t.ok(client.frames.length > 0);
    t.equal(
      client.frames.map(leakIn).find((leak) => leak !== undefined),
      undefined,
      'no frame holds a value',
    );
  }
}

/** Shows that the cell had the value, without showing it, and then shows it. */
const CELL = `import hashlib\nprint(hashlib.sha256("${REF}".encode()).hexdigest())\nprint("${REF}")`;
const SHELL = `%%shell\nprintf %s "${REF}" | sha256sum | cut -c1-64\necho "${REF}"`;
const HASH = createHash('sha256').update(CANARY).digest('hex');
const RIGHT = { status: 'ok', stdout: `${HASH}\n***\n` };

t.test('S10: values come, and stay hidden, after a restart', async (t) => {
  const { kernel, v1, legacy } = await twoClients(t);
  t.match(await v1.execute(CELL), RIGHT);
  t.equal((await ask('POST', `/api/kernels/${kernel}/restart`)).status, 200);
  await Promise.all([v1.listens(), legacy.listens()]);
  t.match(await v1.execute(CELL), RIGHT);
  t.match(await legacy.execute(SHELL), RIGHT);
  t.match(await legacy.execute(`int("${REF}")`), { status: 'error' });
  noLeak(t, v1, legacy);
});

t.test('S10: values come, and stay hidden, when a kernel died and was started again', async (t) => {
  const { v1, legacy } = await twoClients(t);
  t.match(await v1.execute(CELL), RIGHT);
  v1.begin(`print("${REF}"[:9], end="", flush=True)\nimport os, time; time.sleep(.1); os._exit(1)`);
  const restarting = ({ content }: { content: Record<string, unknown> }) =>
    content.execution_state === 'restarting';
  await Promise.all([v1.hears(restarting), legacy.hears(restarting)]);
  await Promise.all([v1.listens(), legacy.listens()]);
  t.match(await legacy.execute(CELL), RIGHT);
  t.match(await v1.execute(SHELL), RIGHT);
  noLeak(t, v1, legacy);
});

t.test(
  'S10: what a kernel was given stays hidden while it lives, also when nobody is connected',
  async (t) => {
    const { kernel, v1, legacy } = await twoClients(t);
    t.match(await v1.execute(`v = "${REF}"`), { status: 'ok' });
    for (const client of [v1, legacy]) client.close();
    const living = createAskLiving(() => fixedUpstream(upstreamOf(jupyter)));
    t.ok((await living()).has(kernel));

    // A kernel that ends with its session makes the gateway look which ones are left.
    const session = await ask('POST', '/api/sessions', {
      kernel: { name: 'python3' },
      name: 'x',
      path: 'x.ipynb',
      type: 'notebook',
    });
    t.equal(session.status, 201);
    const started = (await session.json()) as { id: string; kernel: { id: string } };
    const third = await openRawClient(gateway, started.kernel.id, 'v1');
    t.match(await third.execute(CELL), RIGHT);
    third.close();
    t.equal((await ask('DELETE', `/api/sessions/${started.id}`)).status, 204);
    t.notOk((await living()).has(started.kernel.id));
    t.ok((await living()).has(kernel));

    const again = await openRawClient(gateway, kernel, 'v1');
    t.teardown(() => again.close());
    t.match(await again.execute('print(v)'), { status: 'ok', stdout: '***\n' });
    noLeak(t, v1, legacy, third, again);
  },
);

t.test('S10: behind a failing cell queued cells are aborted, and the next one works', async (t) => {
  const { v1, legacy } = await twoClients(t);
  // Each fails late: only what has reached the kernel by then is aborted.
  for (const failing of [
    'import time; time.sleep(.5); 1 / 0',
    `import time; time.sleep(.5); int("${REF}")`,
    '%%shell\nsleep .5; exit 3',
    '%%shell --nonsense\n',
  ]) {
    const queued = [failing, CELL, '"plain"', SHELL].map((code) => v1.execute(code, { stop_on_error: true }));
    t.same(
      (await Promise.all(queued)).map(({ status }) => status),
      ['error', 'aborted', 'aborted', 'aborted'],
      failing,
    );
    // It answers this one while it aborts, and has stopped aborting before it reads another.
    await v1.request('kernel_info_request', {});
    t.match(await v1.execute(CELL), RIGHT, 'the next one');
    t.match(await legacy.execute(SHELL), RIGHT);
  }
  noLeak(t, v1, legacy);
});

t.test('S10: several clients that queue cells at once each get what theirs give', async (t) => {
  const { kernel, v1, legacy } = await twoClients(t);
  const third = await openRawClient(gateway, kernel, 'v1');
  t.teardown(() => third.close());
  await third.listens();
  const clients = [v1, legacy, third];
  const rounds = Array.from({ length: 15 }, (_, round) => round);
  const all = await Promise.all(
    rounds.flatMap((round) => clients.map((client) => client.execute((round & 1) === 0 ? CELL : SHELL))),
  );
  t.equal(all.length, 45);
  for (const one of all) t.match(one, RIGHT);
  noLeak(t, ...clients);
});

t.test('S10: in a subshell too, beside the main shell', async (t) => {
  const { v1, legacy } = await twoClients(t);
  const { reply } = await v1.request('create_subshell_request', {}, { channel: 'control' });
  t.equal(reply.status, 'ok');
  const inSubshell = { header: { subshell_id: reply.subshell_id } };
  const code = `import time\nv = "${REF}"\nfor c in v + "\\n":\n    print(c, end="", flush=True); time.sleep(.01)`;
  const main = v1.execute(code);
  const beside = [];
  for (let round = 0; round < 8; round++) beside.push(await v1.execute(CELL, {}, inSubshell));
  const both = await Promise.all([
    main,
    v1.execute(CELL),
    v1.execute(SHELL, {}, inSubshell),
    legacy.execute(CELL),
  ]);
  t.match(both, [{ status: 'ok', stdout: '***\n' }, RIGHT, RIGHT, RIGHT]);
  for (const one of beside) t.match(one, RIGHT);
  noLeak(t, v1, legacy);
});
