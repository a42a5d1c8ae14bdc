import t from 'tap';
import { ask, askUpgrade } from '../support/ask.js';
import { startFront } from '../support/front.js';
import { startRecorder } from '../support/recorder.js';
import { startSocketServer } from '../support/sockets.js';

type Way = readonly [method: string, path: string];

/** What the watch over kernels has to have looked at, and here has not. */
const posted: readonly Way[] = [
  ['POST', '/api/kernels/0f1c/execute'],
  ['POST', '/api/kernels/0f1c/execute/'],
  ['POST', '/api/kernels/0f1c/execute?x=1'],
  ['PUT', '/api/kernels/0f1c/execute'],
  ['POST', '/API/Kernels/0f1c/EXECUTE'],
  ['POST', '/api//kernels/0f1c//execute'],
  ['POST', '//api/kernels/0f1c/execute'],
  ['POST', '/api/kernels/0f1c/%65xecute'],
  ['POST', '/api/kernels/0f1c%2Fexecute'],
  ['POST', '/api%5Ckernels%5C0f1c%5cexecute'],
  ['POST', '/api/kernels/0f1c/execute;x=1'],
  ['POST', '/api/kernels/0f1c/execute%20'],
  ['GET', '/api/kernels/0f1c/requests/7'],
  ['POST', '/api/kernels/0f1c/input'],
  ['POST', '/mcp'],
  ['GET', '/mcp/sse'],
  ['POST', '/%6Dcp'],
];

/** What has to be named. */
const named: readonly Way[] = [
  ['GET', '/http_over_websocket'],
  ['GET', '/http_over_websocket/diagnose'],
];

/** What passes unread, unless SPIN_UNREAD leaves it out. */
const unread: readonly Way[] = [
  ['POST', '/scheduler/jobs'],
  ['PUT', '/scheduler/job_definitions/1'],
  ['GET', '/voila/render/a.ipynb'],
  ['GET', '/panel-preview/render/a.ipynb'],
  ['GET', '/proxy/9090/metrics'],
  ['GET', '/proxy/absolute/9090/'],
  ['POST', '/proxy/host:9090/'],
];

const passing: readonly Way[] = [
  ['GET', '/api/kernels/0f1c'],
  ['POST', '/api/kernels'],
  ['POST', '/api/kernels/0f1c/interrupt'],
  ['POST', '/api/kernels/0f1c/restart'],
  ['DELETE', '/api/kernels/0f1c'],
  ['POST', '/api/sessions'],
  ['POST', '/api/terminals'],
  ['PUT', '/api/contents/execute/input.ipynb'],
  ['GET', '/api/contents/proxy/scheduler/a%20b.ipynb'],
  ['GET', '/files/voila/render'],
  ['GET', '/scheduler/jobs'],
  ['GET', '/lab/tree/mcp'],
];

for (const basePath of ['', '/user/me']) {
  t.test(`S9: ways to run code past the channel are decided below "${basePath}/"`, async (t) => {
    const recorder = await startRecorder();
    const front = await startFront(() => ({ ...recorder.upstream, basePath }));
    t.teardown(async () => {
      await front.close();
      await recorder.close();
    });
    const narrow = await startFront(() => ({ ...recorder.upstream, basePath }), { unread: ['none'] });
    t.teardown(() => narrow.close());
    for (const [{ url }, ways] of [
      [front, [...posted, ...named]],
      [narrow, [...posted, ...named, ...unread]],
    ] as const) {
      for (const [method, path] of ways) {
        const { status, body } = await ask(`${url}${basePath}${path}`, { method });
        t.equal(status, 403, `${method} ${path}`);
        t.match(JSON.parse(body), { code: 'PATH_NOT_ALLOWED', message: /\w{4}.*\./ });
      }
    }
    t.equal(recorder.requests.length, 0);
    for (const [method, path] of unread) {
      t.equal((await ask(`${front.url}${basePath}${path}`, { method })).status, 200, `${method} ${path}`);
    }

    for (const [method, path] of passing) {
      t.equal((await ask(`${front.url}${basePath}${path}`, { method })).status, 200, `${method} ${path}`);
    }
    t.equal(recorder.requests.length, unread.length + passing.length);
  });
}

