import { once } from 'node:events';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { type Claim, Sessions } from '../../gateway/channel/link/sessions.js';
import { KERNEL, startFakeKernel } from '../support/fake-kernel.js';
import { startTestGateway } from '../support/gateway.js';

async function idOf(sessions: Sessions, ...of: [string, string, string]): Promise<string> {
  return ((await sessions.enter(...of, () => true)) as Claim).id;
}

t.test('a session is of one kernel and one principal', async (t) => {
  const sessions = () => new Sessions(Buffer.from('a key'));
  const id = (...of: [string, string, string]) => idOf(sessions(), ...of);
  const first = await id('kernel', 'owner', 'session');
  t.match(first, /^[0-9a-f]{32}$/);
  t.equal(await id('kernel', 'owner', 'session'), first, 'the same after the gateway was started again');
  t.not(await id('kernel', 'other', 'session'), first);
  t.not(await id('other', 'owner', 'session'), first);
  t.not(await id('kernel', 'owner', 'other'), first);
  t.not(await idOf(new Sessions(Buffer.from('b key')), 'kernel', 'owner', 'session'), first);
});

t.test('a session that is being connected is not given twice, and is free when that failed', async (t) => {
  const sessions = new Sessions(Buffer.from('a key'));
  const first = (await sessions.enter('kernel', 'owner', 'session', () => true)) as Claim;
  t.not(await idOf(sessions, 'kernel', 'owner', 'session'), first.id);
  first.release();
  t.equal(await idOf(sessions, 'kernel', 'owner', 'session'), first.id);
});

/** A gateway before a fake kernel, and a way to connect with one session id that gives the upstream's. */
async function connections(t: Test) {
  const fake = await startFakeKernel();
  const gateway = await startTestGateway({ upstream: fake.config });
  t.teardown(async () => {
    await gateway.close();
    await fake.close();
  });
  return async (autoPong = true): Promise<{ socket: WebSocket; upstream: string }> => {
    const url = `${gateway.origin.replace('http', 'ws')}/api/kernels/${KERNEL}/channels?session_id=mine`;
    const socket = new WebSocket(url, { headers: { authorization: `token ${gateway.token}` }, autoPong });
    socket.on('error', () => {});
    t.teardown(() => socket.terminate());
    const count = fake.requests.length;
    await once(socket, 'open');
    const path = new URL(fake.requests[count]?.url ?? '', 'http://x');
    return { socket, upstream: path.searchParams.get('session_id') ?? '' };
  };
}

t.test('a client that comes back after it left gets its session', async (t) => {
  const connect = await connections(t);
  const first = await connect();
  t.match(first.upstream, /^[0-9a-f]{32}$/);
  const second = await connect();
  t.not(second.upstream, first.upstream, 'while it is there, another one gets their own');
  first.socket.close();
  await once(first.socket, 'close');
  t.equal((await connect()).upstream, first.upstream);
});

t.test(
  'a client whose connection broke unnoticed goes on with its conversation, and the broken one ends',
  async (t) => {
    const connect = await connections(t);
    const first = await connect(false);
    const ended = once(first.socket, 'close');
    t.equal((await connect()).upstream, '', 'no other connection to Jupyter is made');
    await ended;
  },
);
