import { once } from 'node:events';
import { mock } from 'node:test';
import t from 'tap';
import { keepAlive, sender } from '../../gateway/proxy/legs.js';
import { closed, open, startSocketServer } from '../support/sockets.js';
import { until } from '../support/until.js';

const INTERVAL_MS = 60;

t.test('a leg that answers pings stays open', async (t) => {
  // Real intervals would end it whenever this process waits longer for the processor than one lasts.
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const server = await startSocketServer();
  t.teardown(() => server.close());
  const accepted = server.accepted();
  const near = await open(server.upstream.origin);
  const far = await accepted;
  keepAlive(far, server.requests[0]?.socket ?? { bytesRead: 0 }, INTERVAL_MS);
  for (let pings = 0; pings < 5; pings += 1) {
    const answered = Promise.all([once(near, 'ping'), once(far, 'pong')]);
    mock.timers.tick(INTERVAL_MS);
    await answered;
  }
  mock.timers.tick(INTERVAL_MS);
  t.equal(far.readyState, far.OPEN);
  near.close();
});

t.test('a leg that answers nothing for an interval is ended', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  const accepted = server.accepted();
  const near = await open(server.upstream.origin);
  const far = await accepted;
  near.pause();
  const end = closed(far);
  keepAlive(far, server.requests[0]?.socket ?? { bytesRead: 0 }, INTERVAL_MS);
  t.same(await end, [1006, '']);
  near.terminate();
});

t.test('a leg that the gateway itself paused is not judged', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  const accepted = server.accepted();
  const near = await open(server.upstream.origin);
  const far = await accepted;
  far.pause();
  keepAlive(far, server.requests[0]?.socket ?? { bytesRead: 0 }, INTERVAL_MS);
  let pings = 0;
  while (pings < 5) {
    await once(near, 'ping');
    pings += 1;
  }
  t.equal(far.readyState, far.OPEN);
  far.resume();
  near.close();
});

t.test('a large message on a slow line is a sign of life', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  const accepted = server.accepted();
  const near = await open(server.upstream.origin);
  const far = await accepted;
  near.pause();
  const transport = { bytesRead: 0 };
  keepAlive(far, transport, INTERVAL_MS);
  const trickle = setInterval(() => {
    transport.bytesRead += 1;
  }, INTERVAL_MS / 4);
  await new Promise((resolve) => setTimeout(resolve, 6 * INTERVAL_MS));
  t.equal(far.readyState, far.OPEN);
  clearInterval(trickle);
  t.same(await closed(far), [1006, '']);
  near.terminate();
});

t.test('a single message that fills its target makes the source wait only until it is taken', async (t) => {
  const server = await startSocketServer();
  t.teardown(() => server.close());
  const accepted = server.accepted();
  const near = await open(server.upstream.origin);
  near.pause();
  const told: string[] = [];
  const send = sender(await accepted, { pause: () => told.push('pause'), resume: () => told.push('resume') });
  const size = 32 * 1024 * 1024;
  send(Buffer.alloc(size), true);
  t.same(told, ['pause']);
  const message = once(near, 'message');
  near.resume();
  t.equal((await message)[0].length, size);
  await until(() => told.length > 1);
  t.same(told, ['pause', 'resume']);
  near.close();
});
