import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { fixedUpstream, probe, type Upstream } from '../../gateway/proxy/upstream.js';
import { Secret } from '../../processors/core/secret.js';
import { ask, NAVIGATION } from '../support/ask.js';
import { type Front, startFront } from '../support/front.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { closed, open } from '../support/sockets.js';

/** `/`, `+` and `=` have a spelling of their own in JSON, URLs and HTML. */
const TOKEN = 'upstream/token+0123456789==';
const BASE = '/user/me';
/** What this Jupyter takes in one request, in bytes. */
const LIMIT = 4_000_000;

// A cold start of Jupyter takes most of it on a small machine.
t.setTimeout(120_000);

let jupyter: StockJupyter;
let upstream: Upstream;
let front: Front;

t.before(async () => {
  jupyter = await startStockJupyter({
    token: TOKEN,
    basePath: BASE,
    args: [
      '--ServerApp.jpserver_extensions={"jupyterlab": True, "notebook": True}',
      `--ServerApp.max_body_size=${LIMIT}`,
    ],
  });
  const token = new Secret(TOKEN);
  upstream = fixedUpstream({ kind: 'http', url: new URL(`${jupyter.url}/`), token, ca: undefined });
  front = await startFront(() => upstream);
});
t.teardown(async () => {
  await front?.close();
  await jupyter?.close();
});

const spellings = [TOKEN, encodeURIComponent(TOKEN), encodeURIComponent(TOKEN).replaceAll('%2F', '/')];

for (const path of [
  '/lab',
  '/lab/tree/x',
  '/tree',
  '/notebooks/a.ipynb',
  '/edit/a.txt',
  '/consoles/a',
  '/terminals/1',
  '/login',
  '/logout',
  '/nothing-here',
  '/',
  '/api',
  '/api/status',
  '/api/me',
  '/api/contents',
  '/api/kernels',
  '/api/kernelspecs',
  '/api/terminals',
  '/lab/api/settings',
  '/lab/api/workspaces/default',
  '/static/favicons/favicon.ico',
  '/metrics',
]) {
  t.test(`${path} of a real Jupyter holds neither its token, its login nor its make`, async (t) => {
    for (const headers of [NAVIGATION, { accept: '*/*', 'accept-encoding': 'gzip, br' }]) {
      const answer = await ask(front.url + BASE + path, { headers });
      t.notOk(spellings.some((spelling) => answer.body.includes(spelling)));
      const rest = JSON.stringify(answer.headers);
      t.notOk(rest.includes(TOKEN) || /tornado|username-|access-control/i.test(rest));
      t.not(answer.status, 502);
    }
  });
}

t.test(
  'JupyterLab finds itself: its configuration names the path at which the gateway serves it',
  async (t) => {
    const { body } = await ask(`${front.url}${BASE}/lab`, { headers: NAVIGATION });
    const text = /<script id="jupyter-config-data" type="application\/json">\s*(.*?)\s*<\/script>/s.exec(
      body,
    )?.[1];
    const page = JSON.parse(text ?? '');
    t.equal(page.baseUrl, `${BASE}/`);
    t.equal(page.token, '');
    const script = /<script[^>]+src="([^"]+)"/.exec(body)?.[1] ?? '';
    t.ok(script.startsWith(`${BASE}/`));
    t.equal((await ask(front.url + script)).status, 200);
  },
);

t.test('a default configuration takes uploads and kernels from another origin than its own', async (t) => {
  const headers = {
    origin: 'https://runtime.example',
    host: 'runtime.example',
    referer: 'https://runtime.example/lab',
  };
  const content = JSON.stringify({ type: 'file', format: 'text', content: 'hello' });
  const put = await ask(`${front.url}${BASE}/api/contents/a%20b.txt`, {
    method: 'PUT',
    headers,
    body: content,
  });
  t.equal(put.status, 201);
  t.equal(await readFile(join(jupyter.rootDir, 'a b.txt'), 'utf8'), 'hello');
  const file = await ask(`${front.url}${BASE}/files/a%20b.txt`, { headers });
  t.equal(file.body, 'hello');
  const kernel = await ask(`${front.url}${BASE}/api/kernels`, { method: 'POST', headers, body: '{}' });
  t.equal(kernel.status, 201);
  const { id } = JSON.parse(kernel.body);
  t.equal((await ask(`${front.url}${BASE}/api/kernels/${id}`, { method: 'DELETE', headers })).status, 204);
});

