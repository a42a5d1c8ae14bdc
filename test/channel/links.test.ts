import { once } from 'node:events';
import t, { type Test } from 'tap';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { type Link, startLink } from '../support/link.js';
import { openRawClient, type RawClient, startKernel, streamed } from '../support/raw-client.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

const DROPPED = 'an answer that nothing asked for was dropped';
const LEFT = 'a client left; what waits for it continues';
const ASK = 'x = input("name? ")\nprint("hello", x)';

let gateway: TestGateway;

t.before(async () => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter) });
  t.teardown(() => gateway.close());
});

/** A client behind a link of its own, and others of the same kernel. */
async function clients(t: Test) {
  const link = await startLink(gateway.origin);
  t.teardown(() => link.close());
  const kernel = await startKernel(gateway);
  const open = async (by: { readonly origin: string }, session?: string) => {
    const client = await openRawClient({ origin: by.origin, token: gateway.token }, kernel, 'v1', session);
    t.teardown(() => client.close());
    return client;
  };
  const client = await open(link);
  await client.listens();
  return { link, kernel, client, again: () => open(gateway, client.session), other: () => open(gateway) };
}

const isAsked = ({ type, content }: RawClient['heard'][number]) =>
  type === 'input_request' && content.prompt === 'name? ';
const answer = (client: RawClient, value: string) =>
  client.send('input_reply', { status: 'ok', value }, { channel: 'stdin' });

const breaks: Readonly<Record<string, (link: Link, client: RawClient) => Promise<unknown>>> = {
  'whose link broke': async (link, client) => {
    link.cut();
    await once(client.socket, 'close');
  },
  'whose link froze': async (link) => link.freeze(),
  'that closed properly': async (_link, client) => {
    client.socket.close();
    await once(client.socket, 'close');
  },
};
for (const [what, breakLink] of Object.entries(breaks)) {
  t.test(`W3: a client ${what} while it is asked answers on its next connection`, async (t) => {
    const { link, client, again, other } = await clients(t);
    const cell = client.begin(ASK);
    await client.hears(isAsked);
    await breakLink(link, client);
    const before = gateway.lines(DROPPED).length;
    answer(await other(), 'of somebody else');
    await until(() => gateway.lines(DROPPED).length === before + 1);
    const back = await again();
    answer(back, 'Ada');
    t.match(await back.answer(cell), { status: 'ok', stdout: 'hello Ada\n' });
    answer(back, 'once more');
    await until(() => gateway.lines(DROPPED).length === before + 2);
    t.match(await back.execute(ASK.replace('name? ', 'next? '), { allow_stdin: false }), { status: 'error' });
  });
}

t.test(
  'W3: a question that ended while its client was away gives no right to answer the next one',
  async (t) => {
    const { link, kernel, client, again, other } = await clients(t);
    const cell = client.begin(ASK);
    await client.hears(isAsked);
    const left = gateway.lines(LEFT).length;
    link.cut();
    await until(() => gateway.lines(LEFT).length === left + 1);
    const second = await other();
    const headers = { authorization: `token ${gateway.token}` };
    await fetch(`${gateway.origin}/api/kernels/${kernel}/interrupt`, { method: 'POST', headers });
    const theirs = second.begin(ASK);
    await second.hears(isAsked);
    const back = await again();
    t.match((await back.answer(cell)).reply, { status: 'error', ename: 'KeyboardInterrupt' }, 'it is told');
    const before = gateway.lines(DROPPED).length;
    answer(back, 'stolen');
    await until(() => gateway.lines(DROPPED).length === before + 1);
    answer(second, 'own');
    t.match(await second.answer(theirs), { stdout: 'hello own\n' });
  },
);

t.test('W3: an answer that is dropped is told to a client whose cell still runs', async (t) => {
  const { client } = await clients(t);
  const cell = client.begin('import time\nwhile "go" not in globals(): time.sleep(0.01)');
  await client.hears(({ parent, type }) => parent === cell && type === 'execute_input');
  answer(client, 'to nothing');
  const told = await client.hears(({ parent, type }) => parent === cell && type === 'stream');
  t.match(told.content, {
    name: 'stderr',
    text: /^This answer was not passed to the kernel: the question is over/,
  });
});

t.test('W11: behind a frozen link nothing is lost, and a client that is back goes on at once', async (t) => {
  const { link, client, again, other } = await clients(t);
  const watcher = await other();
  await watcher.listens();
  const cell = client.begin(
    'import time\nfor i in range(200):\n    print(i, flush=True)\n    time.sleep(0.02)',
  );
  const numbers = (of: RawClient) =>
    streamed(
      of.heard.filter(({ parent }) => parent === cell),
      'stdout',
    )
      .trim()
      .split('\n')
      .map(Number);
  await until(() => numbers(client).includes(20));
  link.freeze();
  const seen = numbers(client);
  // Others hear the kernel: by their ears the link has been frozen for longer than a living client is silent.
  await until(() => numbers(watcher).includes((seen.at(-1) ?? 0) + 60), 30_000);
  const back = await again();
  t.match(await back.answer(cell), { status: 'ok' });
  const rest = numbers(back);
  t.equal(rest.at(-1), 199);
  t.ok((rest[0] ?? 200) <= (seen.at(-1) ?? 0) + 1, `${seen.at(-1)} was the last that came, then ${rest[0]}`);
  t.same(
    rest,
    Array.from(rest, (_, index) => (rest[0] ?? 0) + index),
    'nothing is lost in between',
  );
  t.ok((seen.at(-1) ?? 0) - (rest[0] ?? 0) < 10, 'and little comes twice');
});
