import t from 'tap';
import { isHub } from '../../gateway/proxy/hub.js';
import { ask, askUpgrade, NAVIGATION } from '../support/ask.js';
import { startFront } from '../support/front.js';
import { startRecorder } from '../support/recorder.js';

/** What JupyterHub 6.1 answers at a user's address while that server doesn't run, and at its own. */
function hub(prefix = '') {
  return startRecorder((req, res) => {
    const path = (req.url ?? '').slice(prefix.length);
    if (path === '/hub/api') return res.end('{"version": "6.1.1"}');
    if (req.method !== 'GET') return res.writeHead(403, { 'content-type': 'text/html' }).end('hub');
    return res.writeHead(302, { location: `${prefix}/hub${path}` }).end();
  });
}

for (const [prefix, server] of [
  ['', '/user/ann'],
  ['/jupyter', '/user/ann'],
  ['', '/user/ann/second'],
] as const) {
  t.test(`J5: a server of a hub at "${prefix}/" that is stopped: ${server}`, async (t) => {
    const recorder = await hub(prefix);
    const front = await startFront(() => ({ ...recorder.upstream, basePath: prefix + server }));
    t.teardown(async () => {
      await front.close();
      await recorder.close();
    });
    for (const path of ['/', '/lab', '/api/status']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const answer = await ask(front.url + prefix + server + path, { method });
        t.match(answer, { status: 503, body: /is not running/ }, `${method} ${path}`);
        t.equal(answer.headers.location, undefined);
      }
    }
    const page = await ask(`${front.url}${prefix}${server}/lab`, { headers: NAVIGATION });
    t.match(page, { status: 503, body: /continues by itself/ });
    const socket = await askUpgrade(`${front.url}${prefix}${server}/terminals/websocket/1`);
    t.match(socket, { status: 503, body: /is not running/ });
  });
}

t.test('J5: a hub in the place of a Jupyter is told as what it is', async (t) => {
  const recorder = await hub();
  const front = await startFront(() => recorder.upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  t.ok(await isHub(recorder.upstream));
  const answer = await ask(`${front.url}/lab`, { headers: NAVIGATION });
  t.match(answer, { status: 502, body: /names a JupyterHub.*Use one user/s });
  const user = { ...recorder.upstream, basePath: '/user/ann' };
  t.notOk(await isHub(user), 'a user’s server is none');
});

t.test('J5: what a user’s server itself says passes, and a wrong token is told as one', async (t) => {
  const recorder = await startRecorder((req, res) => {
    if (req.url?.endsWith('/lab')) res.writeHead(302, { location: '/hub/api/oauth2/authorize?client_id=1' });
    else if (req.url?.endsWith('/api/status')) res.writeHead(200);
    else if (req.url?.endsWith('/x')) res.writeHead(302, { location: '/user/ann/hub/x' });
    else res.writeHead(404, 'No such kernel');
    res.end();
  });
  const front = await startFront(() => ({ ...recorder.upstream, basePath: '/user/ann' }));
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  t.match(await ask(`${front.url}/user/ann/lab`), { status: 502, body: /SPIN_UPSTREAM_TOKEN/ });
  t.equal((await ask(`${front.url}/user/ann/api/kernels/1`, { method: 'DELETE' })).status, 404);
  t.equal((await ask(`${front.url}/user/ann/x`)).headers.location, '/user/ann/hub/x');
});
