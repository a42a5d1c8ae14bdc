import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cookieFrom, postForm } from '../support/ask.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, type RawClient, startKernel } from '../support/raw-client.js';
import { startSlowService } from '../support/slow-service.js';
import { until } from '../support/until.js';

t.setTimeout(120_000);

const LEFT = 'a client left; what waits for it continues';

const logIn = async ({ origin, token }: TestGateway) => {
  const cookie = cookieFrom(await postForm(`${origin}/spin/login`, { token }));
  return { cookie, origin };
};
const logOut = ({ origin }: TestGateway, { cookie }: { readonly cookie: string }) =>
  postForm(`${origin}/spin/logout`, {}, { cookie });

/** A gateway with a kernel behind it and a service that takes its time. */
async function withKernel(t: Test) {
  const [jupyter, service] = await Promise.all([startStockJupyter(), startSlowService()]);
  t.teardown(() => jupyter.close());
  t.teardown(() => service.close());
  const file = join(t.testdir({}), 'connections.yaml');
  await writeFile(file, `connections:\n  slow: {type: prometheus, url: "${service.url}"}\n`);
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    connections: { file, required: true },
  });
  t.teardown(() => gateway.close());
  const id = await startKernel(gateway);
  const connect = async (login: Readonly<Record<string, string>>, session?: string) => {
    const client = await openRawClient({ ...gateway, login }, id, 'v1', session);
    t.teardown(() => client.close());
    return client;
  };
  /** How many websockets Jupyter has for the kernel. */
  const connections = async () => {
    const asked = await fetch(`${jupyter.url}/api/kernels/${id}?token=${jupyter.token}`);
    return ((await asked.json()) as { connections: number }).connections;
  };
  return { gateway, service, connect, connections };
}

const leave = async (gateway: TestGateway, client: RawClient) => {
  const before = gateway.lines(LEFT).length;
  client.close();
  await until(() => gateway.lines(LEFT).length === before + 1);
};

t.test('S3: a logout ends what runs for a client that has left', async (t) => {
  const { gateway, service, connect, connections } = await withKernel(t);
  const login = await logIn(gateway);
  const client = await connect(login);
  const asked = service.asked();
  client.begin('%%prometheus\nup');
  const { left } = await asked;
  await leave(gateway, client);
  t.equal(await connections(), 1);
  t.equal((await logOut(gateway, login)).status, 303);
  await left;
  await until(async () => (await connections()) === 0);
});

t.test('S3: a logout ends the brokered request of a client that is there', async (t) => {
  const { gateway, service, connect, connections } = await withKernel(t);
  const login = await logIn(gateway);
  const client = await connect(login);
  const other = await connect(await logIn(gateway));
  const asked = service.asked();
  client.begin('%%prometheus\nup');
  const { left } = await asked;
  await logOut(gateway, login);
  await left;
  await until(async () => (await connections()) === 1);
  t.equal(gateway.lines(LEFT).length, 0, 'nothing of it waits for the client');
  t.equal(other.socket.readyState, other.socket.OPEN, 'and another session stays');
});

t.test('S3: a client that goes on with what another session left ends with its own', async (t) => {
  const { gateway, service, connect, connections } = await withKernel(t);
  const [first, second] = [await logIn(gateway), await logIn(gateway)];
  const client = await connect(first);
  const asked = service.asked();
  const cell = client.begin('%%prometheus\nup');
  const { response } = await asked;
  await leave(gateway, client);
  const back = await connect(second, client.session);
  await logOut(gateway, first);
  service.answer(response);
  t.match(await back.answer(cell), { status: 'ok' }, 'the first logout is none of its');
  await logOut(gateway, second);
  await until(() => back.socket.readyState === back.socket.CLOSED);
  await until(async () => (await connections()) === 0);
});

t.test('S3: cells are logged for whoever ran them, also on a conversation that was left', async (t) => {
  const { gateway, service, connect } = await withKernel(t);
  const login = await logIn(gateway);
  const client = await connect(login);
  const asked = service.asked();
  const cell = client.begin('%%prometheus\nup');
  const { response } = await asked;
  await leave(gateway, client);
  const back = await connect(login, client.session);
  service.answer(response);
  await back.answer(cell);
  await back.execute('1');
  await until(() => gateway.lines('cell').length === 2);
  const [before, after] = gateway.lines('cell');
  t.equal(before?.request, gateway.lines(LEFT)[0]?.request, 'by the first websocket');
  t.match(after?.request, /^[\da-f-]{36}$/);
  t.not(after?.request, before?.request, 'by the second one');
});

/** A Jupyter whose downloads never end. */
async function endlessJupyter(t: Test) {
  const begun: { req: IncomingMessage; res: ServerResponse }[] = [];
  const server = createServer((req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('first\n');
    begun.push({ req, res });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gateway = await startTestGateway({ upstream: upstreamOf({ url, token: 'x' }) });
  t.teardown(() => gateway.close());
  return { begun, gateway };
}

t.test('S3: a logout ends a running download, and its request at Jupyter', async (t) => {
  const { begun, gateway } = await endlessJupyter(t);
  const login = await logIn(gateway);
  const download = async (headers: Record<string, string>) => {
    const [response] = (await once(
      get(`${gateway.origin}/files/endless`, { headers, agent: false }),
      'response',
    )) as [IncomingMessage];
    const closed = new Promise((resolve) => response.once('error', () => {}).once('close', resolve));
    await once(response, 'data');
    return { response, closed };
  };
  const [mine, other] = [
    await download({ cookie: login.cookie }),
    await download({ cookie: (await logIn(gateway)).cookie }),
  ];
  t.equal(begun.length, 2);
  const left = once(begun[0]?.res ?? t, 'close');
  t.equal((await logOut(gateway, login)).status, 303);
  await Promise.all([mine.closed, left]);
  t.equal(mine.response.complete, false, 'and the client can tell that it is cut');
  begun[1]?.res.write('more\n');
  await once(other.response, 'data');
  other.response.destroy();
});
