import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t from 'tap';
import { WebSocket } from 'ws';
import { ask, askUpgrade, cookieFrom, NAVIGATION } from '../support/ask.js';
import { connect, execute } from '../support/client.js';
import { type ExtendedJupyter, startExtendedJupyter } from '../support/extensions.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { notebookOf } from '../support/lab.js';
import { until } from '../support/until.js';

// The environment is made at its first use.
t.setTimeout(900_000);

let jupyter: ExtendedJupyter;
let gateway: TestGateway;
let authorization: string;

t.before(async () => {
  jupyter = await startExtendedJupyter();
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: { API_KEY: 'canary-value-8841' } });
  authorization = `token ${gateway.token}`;
});
t.teardown(async () => {
  await gateway?.close();
  await jupyter?.close();
});

/** What comes back of what is sent, text and bytes. */
async function echoed(url: string, token: string): Promise<string[]> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers: { authorization: `token ${token}` } });
  await once(socket, 'open');
  const seen: string[] = [];
  for (const message of ['texté', Buffer.from([0, 255, 128])]) {
    socket.send(message);
    const [data, binary] = (await once(socket, 'message')) as [Buffer, boolean];
    seen.push(`${binary} ${data.toString('hex')}`);
  }
  socket.terminate();
  return seen;
}

t.test('J2: the page and the websocket of a named server of jupyter-server-proxy', async (t) => {
  const headers = { authorization, ...NAVIGATION };
  const page = await ask(`${gateway.origin}/app/`, { headers });
  const direct = await ask(`${jupyter.url}/app/`, { headers: { authorization: `token ${jupyter.token}` } });
  t.equal(page.body, direct.body);
  const path = '/app/_stcore/stream';
  t.same(
    await echoed(gateway.origin + path, gateway.token),
    await echoed(jupyter.url + path, jupyter.token),
    'as directly',
  );
  t.equal((await askUpgrade(gateway.origin + path)).status, 401, 'nobody else gets there');
});

t.test(
  'J11: a named server gets what Jupyter hands on, and the token not where that is turned off',
  async (t) => {
    const login = await ask(`${gateway.origin}/lab?token=${gateway.token}`, { headers: NAVIGATION });
    const cookie = `${cookieFrom(login)}; own=1`;
    // Jupyter sets its login cookie here.
    await ask(`${gateway.origin}/api/me`, { headers: { cookie } });
    const headersAt = async (path: string) =>
      JSON.parse((await ask(gateway.origin + path, { headers: { cookie } })).body) as Record<string, string>;
    const { Authorization, Cookie } = await headersAt('/app/headers');
    // The token itself is taken out of what this page shows.
    t.match(Authorization, /^token /, 'as docs/reference/what-passes.md tells');
    t.equal(Cookie, 'own=1', 'no cookie of the gateway, none of the login');
    const quiet = await headersAt('/quiet/headers');
    t.equal(quiet.Cookie, 'own=1');
    const all = JSON.stringify(quiet);
    for (const secret of [jupyter.token, gateway.token, 'username-']) t.notOk(all.includes(secret));
  },
);

