import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { WebSocket } from 'ws';
import { V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { sizedMessage } from '../support/frames.js';
import { TOKEN } from '../support/gateway.js';
import { BUSY, type SyntheticUpstream, startSyntheticUpstream } from '../support/synthetic-upstream.js';
import { until } from '../support/until.js';

const CONNECTS = 1000;
const AT_ONCE = 20;

/** A leaked channel holds tens of KiB; what a runtime's own bookkeeping moves by is far below one for each. */
const BOUND_BYTES_PER_CONNECT = 1024;

/** When a client is cut off. */
const MOMENTS = [
  'in the handshake',
  'once open',
  'inside a frame',
  'inside a stream',
  'while a rewrite waits',
] as const;

/** One client and the socket below it. */
interface Caller {
  readonly client: WebSocket;
  readonly transport: () => Socket | undefined;
  readonly closed: Promise<unknown>;
}

t.test('a thousand connects, half of them cut off, leave nothing behind', { timeout: 180_000 }, async (t) => {
  const upstream = await startSyntheticUpstream();
  t.teardown(() => upstream.close());
  const gateway = fork(
    fileURLToPath(new URL('../support/gateway-process.js', import.meta.url)),
    [`http://127.0.0.1:${upstream.port}`],
    { execArgv: ['--expose-gc'] },
  );
  t.teardown(() => gateway.kill('SIGKILL'));
  const [port] = await once(gateway, 'message');

  const before = await descriptors(gateway);
  const heaps: number[] = [];
  for (const seed of [1, 2]) {
    const moments = await visit(upstream, port, seed);
    t.ok(
      MOMENTS.every((moment) => (moments.get(moment) ?? 0) > CONNECTS / 20),
      `round ${seed} cut at every moment: ${JSON.stringify([...moments])}`,
    );
    await until(() => upstream.sockets() === 0, 30_000);
    await until(async () => (await descriptors(gateway)) <= before, 30_000);
    heaps.push(await heapUsed(gateway));
  }
  const [first = 0, second = 0] = heaps;
  t.comment(`heap after each round: ${heaps.map((bytes) => `${Math.round(bytes / 1024)} KiB`).join(', ')}`);
  t.ok(
    second - first < CONNECTS * BOUND_BYTES_PER_CONNECT,
    `the second round added ${second - first} bytes to what the first one left`,
  );
});

/** Connects a thousand times, some at once. @returns how often it cut at which moment */
async function visit(upstream: SyntheticUpstream, port: number, seed: number): Promise<Map<string, number>> {
  const random = seededRandom(seed);
  const moments = new Map<string, number>();
  let left = CONNECTS;
  const visitor = async () => {
    while (left > 0) {
      left -= 1;
      const moment = left % 2 === 0 ? MOMENTS[Math.floor(random() * MOMENTS.length)] : undefined;
      const kernel = moment === 'while a rewrite waits' ? BUSY : `kernel-${Math.floor(random() * 10)}`;
      const caller = call(port, kernel, random() < 0.5);
      if (moment === undefined) await behave(caller);
      else {
        moments.set(moment, (moments.get(moment) ?? 0) + 1);
        await reach(caller, moment, upstream, random);
        cut(caller, random() < 0.5);
      }
      await caller.closed;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  return moments;
}

function call(port: number, kernel: string, tls: boolean): Caller {
  let transport: Socket | undefined;
  const client = new WebSocket(
    `${tls ? 'wss' : 'ws'}://127.0.0.1:${port}/api/kernels/${kernel}/channels?session_id=${crypto.randomUUID()}`,
    [V1_PROTOCOL],
    {
      headers: { authorization: `token ${TOKEN}` },
      perMessageDeflate: false,
      createConnection: () => {
        const address = { port, host: '127.0.0.1' };
        transport = tls ? connectTls({ ...address, rejectUnauthorized: false }) : connect(address);
        return transport;
      },
    },
  );
  client.on('error', () => {});
  const closed = new Promise((resolve) => client.once('close', resolve));
  return { client, transport: () => transport, closed };
}

/** A whole visit: one plain cell, one with a reference, and a closing handshake. */
async function behave({ client }: Caller): Promise<void> {
  await once(client, 'open');
  for (const code of ['reply', '"{{runtime_env:VALUE}}"']) {
    client.send(cell(code));
    await once(client, 'message');
  }
  client.close(1000);
}

/** Brings a caller to the moment in which it is cut. */
async function reach(
  { client, transport }: Caller,
  moment: (typeof MOMENTS)[number],
  upstream: SyntheticUpstream,
  random: () => number,
): Promise<void> {
  if (moment === 'in the handshake') {
    await wait(random() * 10);
    return;
  }
  await once(client, 'open');
  if (moment === 'inside a frame') {
    const message = cell('reply');
    // RFC 6455 section 5.2: a final binary frame of two length bytes, masked with zeros.
    const head = Buffer.from([0x82, 0xfe, message.length >> 8, message.length & 0xff, 0, 0, 0, 0]);
    const part = message.subarray(0, Math.floor(random() * message.length));
    await new Promise((resolve) => transport()?.write(Buffer.concat([head, part]), resolve));
  }
  if (moment === 'inside a stream') {
    client.send(cell('stream 500 10000'));
    await once(client, 'message');
  }
  if (moment === 'while a rewrite waits') {
    const ignored = upstream.ignored();
    client.send(cell('"{{runtime_env:VALUE}}"'));
    await until(() => upstream.ignored() > ignored);
  }
}

/** @param rudely by a reset, where the socket can send one */
function cut({ client, transport }: Caller, rudely: boolean): void {
  const socket = transport();
  if (rudely && socket && !('encrypted' in socket)) socket.resetAndDestroy();
  else socket?.destroy();
  client.terminate();
}

function cell(code: string): Buffer {
  const content = { code, silent: false, store_history: true, stop_on_error: true };
  return sizedMessage('shell', 'execute_request', {}, content, 1024);
}

/** Source: proc(5). */
async function descriptors({ pid }: ChildProcess): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

async function heapUsed(gateway: ChildProcess): Promise<number> {
  const answer = once(gateway, 'message');
  gateway.send('measure');
  const [bytes] = await answer;
  return Number(bytes);
}

/** Numbers in [0, 1), the same ones for the same seed (a linear congruential generator, Numerical Recipes). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
