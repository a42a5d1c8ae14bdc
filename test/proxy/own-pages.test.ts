import { gunzipSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { ask, NAVIGATION } from '../support/ask.js';
import { startFront } from '../support/front.js';
import { startRecorder } from '../support/recorder.js';

const PAGE = '<html data-jupyter-api-token="test"><p>a "test", "token": "test", 0123456789abcdef</p></html>';

async function servingPage(
  t: Test,
  token: string,
  headers: Record<string, string> = {},
  body = Buffer.from(PAGE),
) {
  const recorder = await startRecorder((req, res) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(req.headers.range ?? '');
    const [from, to] = range ? [Number(range[1]), Number(range[2])] : [0, body.length - 1];
    res.writeHead(range ? 206 : 200, {
      'content-type': 'text/html; charset=UTF-8',
      'content-length': to - from + 1,
      ...(range && { 'content-range': `bytes ${from}-${to}/${body.length}` }),
      ...headers,
    });
    res.end(body.subarray(from, to + 1));
  }, new Secret(token));
  const front = await startFront(() => ({ ...recorder.upstream, basePath: '/user/me' }));
  t.teardown(async () => {
    await front.close();
    await recorder.close();
  });
  return { url: `${front.url}/user/me`, recorder };
}

for (const token of ['test', '0123456789abcdef']) {
  t.test(`W8: people's files stay as they are, with the token ${token}`, async (t) => {
    const { url } = await servingPage(t, token);
    for (const path of ['/files/a.html', '/nbconvert/html/a.ipynb', '/files/lab/x.html', '/view/a.html']) {
      const whole = await ask(url + path, { headers: NAVIGATION });
      t.equal(whole.body, PAGE, path);
      t.equal(whole.headers['content-length'], String(PAGE.length));
      const part = await ask(url + path, { headers: { ...NAVIGATION, range: 'bytes=6-40' } });
      t.equal(part.status, 206);
      t.equal(part.body, PAGE.slice(6, 41));
      t.equal(part.headers['content-range'], `bytes 6-40/${PAGE.length}`);
      t.equal(part.headers['content-length'], '35');
    }
  });

  t.test(`W8: Jupyter's own pages, and its extensions', lose the token ${token}`, async (t) => {
    const { url } = await servingPage(t, token);
    for (const path of [
      '/lab',
      '/lab/tree/files/a.html',
      '/tree',
      '/notebooks/a.ipynb',
      '/nbclassic/edit',
      '/filesystem',
    ]) {
      const { body } = await ask(url + path, { headers: NAVIGATION });
      t.notMatch(body, token === 'test' ? 'api-token="test"' : token, path);
    }
  });
}

t.test('W8: a download of an extension is a file', async (t) => {
  const { url } = await servingPage(t, 'test', { 'content-disposition': 'attachment; filename=a.html' });
  t.equal((await ask(`${url}/export/a`, { headers: NAVIGATION })).body, PAGE);
});

t.test('W8: a file keeps its coding, as the client wished', async (t) => {
  const body = gzipSync(PAGE);
  const { url, recorder } = await servingPage(t, 'test', { 'content-encoding': 'gzip' }, body);
  const answer = await ask(`${url}/files/a.html`, {
    headers: { ...NAVIGATION, 'accept-encoding': 'gzip, zstd' },
  });
  t.equal(answer.headers['content-encoding'], 'gzip');
  t.equal(answer.headers['content-length'], String(body.length));
  t.ok(recorder.requests[0]?.lines.includes('accept-encoding: gzip, zstd'));
  t.equal(gunzipSync(body).toString(), PAGE);
});
