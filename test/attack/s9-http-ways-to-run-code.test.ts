import t from 'tap';
import { ask } from '../support/ask.js';
import { startFront } from '../support/front.js';
import { startRecorder } from '../support/recorder.js';

const ways: readonly (readonly [method: string, path: string])[] = [
  ['POST', '/api/kernels/0f1c/execute'],
  ['POST', '/api/kernels/0f1c/execute/'],
  ['POST', '/api/kernels/0f1c/execute?x=1'],
  ['PUT', '/api/kernels/0f1c/execute'],
  ['POST', '/API/Kernels/0f1c/EXECUTE'],
  ['POST', '/api//kernels/0f1c//execute'],
  ['POST', '//api/kernels/0f1c/execute'],
  ['POST', '/api/kernels/0f1c/%65xecute'],
  ['POST', '/api/kernels/0f1c/execute;x=1'],
  ['POST', '/api/kernels/0f1c/execute%20'],
  ['GET', '/api/kernels/0f1c/requests/7'],
  ['POST', '/api/kernels/0f1c/input'],
  ['POST', '/scheduler/jobs'],
  ['PUT', '/scheduler/job_definitions/1'],
  ['GET', '/voila/render/a.ipynb'],
  ['POST', '/mcp'],
  ['GET', '/http_over_websocket'],
  ['GET', '/proxy/9090/metrics'],
  ['GET', '/proxy/absolute/9090/'],
];

const passing: readonly (readonly [method: string, path: string])[] = [
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
  t.test(`S9: ways to run code past the channel are refused below "${basePath}/"`, async (t) => {
    const recorder = await startRecorder();
    const front = await startFront(() => ({ ...recorder.upstream, basePath }));
    t.teardown(async () => {
      await front.close();
      await recorder.close();
    });
    for (const [method, path] of ways) {
      const { status, body } = await ask(`${front.url}${basePath}${path}`, { method });
      t.equal(status, 403, `${method} ${path}`);
      t.match(JSON.parse(body), { code: 'PATH_NOT_ALLOWED', message: /\w{4}.*\./ });
    }
    t.equal(recorder.requests.length, 0);

    for (const [method, path] of passing) {
      t.equal((await ask(`${front.url}${basePath}${path}`, { method })).status, 200, `${method} ${path}`);
    }
    t.equal(recorder.requests.length, passing.length);
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

t.test('S9: a websocket that is not listed is refused before anything is dialled', async (t) => {
  const recorder = await startRecorder();
  const front = await startFront(() => recorder.upstream);
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  for (const path of [
    '/',
    '/proxy/9090/ws',
    '/http_over_websocket',
    '/api/ai/chats',
    '/terminals/websocket/',
    '/terminals/websocket/1/',
    '/terminals/websocket/1/2',
    '/terminals//websocket/1',
    '/Terminals/websocket/1',
    '/x/terminals/websocket/1',
    '/api/events/subscribe/',
    '/lsp/ws',
    '/api/collaboration/room/',
  ]) {
    const { status } = await ask(front.url + path, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    t.equal(status, 403, path);
  }
  t.equal(recorder.connections.length, 0);
});
