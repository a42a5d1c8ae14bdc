import { once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { KERNEL, startFakeKernel } from '../support/fake-kernel.js';
import { payloadOf } from '../support/frames.js';
import { startTestGateway, type TestGateway } from '../support/gateway.js';
import { until } from '../support/until.js';

t.setTimeout(300_000);

async function house(t: Test): Promise<TestGateway> {
  const kernel = await startFakeKernel(undefined, false);
  const gateway = await startTestGateway({ upstream: kernel.config });
  t.teardown(async () => {
    await gateway.close();
    await kernel.close();
  });
  return gateway;
}

async function connect({ origin, token }: TestGateway): Promise<WebSocket> {
  const url = `${origin.replace('http', 'ws')}/api/kernels/${KERNEL}/channels`;
  const socket = new WebSocket(url, [V1_PROTOCOL], { headers: { authorization: `token ${token}` } });
  socket.on('error', () => {});
  await once(socket, 'open');
  return socket;
}

/** Waits until the log tells of so many, and sees that it does it in few lines. */
async function toldOf(t: Test, gateway: TestGateway, message: string, count: number, since: number) {
  const lines = () => gateway.lines(message);
  const told = () => lines().reduce((sum, { more }) => sum + 1 + Number(more ?? 0), 0);
  await until(() => told() === count, 60_000);
  // One at once, and one more at the end of each second.
  const most = 2 + Math.ceil((Date.now() - since) / 1000);
  t.ok(lines().length <= most, `${lines().length} lines of ${count} in ${Date.now() - since} ms`);
  for (const line of lines()) t.notMatch(JSON.stringify(line), /stack|node_modules|\.js:\d/, 'no stack');
}

/** Processor time of this process, in milliseconds. */
function busyMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

t.test(
  'X19: a flood of refused frames makes a line a second, with a count and without a stack',
  async (t) => {
    const gateway = await house(t);
    const socket = await connect(gateway);
    t.teardown(() => socket.terminate());
    const { data } = payloadOf('v1', 'stdin', {
      header: { msg_id: 'm', msg_type: 'input_reply', session: 's' },
      content: { value: 'x' },
    });
    const since = Date.now();
    const before = busyMs();
    const count = 20_000;
    for (let n = 0; n < count; n++) socket.send(data, { binary: true });
    await toldOf(t, gateway, 'an answer that nothing asked for was dropped', count, since);
    t.comment(`${((busyMs() - before) / count).toFixed(3)} ms of the processor a frame, client and gateway`);
  },
);

t.test('X19: so do connections that are ended for their frames', async (t) => {
  const gateway = await house(t);
  const since = Date.now();
  const count = 60;
  for (let n = 0; n < count; n++) {
    const socket = await connect(gateway);
    socket.send(Buffer.from('no frame'), { binary: true });
    await once(socket, 'close');
  }
  await toldOf(t, gateway, 'a kernel websocket was closed', count, since);
});

t.test('X19: a refusal costs no more than a request that is served', async (t) => {
  const gateway = await house(t);
  const cost = async (headers: Record<string, string>, status: number) => {
    const before = busyMs();
    for (let n = 0; n < 300; n++) {
      const answer = await fetch(`${gateway.origin}/api/status`, { headers });
      t.equal(answer.status, status);
      await answer.arrayBuffer();
    }
    return (busyMs() - before) / 300;
  };
  // Once for what is compiled on the way.
  await cost({ authorization: `token ${gateway.token}` }, 200);
  await cost({}, 401);
  const served = await cost({ authorization: `token ${gateway.token}` }, 200);
  const refused = await cost({}, 401);
  t.comment(
    `served ${served.toFixed(2)} ms, refused ${refused.toFixed(2)} ms of the processor, client included`,
  );
  t.ok(refused < 3 * served + 1, `${refused} against ${served} ms`);
});
