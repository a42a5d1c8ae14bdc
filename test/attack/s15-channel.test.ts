import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { decode, encode } from '../../gateway/channel/wire/codec.js';
import type { Payload } from '../../gateway/channel/wire/frame.js';
import { parentId, readHeader } from '../../gateway/channel/wire/messages.js';
import { REF } from '../support/canary.js';
import {
  answerCompanion,
  companionIn,
  type FakeKernel,
  KERNEL,
  startFakeKernel,
} from '../support/fake-kernel.js';
import { bytesOf, payloadOf } from '../support/frames.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';
import { until } from '../support/until.js';

const MB = 1024 * 1024;

async function before(t: Test, fake: FakeKernel): Promise<TestGateway> {
  const gateway = await startTestGateway({ upstream: fake.config, env: { KEY: 'a value' } });
  t.teardown(async () => {
    await gateway.close();
    await fake.close();
  });
  return gateway;
}

async function client(t: Test, gateway: TestGateway): Promise<RawClient> {
  const opened = await openRawClient(gateway, KERNEL, 'v1');
  t.teardown(() => opened.close());
  return opened;
}

/** Sends messages one after the other, each when the system has taken the one before. @returns how many were taken */
function sendAll(client: RawClient, messages: readonly Payload[]): () => number {
  let taken = -1;
  const next = (error?: Error | null) => {
    if (error) return;
    taken++;
    const message = messages[taken];
    if (message) client.socket.send(message.data, { binary: message.binary }, next);
  };
  next();
  return () => taken;
}

/** Waits until a number has stopped changing for a while in which much would have moved. */
async function settled(measure: () => number): Promise<number> {
  let last = Number.NaN;
  let same = 0;
  await until(() => {
    same = measure() === last ? same + 1 : 0;
    last = measure();
    return same > 30;
  }, 30_000);
  return last;
}

t.test(
  'S15: a cell that is larger than Jupyter takes becomes an error of its own, in a real kernel',
  async (t) => {
    const jupyter = await startStockJupyter();
    const gateway = await startTestGateway({ upstream: upstreamOf(jupyter) });
    t.teardown(async () => {
      await gateway.close();
      await jupyter.close();
    });
    const kernel = await startKernel(gateway);
    for (const wire of ['v1', 'legacy'] as const) {
      const one = await openRawClient(gateway, kernel, wire);
      t.teardown(() => one.close());
      for (const size of [12 * MB, 25 * MB]) {
        const large = await one.execute(`x = '${'y'.repeat(size)}'`);
        t.match(large, { status: 'error', reply: { evalue: /larger than 10 MiB.*file/s } });
        t.ok(
          one.frames.every((frame) => frame.length < 100_000),
          'and nothing of the cell comes back',
        );
      }
      t.match(await one.execute('print(1)'), { status: 'ok', stdout: '1\n' }, 'the connection stays');
      const closed = once(one.socket, 'close') as Promise<[number, Buffer]>;
      one.send('execute_request', { code: 'y'.repeat(40 * MB) });
      const [code, reason] = await closed;
      t.match([code, String(reason)], [1009, /larger than 10 MiB/]);
    }
  },
);

t.test('S15: a client that stops reading pauses its kernel, and gets all when it goes on', async (t) => {
  const CHUNK = bytesOf(
    payloadOf('v1', 'iopub', {
      header: { msg_type: 'stream' },
      content: { name: 'stdout', text: 'x'.repeat(65_000) },
    }),
  );
  const TOTAL = 200 * MB;
  let taken = 0;
  const flood = (socket: WebSocket) => {
    let sent = 0;
    const next = (error?: Error | null) => {
      if (error) return;
      taken = Math.max(0, sent - socket.bufferedAmount);
      if (sent >= TOTAL) return;
      sent += CHUNK.length;
      socket.send(CHUNK, next);
    };
    socket.once('message', () => next());
  };
  const fake = await startFakeKernel(flood);
  const gateway = await before(t, fake);
  const url = `${gateway.origin.replace('http', 'ws')}/api/kernels/${KERNEL}/channels`;
  const options = { headers: { authorization: `token ${gateway.token}` }, perMessageDeflate: false };
  const socket = new WebSocket(url, ['v1.kernel.websocket.jupyter.org'], options);
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  let got = 0;
  socket.on('message', (data: Buffer) => {
    got += data.length;
  });
  socket.pause();
  socket.send(bytesOf(payloadOf('v1', 'shell', { header: { msg_type: 'kernel_info_request' } })));
  await until(() => taken > 0);
  const stopped = await settled(() => taken);
  t.ok(stopped < 40 * MB, `the kernel could send ${Math.round(stopped / MB)} MB of 200`);
  socket.resume();
  await until(() => got >= TOTAL, 60_000);
  t.ok(got >= TOTAL, 'everything comes');
});