t.test('S9: a path whose encoding cannot be read is refused', async (t) => {
  const recorder = await startRecorder();
  const front = await startFront(() => recorder.upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  t.equal((await ask(`${front.url}/api/kernels/0f1c/execute%ff`, { method: 'POST' })).status, 400);
  t.equal(recorder.requests.length, 0);
});

/** Websockets of extensions that people have. */
const sockets = [
  '/terminals/websocket/1',
  '/api/events/subscribe',
  '/lsp/ws/pylsp',
  '/api/collaboration/room/json:notebook:0f1c',
  '/api/yjs/json:notebook:a%2Fb.ipynb',
  '/st/_stcore/stream',
  '/dask/dashboard/8787/status/ws',
  '/panel/app/ws',
  '/api/chat/ws/0f1c',
  '/api/live-content/ws',
  '/api/ai/chats',
  '/proxy/9090/ws',
];

t.test('J2: websockets of extensions pass, unless SPIN_UNREAD leaves them out', async (t) => {
  const far = await startSocketServer();
  const wide = await startFront(() => far.upstream);
  const narrow = await startFront(() => far.upstream, { unread: ['/terminals/**', '/st/*/stream'] });
  t.teardown(async () => {
    await wide.close();
    await narrow.close();
    await far.close();
  });
  for (const path of sockets) {
    t.equal((await askUpgrade(wide.url + path)).status, 101, path);
    const open = /^\/(?:terminals|st)\//.test(path);
    const { status, body } = await askUpgrade(narrow.url + path);
    t.equal(status, open ? 101 : 403, path);
    if (!open) t.match(body, /SPIN_UNREAD .*Add \/.+\*\* to it/);
  }
  t.equal(far.requests.length, sockets.length + 2, 'nothing that is refused is dialled');
  for (const path of ['/st%2Fa/stream', '/st/a%2Fb/stream', '/TERMINALS/1', '/terminals', '/x/terminals/1'])
    t.equal((await askUpgrade(narrow.url + path)).status, path === '/terminals' ? 101 : 403, path);
});

t.test('S9: what could be a kernel’s websocket, or anything at all, passes nowhere unread', async (t) => {
  const recorder = await startRecorder();
  const fronts = [await startFront(() => recorder.upstream)];
  fronts.push(await startFront(() => recorder.upstream, { unread: ['/api/**'] }));
  t.teardown(async () => {
    for (const front of fronts) await front.close();
    await recorder.close();
  });
  for (const front of fronts) {
    for (const path of [
      '/api/kernels/0f1c/channels',
      '/api/kernels/0f1c/channels/',
      '/api//kernels/0f1c/channels',
      '/API/kernels/0f1c/Channels',
      '/api/kernels/0f1c%2Fchannels',
      '/api%5Ckernels%5C0f1c%5Cchannels',
      '/api/kernels/0f1c/%63hannels',
      '/api/kernels/0f1c/channels;x',
      '/http_over_websocket',
      '/http_over_websocket/proxied_ws/api/kernels/0f1c/channels',
    ]) {
      t.equal((await askUpgrade(front.url + path)).status, 403, path);
    }
  }
  t.equal(recorder.connections.length, 0);
});

t.test('J3: what has to be named passes where it is named', async (t) => {
  const far = await startSocketServer();
  const front = await startFront(() => far.upstream, { unread: ['/http_over_websocket'] });
  t.teardown(async () => {
    await front.close();
    await far.close();
  });
  t.equal((await askUpgrade(`${front.url}/http_over_websocket`)).status, 101);
});

t.test('J2: a page whose websocket was refused says so, once', async (t) => {
  const recorder = await startRecorder();
  const front = await startFront(() => recorder.upstream, { unread: ['/terminals/**'] });
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  const { unread } = front;
  t.equal(unread.notice('/st/'), undefined);
  for (const path of ['/st/_stcore/stream', '/proxy/8501/ws', '/api/kernels/0f1c/channels/'])
    t.equal((await askUpgrade(front.url + path)).status, 403);
  t.equal(unread.notice('/lab'), undefined);
  t.equal(unread.notice('/api/kernels'), undefined, 'no setting would let that through');
  t.equal(unread.notice('/proxy/8502/'), undefined);
  t.match(unread.notice('/st/'), /\/st\/_stcore\/stream.*SPIN_UNREAD.*\/st\/\*\*/);
  t.equal(unread.notice('/st/'), undefined, 'loaded again it is shown');
  t.match(unread.notice('/proxy/8501/app/'), /\/proxy\/8501\/\*\*/);
  for (let i = 0; i < 1000; i += 1) unread.refused(`/page${i}/ws`);
  t.equal(unread.notice('/page999/'), undefined, 'a bounded number is remembered');
});