t.test(
  'W1: a name is made, read, renamed and deleted as at Jupyter itself, whatever stands in it',
  async (t) => {
    const content = JSON.stringify({ type: 'file', format: 'text', content: 'hello' });
    await mkdir(join(jupyter.rootDir, 'sub'));
    const names = ['docs\\readme.txt', 'Icon\r', 'a\tb\nc', '\x7f\x1b[0m', 'a#b?c;d%2F', 'a..b', 'é x'];
    const paths = names.flatMap((name) => [name, `sub/${name}`]);
    for (const path of [...paths, 'sub/docs\\a.txt']) {
      const direct = { authorization: `token ${TOKEN}` };
      const results = [];
      for (const [origin, headers] of [
        [front.url, {}],
        [new URL(jupyter.url).origin, direct],
      ] as const) {
        // One escaped piece, and, as JupyterLab writes it, piece by piece.
        const whole = `${origin}${BASE}/api/contents/${encodeURIComponent(path)}`;
        const parts = `${origin}${BASE}/api/contents/${path.split('/').map(encodeURIComponent).join('/')}`;
        const put = await ask(whole, { method: 'PUT', headers, body: content });
        const got = await ask(parts, { headers });
        const file = await ask(whole.replace('/api/contents/', '/files/'), { headers });
        const to = JSON.stringify({ path: `${path}.2` });
        const moved = await ask(parts, { method: 'PATCH', headers, body: to });
        const gone = await ask(`${whole}.2`, { method: 'DELETE', headers });
        results.push([put, got, file, moved, gone].map(({ status }) => status).join(' '));
        t.equal(file.body, 'hello');
      }
      t.equal(results[0], '201 200 200 200 204', JSON.stringify(path));
      t.equal(results[0], results[1], 'as directly');
    }
  },
);

t.test('W15: an upload that is larger than Jupyter takes gets Jupyter’s own answer', async (t) => {
  const upload = (bytes: number) =>
    ask(`${front.url}${BASE}/api/contents/large.txt`, {
      method: 'PUT',
      body: JSON.stringify({ type: 'file', format: 'text', content: 'x'.repeat(bytes) }),
    });
  for (const bytes of [LIMIT, 2 * LIMIT, 20 * LIMIT, 5 * LIMIT, 10 * LIMIT, LIMIT + 1])
    t.equal((await upload(bytes)).status, 400, String(bytes));
  t.equal((await upload(LIMIT - 1000)).status, 201);
});

t.test('a terminal works, and its end is told', async (t) => {
  const made = await ask(`${front.url}${BASE}/api/terminals`, { method: 'POST' });
  const { name } = JSON.parse(made.body);
  const socket = await open(`${front.url}${BASE}/terminals/websocket/${name}`);
  const seen = new Promise<void>((resolve) => {
    let text = '';
    socket.on('message', (data) => {
      text += String(data);
      if (text.includes('42!')) resolve();
    });
  });
  socket.send(JSON.stringify(['stdin', 'echo $((6*7))!\r']));
  await seen;
  const end = closed(socket);
  await ask(`${front.url}${BASE}/api/terminals/${name}`, { method: 'DELETE' });
  t.ok((await end)[0] !== 1006, 'with a close frame');
  await t.rejects(open(`${front.url}${BASE}/terminals/websocket/${name}`), /404/);
});

t.test('a wrong token is told as what it is, not as a login page', async (t) => {
  const wrong = { ...upstream, token: new Secret('wrong-upstream-token') };
  const other = await startFront(() => wrong);
  t.teardown(() => other.close());
  const { status, body } = await ask(`${other.url}${BASE}/lab`, { headers: NAVIGATION });
  t.equal(status, 502);
  t.match(body, /SPIN_UPSTREAM_TOKEN/);
  t.equal(await probe(wrong), false);
  t.equal(await probe(upstream), true);
});
