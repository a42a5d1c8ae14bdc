import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import t from 'tap';
import { WebSocket } from 'ws';
import { V1_PROTOCOL } from '../../gateway/channel/wire/codec.js';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, startKernel } from '../support/raw-client.js';
import { startReplicas, TOKEN } from '../support/replicas.js';
import { startSlowService } from '../support/slow-service.js';
import { until } from '../support/until.js';

// The load balancer's certificate is the test's own.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
t.setTimeout(180_000);

const VALUE = 'a-value-of-the-runtime-4711';

/** Values that nothing was given yet. */
const KEYS = Object.fromEntries(
  Array.from({ length: 20 }, (_, key) => [`KEY_${key}`, `key-${key}-${VALUE}`]),
);

for (const balancer of ['nginx', 'HAProxy'] as const) {
  t.test(`two replicas behind ${balancer}`, async (t) => {
    const [upstream, service] = await Promise.all([startStockJupyter(), startSlowService()]);
    t.teardown(() => upstream.close());
    t.teardown(() => service.close());
    const file = join(t.testdir({}), 'connections.yaml');
    await writeFile(file, `connections:\n  slow: {type: prometheus, url: "${service.url}"}\n`);
    const replicas = await startReplicas(t, {
      balancer,
      upstream,
      env: { SPIN_CONNECTIONS: file, API_KEY: VALUE, ...KEYS },
    });
    const [one, two] = replicas.origins;
    const front = { origin: replicas.origin, token: TOKEN };
    const { host } = new URL(replicas.origin);
    /** As the load balancer says it of a browser. */
    const forwarded = { host, 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' };
    const asSite = { ...forwarded, origin: replicas.origin };
    const logIn = async () => cookieFrom(await postForm(`${one}/spin/login`, { token: TOKEN }, asSite));
    const statusAt = async (origin: string, cookie: string) =>
      (await ask(`${origin}/api/status`, { headers: { ...forwarded, cookie } })).status;
    const askFront = (method: string, path: string) =>
      fetch(replicas.origin + path, { method, headers: { authorization: `token ${TOKEN}` } });
    const kernels: string[] = [];
    for (let started = 0; started < 3; started++) kernels.push(await startKernel(front));
    /** Where a kernel's websockets are: the replica whose log has its cell. */
    const placesOf = (kernel: string) =>
      ([0, 1] as const).filter((index) => replicas.log(index).includes(kernel));

    await t.test('a session of one is good at the other', async (t) => {
      const cookie = await logIn();
      t.equal(await statusAt(one, cookie), 200);
      t.equal(await statusAt(two, cookie), 200);
    });

    await t.test('a logout at one closes the other’s sockets and refuses the session there', async (t) => {
      const [cookie, stays] = [await logIn(), await logIn()];
      const open = async (its: string) => {
        const url = `${two.replace('http', 'ws')}/api/kernels/${kernels[0]}/channels?session_id=${randomUUID()}`;
        const socket = new WebSocket(url, [V1_PROTOCOL], { headers: { ...asSite, cookie: its } });
        await once(socket, 'open');
        return socket;
      };
      const [socket, other] = [await open(cookie), await open(stays)];
      t.teardown(() => other.terminate());
      const closed = once(socket, 'close');
      const start = performance.now();
      t.equal((await postForm(`${one}/spin/logout`, {}, { ...asSite, cookie })).status, 303);
      const [code] = await closed;
      t.equal(code, 1008);
      t.ok(performance.now() - start < 2_000, 'within two seconds');
      t.equal(await statusAt(two, cookie), 401);
      t.equal(await statusAt(two, stays), 200, 'another session of the same person goes on');
      t.equal(other.readyState, WebSocket.OPEN);
    });

    await t.test('a login link is good once on all of them together', async (t) => {
      const link = new URL(await loginUrl(replicas.origin, new Secret(TOKEN)));
      const visits = await Promise.all(
        [one, two, one, two].map((origin) =>
          ask(`${origin}${link.pathname}${link.search}`, { headers: { ...NAVIGATION, ...forwarded } }),
        ),
      );
      t.same(visits.map(({ status }) => status).sort(), [303, 403, 403, 403]);
    });

    await t.test('a kernel’s requests go to one replica, from wherever they come', async (t) => {
      const ids = Array.from({ length: 16 }, () => randomUUID());
      // Refused, and so logged, where they arrive: one line a second for an address, so each has its own.
      for (const [at, id] of ids.entries())
        for (const end of [2, 3, 4])
          t.equal(
            await refusedFrom(`127.0.${at + 1}.${end}`, `${replicas.origin}/api/kernels/${id}/channels`),
            401,
          );
      // A replica's log comes by a pipe, and so in no order with its answers.
      const lines = () => [replicas.log(0), replicas.log(1)].join('\n').split('\n');
      await until(() => ids.every((id) => lines().filter((line) => line.includes(id)).length >= 3));
      t.same(
        ids.map((id) => placesOf(id).length),
        ids.map(() => 1),
      );
      t.same(new Set(ids.flatMap(placesOf)), new Set([0, 1]), 'and both have some');
    });

    await t.test('all sockets of a kernel are at one replica, which hides its values from all', async (t) => {
      for (const kernel of kernels) {
        const [client, watcher] = [
          await openRawClient(front, kernel, 'v1'),
          await openRawClient(front, kernel, 'legacy'),
        ];
        await watcher.listens();
        const shown = await client.execute('print("{{runtime_env:API_KEY}}")');
        t.match(shown, { status: 'ok', stdout: '***\n' });
        await watcher.hears(({ type, parent }) => type === 'stream' && parent === shown.id);
        t.notOk(Buffer.concat([...client.frames, ...watcher.frames]).includes(VALUE));
        t.equal((await watcher.execute('1')).status, 'ok');
        await until(() => placesOf(kernel).length > 0);
        t.equal(placesOf(kernel).length, 1, 'one replica has logged its cells');
        client.close();
        watcher.close();
      }
    });

    await t.test('S10: sockets of one kernel at both replicas: what one delivers both hide', async (t) => {
      const kernel = await startKernel(front);
      const [client, watcher] = [
        await openRawClient({ origin: one, token: TOKEN }, kernel, 'v1'),
        await openRawClient({ origin: two, token: TOKEN }, kernel, 'v1'),
      ];
      t.teardown(() => [client, watcher].map((each) => each.close()));
      await Promise.all([client.listens(), watcher.listens()]);
      for (const key of Object.keys(KEYS)) {
        const shown = await client.execute(`x = "{{runtime_env:${key}}}"\nprint(x)`);
        t.match(shown, { status: 'ok', stdout: '***\n' });
        await watcher.hears(({ type, parent }) => type === 'stream' && parent === shown.id);
        t.match(await watcher.execute('int(x)'), { status: 'error', reply: { evalue: /'\*\*\*'/ } });
      }
      const late = await openRawClient({ origin: two, token: TOKEN }, kernel, 'legacy');
      t.teardown(() => late.close());
      t.match(await late.execute('print(x)'), { status: 'ok', stdout: '***\n' });
      t.notOk(Buffer.concat([client, watcher, late].flatMap(({ frames }) => frames)).includes(VALUE));
      const kept = await filesBelow(join(replicas.shared, 'delivered'));
      t.ok(kept.length >= Object.keys(KEYS).length);
      t.notOk(Buffer.concat(await Promise.all(kept.map((file) => readFile(file)))).includes(VALUE));
    });

    await t.test('a client that returns in the middle of a brokered cell is joined to it', async (t) => {
      const [kernel = ''] = kernels;
      const client = await openRawClient(front, kernel, 'v1');
      const asked = service.asked();
      const cell = client.begin('%%prometheus\nup');
      const { response } = await asked;
      client.close();
      await once(client.socket, 'close');
      const again = await openRawClient(front, kernel, 'v1', client.session);
      t.teardown(() => again.close());
      service.answer(response);
      t.equal((await again.answer(cell)).status, 'ok');
    });

    await t.test('without the folder sessions are refused, and tokens are not', async (t) => {
      const cookie = await logIn();
      await rename(replicas.shared, `${replicas.shared}-away`);
      await until(async () => (await statusAt(one, cookie)) === 503, 20_000);
      await until(async () => (await ask(`${two}/readyz`)).status === 503, 20_000);
      const headers = { authorization: `token ${TOKEN}` };
      t.equal((await ask(`${one}/api/status`, { headers })).status, 200);
      t.equal((await postForm(`${one}/spin/logout`, {}, { ...asSite, cookie })).status, 503);
      await rename(`${replicas.shared}-away`, replicas.shared);
      await until(async () => (await statusAt(one, cookie)) === 200);
      await until(async () => (await ask(`${two}/readyz`)).status === 200);
    });

    await t.test('when one replica dies its clients go on at the other', async (t) => {
      const [kernel = ''] = kernels;
      const client = await openRawClient(front, kernel, 'v1');
      await client.execute('x = 6 * 7\nkey = "{{runtime_env:API_KEY}}"');
      // The replica that dies is in the middle of a brokered cell.
      const asked = service.asked();
      const cell = client.begin('%%prometheus\nup');
      const { left } = await asked;
      const [place = 0] = placesOf(kernel);
      const closed = once(client.socket, 'close');
      await replicas.kill(place);
      await Promise.all([closed, left]);
      const cookie = cookieFrom(
        await postForm(`${replicas.origins[1 - place]}/spin/login`, { token: TOKEN }, asSite),
      );
      t.equal(await statusAt(replicas.origins[1 - place] ?? '', cookie), 200);
      const back = await reconnect(() => openRawClient(front, kernel, 'v1', client.session));
      t.teardown(() => back.close());
      const next = back.begin('print(x, key)');
      // Its answer will never come, and the cell waits, until it is interrupted: once, and it says so.
      t.equal((await askFront('POST', `/api/kernels/${kernel}/interrupt`)).status, 204);
      t.match(await back.answer(cell), { status: 'error', reply: { ename: 'KeyboardInterrupt' } });
      t.match(await back.answer(next), { status: 'ok', stdout: '42 ***\n' });
      t.match(await back.execute('int(key)'), { status: 'error', reply: { evalue: /'\*\*\*'/ } });
      t.notOk(Buffer.concat(back.frames).includes(VALUE));
    });

    await t.test('kernels that have ended leave nothing in the folder, whichever replica died', async () => {
      const ids = ((await (await askFront('GET', '/api/kernels')).json()) as { id: string }[]).map(
        ({ id }) => id,
      );
      for (const id of ids) await askFront('DELETE', `/api/kernels/${id}`);
      const shelves = join(replicas.shared, 'delivered');
      const earlier = new Date(Date.now() - 61 * 60 * 1000);
      for (const name of await readdir(shelves)) await utimes(join(shelves, name), earlier, earlier);
      const { id } = (await (await askFront('POST', '/api/kernels')).json()) as { id: string };
      await askFront('DELETE', `/api/kernels/${id}`);
      await until(async () => (await readdir(shelves)).length === 0, 20_000);
    });
  });
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

/** @returns the status */
async function refusedFrom(localAddress: string, url: string): Promise<number | undefined> {
  const asked = request(url, { localAddress, agent: false }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

/** As clients do: until the load balancer has seen that a replica is gone. */
async function reconnect<T>(open: () => Promise<T>): Promise<T> {
  let opened: T | undefined;
  await until(async () => {
    opened = await open().catch(() => undefined);
    return opened !== undefined;
  }, 20_000);
  if (opened === undefined) throw new Error('unreachable: until has waited for it');
  return opened;
}
