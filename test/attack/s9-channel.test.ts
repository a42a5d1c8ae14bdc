import t, { type Test } from 'tap';
import { decideMessage } from '../../gateway/policy/messages.js';
import { ENV, leakIn, REF } from '../support/canary.js';
import { conversation } from '../support/conversation.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';
import { until } from '../support/until.js';

const DROPPED = 'an answer that nothing asked for was dropped';

let jupyter: StockJupyter;
let gateway: TestGateway;
let kernel: string;

t.before(async () => {
  jupyter = await startStockJupyter();
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: ENV });
  kernel = await startKernel(gateway);
});
t.teardown(async () => {
  await gateway?.close();
  await jupyter?.close();
});

async function client(t: Test, wire: 'v1' | 'legacy' = 'v1', session?: string): Promise<RawClient> {
  const opened = await openRawClient(gateway, kernel, wire, session);
  t.teardown(() => opened.close());
  await opened.listens();
  return opened;
}

/**
 * Asks when the question can arrive. Jupyter's stdin socket connects to a kernel on its own, some time after shell, and a
 * ROUTER drops what it has no peer for without a word (zmq_setsockopt(3), ZMQ_ROUTER_MANDATORY): after a restart 3 of 12
 * questions were lost, without the gateway as well.
 */
const ONCE_REACHED = `
import time, zmq
get_ipython().kernel.stdin_socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
while True:
    try:
        print(input("new? "))
        break
    except zmq.ZMQError as error:
        if error.errno != zmq.EHOSTUNREACH:
            raise
        time.sleep(0.02)
`;

const answer = (client: RawClient, value: string) =>
  client.send('input_reply', { status: 'ok', value }, { channel: 'stdin' });
const asked = (client: RawClient, prompt: string) =>
  client.hears(({ type, content }) => type === 'input_request' && content.prompt === prompt);
const dropped = (count: number) => until(() => gateway.lines(DROPPED).length === count);

t.test("S9: only the socket that was asked answers a kernel's question, and once", async (t) => {
  const [asker, other] = [await client(t), await client(t, 'legacy')];
  answer(asker, 'before any question');
  await dropped(1);
  const cell = asker.execute('print(input("first? "))\nprint(input("second? "))');
  await asked(asker, 'first? ');
  answer(other, 'of the other client');
  await dropped(2);
  answer(asker, 'one');
  answer(asker, 'once more');
  await dropped(3);
  await asked(asker, 'second? ');
  answer(asker, 'two');
  t.match(await cell, { status: 'ok', stdout: 'one\ntwo\n' });
  answer(asker, 'after the cell');
  await dropped(4);
  t.equal(gateway.lines(DROPPED)[1]?.kernel, kernel);
});

t.test('S9: a question of before a restart gives no right to answer one of after it', async (t) => {
  const old = await client(t);
  const before = gateway.lines(DROPPED).length;
  old.begin('input("old? ")');
  await asked(old, 'old? ');
  const headers = { authorization: `token ${gateway.token}` };
  const restart = `${gateway.origin}/api/kernels/${kernel}/restart`;
  t.equal((await fetch(restart, { method: 'POST', headers })).status, 200);
  const fresh = await client(t, 'legacy');
  const cell = fresh.execute(ONCE_REACHED);
  await asked(fresh, 'new? ');
  answer(old, 'stolen');
  await dropped(before + 1);
  answer(fresh, 'own');
  t.match(await cell, { status: 'ok', stdout: 'own\n' });
});

t.test('S9: a reference in user_expressions is plain text: nothing is delivered for it', async (t) => {
  const one = await client(t);
  const user_expressions = { a: `"${REF}"`, b: 'len(v)' };
  for (const code of ['v = "plain"', `v = "${REF}"`]) {
    const { status, reply } = await one.execute(code, { user_expressions });
    t.equal(status, 'ok');
    t.match(reply.user_expressions, { a: { data: { 'text/plain': `'${REF}'` } } });
  }
  t.equal(
    one.frames.map(leakIn).find((leak) => leak !== undefined),
    undefined,
  );
});