t.test('J3: a port of Jupyter’s machine', async (t) => {
  const server = createServer((req, res) => res.end(`at ${req.url}`)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { status, body } = await ask(`${gateway.origin}/proxy/${port}/x?y=1`, { headers: { authorization } });
  t.match([status, body], [200, 'at /x?y=1']);
});

t.test('J2: what SPIN_UNREAD leaves out is refused, and the page says so', async (t) => {
  const narrow = await startTestGateway({ upstream: upstreamOf(jupyter), unread: ['/terminals/**'] });
  t.teardown(() => narrow.close());
  const headers = { authorization: `token ${narrow.token}`, ...NAVIGATION };
  t.equal((await ask(`${narrow.origin}/app/`, { headers })).status, 200);
  t.equal((await askUpgrade(`${narrow.origin}/app/_stcore/stream`, headers)).status, 403);
  t.match(await ask(`${narrow.origin}/app/`, { headers }), {
    status: 403,
    body: /\/app\/_stcore\/stream.*SPIN_UNREAD.*\/app\/\*\*/s,
  });
  t.equal((await ask(`${narrow.origin}/app/`, { headers })).status, 200);
  t.equal((await ask(`${narrow.origin}/proxy/1/`, { headers })).status, 403);
});

t.test('J1: cells by POST', async (t) => {
  const post = async (path: string, body: unknown) =>
    ask(gateway.origin + path, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const { id } = JSON.parse((await post('/api/kernels', {})).body);
  const result = async (code: string) => {
    const posted = await post(`/api/kernels/${id}/execute`, { code, metadata: {} });
    t.equal(posted.status, 202);
    const at = `${gateway.origin}${posted.headers.location}`;
    for (;;) {
      const answer = await ask(at, { headers: { authorization } });
      if (answer.status !== 202) return answer;
      await sleep(100);
    }
  };
  t.match(await result('print(6*7)'), { status: 200, body: /42/ });
  const spin = await result('%%shell\necho 42');
  t.match(spin.body, /SpinError/);
  t.match(spin.body, /jupyter labextension disable @datalayer\/jupyter-server-nbmodel/);
  t.match((await result('x = "{{runtime_env:API_KEY}}"')).body, /SpinError/);

  const client = connect(gateway);
  const kernel = client.kernels.connectTo({ model: { id, name: 'python3' } });
  // A cell without a value, so that the gateway need not ask a busy kernel for its language.
  t.equal((await execute(kernel, '%%shell\ntrue')).status, 'ok');
  const gate = join(jupyter.rootDir, 'go');
  const waiting = result(
    `import os, time\nwhile not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.05)`,
  );
  const queued = result('print(globals().get("x"))');
  const early = execute(kernel, 'x = "{{runtime_env:API_KEY}}"');
  await until(() => gateway.lines('a cell could not be rewritten').length === 1, 30_000);
  await writeFile(gate, '');
  t.equal((await early).status, 'error', 'no value while a cell waits that would show it');
  t.match((await waiting).status, 200);
  t.match((await queued).body, /None/);
  t.equal((await execute(kernel, 'x = "{{runtime_env:API_KEY}}"')).status, 'ok');
  const after = await result('print(x)');
  t.match(after.body, /holds values/);
  t.notMatch(after.body, /canary-value/);
  client.close();
  await ask(`${gateway.origin}/api/kernels/${id}`, { method: 'DELETE', headers: { authorization } });
});

t.test('W1: a notebook in a folder opens in jupyter-collaboration, for two people', async (t) => {
  await mkdir(join(jupyter.rootDir, 'sub'));
  await writeFile(join(jupyter.rootDir, 'sub', 'inner.ipynb'), JSON.stringify(notebookOf(['x = 0'])));
  const at = `${gateway.origin}/api/collaboration`;
  for (const _person of [1, 2]) {
    const session = await ask(`${at}/session/sub%2Finner.ipynb`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ format: 'json', type: 'notebook' }),
    });
    t.match(String(session.status), /^20[01]$/);
    const { fileId, sessionId } = JSON.parse(session.body);
    const room = `${at}/room/json:notebook:${fileId}?sessionId=${sessionId}`;
    t.equal((await askUpgrade(room, { authorization })).status, 101);
  }
});

t.test('the command of docs/clients/agents-and-scripts.md, "By hand"', async (t) => {
  const page = await readFile(
    new URL('../../../docs/clients/agents-and-scripts.md', import.meta.url),
    'utf8',
  );
  // Its heading there is 'By hand'.
  const command = /## By hand\n.*?```sh\n(.*?)```/s.exec(page)?.[1] ?? '';
  const env = { ...process.env, SPIN_URL: gateway.origin, SPIN_TOKEN: gateway.token };
  const { stdout } = await promisify(execFile)('bash', ['-euc', command], { env });
  t.same(JSON.parse(stdout), []);
});

t.test('J1: start-up and doctor say it', async (t) => {
  t.match(await gateway.gateway.remarks(), [
    { says: /jupyter-server-nbmodel/, remedy: /labextension disable/ },
  ]);
});
