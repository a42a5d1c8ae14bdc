import { once } from 'node:events';
import { mock } from 'node:test';
import t, { type Test } from 'tap';
import { type ClientOptions, WebSocket } from 'ws';
import { V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { sizedMessage } from '../support/frames.js';
import { startTestGateway } from '../support/gateway.js';
import { closed, startSocketServer } from '../support/sockets.js';

/** Between two pings of a leg, in milliseconds: see legs.ts. */
const INTERVAL_MS = 30_000;

interface Ends {
  readonly client: WebSocket;
  readonly kernel: WebSocket;
}

/**
 * A kernel channel over TLS through a gateway of this process, whose intervals pass only when the test says so.
 *
 * @param dead the end that answers no ping; what else it is sent it still reads, so that the test can watch
 */
async function startChannel(t: Test, dead?: keyof Ends): Promise<Ends> {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const server = await startSocketServer({
    handleProtocols: () => V1_PROTOCOL,
    autoPong: dead !== 'kernel',
  });
  const { gateway, token, close } = await startTestGateway({
    upstream: { kind: 'http', url: new URL(server.upstream.origin), token: undefined, ca: undefined },
  });
  const options: ClientOptions = {
    headers: { authorization: `token ${token}` },
    rejectUnauthorized: false,
    autoPong: dead !== 'client',
  };
  const url = `wss://127.0.0.1:${gateway.url.port}/api/kernels/k/channels`;
  const client = new WebSocket(url, [V1_PROTOCOL], options);
  const [kernel] = await Promise.all([server.accepted(), once(client, 'open')]);
  t.teardown(async () => {
    client.terminate();
    await server.close();
    await close();
  });
  return { client, kernel };
}

/** Lets an interval pass, in which both ends are pinged, and the living ones' answers arrive. */
async function passInterval({ client, kernel }: Ends, living: readonly (keyof Ends)[]): Promise<void> {
  const pinged = Promise.all([once(client, 'ping'), once(kernel, 'ping')]);
  mock.timers.tick(INTERVAL_MS);
  await pinged;
  // What came behind a pong has passed the gateway, so the pong has reached it.
  if (living.includes('client')) {
    client.send(sizedMessage('shell', 'kernel_info_request', {}, {}, 0));
    await once(kernel, 'message');
  }
  if (living.includes('kernel')) {
    kernel.send(sizedMessage('iopub', 'status', {}, { execution_state: 'idle' }, 0));
    await once(client, 'message');
  }
}

t.test('both legs of a kernel channel are pinged, and stay open while they answer', async (t) => {
  const ends = await startChannel(t);
  for (let i = 0; i < 4; i++) await passInterval(ends, ['client', 'kernel']);
  t.equal(ends.client.readyState, WebSocket.OPEN);
  t.equal(ends.kernel.readyState, WebSocket.OPEN);
});

t.test('a client that answers no more is noticed, and its leg to Jupyter closed', async (t) => {
  const ends = await startChannel(t, 'client');
  await passInterval(ends, ['kernel']);
  const end = closed(ends.kernel);
  mock.timers.tick(INTERVAL_MS);
  t.same(await end, [1001, '']);
});

t.test('a Jupyter that answers no more is noticed, and its client told', async (t) => {
  const ends = await startChannel(t, 'kernel');
  await passInterval(ends, ['client']);
  const end = closed(ends.client);
  mock.timers.tick(INTERVAL_MS);
  t.same(await end, [1014, '']);
});