t.test('S15: a kernel that stops reading pauses its client, and gets all when it goes on', async (t) => {
  let count = 0;
  const fake = await startFakeKernel((socket) => {
    socket.pause();
    socket.on('message', () => {
      count++;
    });
  }, false);
  const gateway = await before(t, fake);
  const accepted = fake.accepted();
  const one = await client(t, gateway);
  const kernel = await accepted;
  const content = { comm_id: 'c', data: { x: 'y'.repeat(MB) } };
  const taken = await settled(sendAll(one, Array(50).fill(one.message('comm_msg', content).payload)));
  t.ok(taken < 30, `${taken} MB of 50 were taken from the client`);
  kernel.resume();
  await until(() => count === 50, 30_000);
  t.equal(count, 50);
});

t.test('S15: requests that wait for a slow rewrite pause their client at a limit', async (t) => {
  const kernels: WebSocket[] = [];
  const order: string[] = [];
  const companions: string[] = [];
  const fake = await startFakeKernel((socket) => {
    kernels.push(socket);
    socket.on('message', (data: Buffer, binary) => {
      const companion = companionIn(socket, data, binary);
      if (companion === undefined) order.push(readHeader(decode('v1', data, binary)).msg_id);
      else companions.push(companion);
    });
  }, false);
  const gateway = await before(t, fake);
  const one = await client(t, gateway);
  const cell = (n: number) => ({ code: `"${REF}" # ${n} ${'y'.repeat(n === 0 ? 0 : MB)}` });
  const messages = Array.from({ length: 70 }, (_, n) => one.message('execute_request', cell(n)));
  const taken = sendAll(
    one,
    messages.map(({ payload }) => payload),
  );
  await until(() => companions.length === 1);
  await settled(taken);
  t.ok(taken() > 20 && taken() < 55, `${taken()} MB of 70 were taken from the client`);
  t.same(order, [], 'and none of them has passed');

  // The kernel answers from now on.
  let answered = 0;
  await until(() => {
    for (; answered < companions.length; answered++) {
      const [kernel] = kernels;
      if (kernel) answerCompanion(kernel, companions[answered] ?? '');
    }
    return order.length === messages.length;
  }, 60_000);
  t.same(
    order,
    messages.map(({ id }) => id),
    'all of them pass, in order',
  );
});

t.test('S15: what was passed on is not kept, however long its kernel says nothing', async (t) => {
  let bytes = 0;
  const fake = await startFakeKernel((socket) => {
    socket.on('message', (data: Buffer) => {
      bytes += data.length;
    });
  }, false);
  const gateway = await before(t, fake);
  const one = await client(t, gateway);
  const SIZE = 5 * MB;
  for (let n = 1; n <= 40; n++) {
    one.send('execute_request', { code: 'y'.repeat(SIZE) });
    await until(() => bytes >= n * SIZE, 30_000);
  }
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const kept = () => {
    collect();
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    return arrayBuffers + heapUsed;
  };
  await until(() => kept() < 120 * MB).catch(() => {});
  t.ok(kept() < 120 * MB, `${Math.round(kept() / MB)} MB after 200 MB of cells without an answer`);
});

t.test("S15: a kernel's largest outputs pass", async (t) => {
  const text = 'x'.repeat(30 * MB);
  const fake = await startFakeKernel((socket) => {
    socket.on('message', (data: Buffer) => {
      const parent = readHeader(decode('v1', data, true));
      const reply = encode('v1', 'iopub', {
        header: JSON.stringify({ ...parent, msg_type: 'display_data' }),
        parent_header: JSON.stringify(parent),
        metadata: '{}',
        content: JSON.stringify({ data: { 'text/plain': text } }),
      });
      socket.send(reply.data, { binary: true });
    });
  });
  const gateway = await before(t, fake);
  const one = await client(t, gateway);
  const id = one.send('kernel_info_request', {});
  const { content } = await one.hears(({ parent }) => parent === id);
  t.equal((content.data as Record<string, string>)['text/plain']?.length, text.length);
  t.equal(parentId(decode('v1', one.frames[0] ?? Buffer.alloc(0), true)), id);
});
