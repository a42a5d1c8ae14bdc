import t from 'tap';
import { fixedUpstream, probe, type Upstream } from '../../gateway/proxy/upstream.js';
import { Secret } from '../../processors/core/secret.js';
import { ask, NAVIGATION } from '../support/ask.js';
import { type Front, startFront } from '../support/front.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { open } from '../support/sockets.js';

const TOKEN = 'upstream-token-0123456789';

t.setTimeout(120_000);

let jupyter: StockJupyter;
let upstream: Upstream;
let front: Front;

t.before(async () => {
  jupyter = await startStockJupyter({ token: TOKEN, command: ['/usr/bin/jupyter-server'] });
  upstream = fixedUpstream({
    kind: 'http',
    url: new URL(jupyter.url),
    token: new Secret(TOKEN),
    ca: undefined,
  });
  front = await startFront(() => upstream);
});
t.teardown(async () => {
  await front?.close();
  await jupyter?.close();
});

t.test("Debian's old Jupyter takes the gateway's token", async (t) => {
  t.equal(await probe(upstream), true);
  t.equal(await probe({ ...upstream, token: new Secret('wrong') }), false);
});

t.test('nothing that it serves holds its token, login or make', async (t) => {
  for (const path of [
    '/',
    '/login',
    '/logout',
    '/api',
    '/api/status',
    '/api/contents',
    '/api/kernelspecs',
    '/nothing',
  ]) {
    const answer = await ask(front.url + path, { headers: NAVIGATION });
    t.notOk(answer.body.includes(TOKEN), path);
    t.notOk(/tornado|username-|access-control|upstream-token/i.test(JSON.stringify(answer.headers)), path);
  }
});

t.test('its default configuration takes uploads and kernels through the gateway', async (t) => {
  const headers = { origin: 'https://runtime.example', host: 'runtime.example' };
  const body = JSON.stringify({ type: 'file', format: 'text', content: 'hello' });
  t.equal((await ask(`${front.url}/api/contents/a.txt`, { method: 'PUT', headers, body })).status, 201);
  t.equal((await ask(`${front.url}/files/a.txt`, { headers })).body, 'hello');
  const kernel = await ask(`${front.url}/api/kernels`, { method: 'POST', headers, body: '{}' });
  t.equal(kernel.status, 201);
  const { id } = JSON.parse(kernel.body);
  t.equal((await ask(`${front.url}/api/kernels/${id}`, { method: 'DELETE', headers })).status, 204);
});

t.test('its terminals work', async (t) => {
  const { name } = JSON.parse((await ask(`${front.url}/api/terminals`, { method: 'POST' })).body);
  const socket = await open(`${front.url}/terminals/websocket/${name}`);
  await new Promise<void>((resolve) => {
    let text = '';
    socket.on('message', (data) => {
      text += String(data);
      if (text.includes('42!')) resolve();
    });
    socket.send(JSON.stringify(['stdin', 'echo $((6*7))!\r']));
  });
  t.ok(socket.readyState === socket.OPEN);
  socket.close();
});