t.test('S9: widgets and the debugger pass, and a reference in them is plain text', async (t) => {
  const one = await client(t);
  const handlers =
    'get_ipython().kernel.comm_manager.register_target("t", lambda comm, opened: comm.on_msg(lambda m: comm.send({"echo": m["content"]["data"]})))';
  t.match(await one.execute(handlers), { status: 'ok' });
  one.send('comm_open', { comm_id: 'c1', target_name: 't', data: {} });
  one.send('comm_msg', { comm_id: 'c1', data: { text: REF } });
  const echo = await one.hears(({ type }) => type === 'comm_msg');
  t.same(echo.content.data, { echo: { text: REF } });

  const command = { type: 'request', seq: 1, command: 'debugInfo', arguments: {} };
  const { reply } = await one.request('debug_request', command, { channel: 'control' });
  t.match(reply, { type: 'response', command: 'debugInfo', success: true });
});

t.test('S9: a cell on the control channel, past queue and log, is refused and does not run', async (t) => {
  const one = await client(t);
  await one.execute('hit = []');
  for (const code of ['hit.append(1)', `hit.append("${REF}")`, '%%shell\ntouch hit']) {
    const refused = await one.execute(code, {}, { channel: 'control' });
    t.match(refused, { status: 'error', reply: { ename: 'SpinError', evalue: /shell channel/ } });
  }
  t.match(JSON.stringify((await one.execute('hit')).messages), '"text/plain":"[]"');
});

t.test('S9: what is decided about each message stands in one table', async (t) => {
  const decided = {
    shell: {
      execute_request: 'cell',
      apply_request: 'refuse',
      comm_open: 'pass',
      comm_msg: 'pass',
      complete_request: 'assist',
      new_request: 'pass',
    },
    control: {
      execute_request: 'refuse',
      apply_request: 'refuse',
      debug_request: 'pass',
      interrupt_request: 'pass',
      new_request: 'pass',
    },
    stdin: { input_reply: 'answer', execute_request: 'drop', new_request: 'drop' },
    iopub: { stream: 'close', execute_request: 'close' },
  };
  for (const [channel, types] of Object.entries(decided)) {
    for (const [type, handling] of Object.entries(types))
      t.equal(decideMessage(channel, type).handling, handling, `${channel} ${type}`);
  }
});

t.test('S9: a pickled function is not run on any channel, and its sender is told', async (t) => {
  const talk = conversation();
  for (const channel of ['shell', 'control']) {
    talk.client(channel, { header: { msg_type: 'apply_request' }, content: {} });
    const reply = talk.toClient.find((said) => said.channel === channel);
    t.match(reply, { header: { msg_type: 'apply_reply' }, content: { status: 'error', ename: 'SpinError' } });
  }
  t.same(talk.toKernel, []);
});

t.test('S9: an unknown type passes where kernels have extensions, and never as an answer', async (t) => {
  const talk = conversation();
  for (const channel of ['shell', 'control', 'stdin'])
    talk.client(channel, { header: { msg_type: 'new_request' } });
  talk.kernel('stdin', { header: { msg_type: 'input_request' }, parent_header: { msg_id: 'a' } });
  talk.client('stdin', { header: { msg_type: 'execute_reply' } });
  t.same(
    talk.toKernel.map(({ channel }) => channel),
    ['shell', 'control'],
  );
});

t.test("S9: whoever comes with another client's session id leaves that client its socket", async (t) => {
  const victim = await client(t);
  const watcher = await client(t);
  const { id } = await victim.execute('1');
  const seen = await watcher.hears(({ parent, type }) => parent === id && type === 'execute_input');
  t.ok(seen);
  const read = watcher.frames.find((frame) => frame.includes(victim.session));
  t.ok(read, 'the watcher has read the session id in a parent_header');

  const thief = await client(t, 'v1', victim.session);
  t.match(await victim.execute('print("still here")'), { status: 'ok', stdout: 'still here\n' });
  t.match(await thief.execute('print("me too")'), { status: 'ok', stdout: 'me too\n' });
  const cell = victim.execute('print(input("mine? "))');
  await asked(victim, 'mine? ');
  t.notOk(
    thief.heard.some(({ type }) => type === 'input_request'),
    'and is not asked in its place',
  );
  answer(victim, 'yes');
  t.match(await cell, { stdout: 'yes\n' });
});
