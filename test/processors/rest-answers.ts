import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { Test } from 'tap';
import { bundleOf, type RestKernel } from './rest-cells.js';
import { give, startRestServer } from './rest-server.js';

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const PAGE = `<h1 title='a'>"quoted"</h1><script>parent.alert(1)</script>`;
const DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
const ROWS = '[{"a": 1, "b": "x"}, {"a": 2, "c": null}]';

/** How answers show in a notebook, and what `--out` stores. */
export async function testRestAnswers(t: Test, { kernel }: RestKernel, hasPandas: boolean): Promise<void> {
  const json = 'application/json';
  const packed = { 'content-encoding': 'gzip' };
  const { origin } = await startRestServer(t, {
    '/object': give('application/problem+json; charset=utf-8', '{"a": {"b": [1, "ä"]}}'),
    '/rows': give(json, ROWS),
    '/nan': give(json, '{"a": NaN}'),
    '/half': give(json, '{"a": "\\ud800"}'),
    '/number': give(json, '7'),
    '/broken': give(json, '{"a": '),
    '/deep': give(json, '['.repeat(200_000)),
    '/bare': give('', '[1, 2]'),
    '/png': give('image/png', PIXEL),
    '/svg': give('image/svg+xml', DRAWING),
    '/html': give('text/html', PAGE),
    '/latin': give('text/plain; charset=iso-8859-1', Buffer.from([0x61, 0xe4])),
    '/odd': give('text/plain; charset=nonsense', 'ä'),
    '/bytes': give('application/octet-stream', Buffer.from([1, 0, 2])),
    '/empty': give('', '', 204),
    '/long': give('text/plain', 'x'.repeat(150_000)),
    '/gzip': give(json, gzipSync('{"a": 1}'), 200, packed),
    '/members': give('text/plain', Buffer.concat([gzipSync('one '), gzipSync('two')]), 200, packed),
    '/deflate': give('text/plain', deflateSync('packed'), 200, { 'content-encoding': 'deflate' }),
    '/bare-deflate': give('text/plain', deflateRawSync('packed'), 200, { 'content-encoding': 'deflate' }),
    '/packed-head': give('text/plain', '', 200, packed),
    '/missing': give(json, '{"error": "no such thing"}', 404),
    '/teapot': give('text/plain', 'short', 599),
  });
  const get = (path: string, head = '%%rest') => kernel.run(`${head}\nGET ${origin}${path}`);

  t.test('says status, size and time', async (t) => {
    t.match(await get('/number'), { status: 'ok', stdout: /^HTTP 200 OK, 1 B, \d+\.\d\d s\n$/, shown: '7' });
    t.match(await get('/empty'), { status: 'ok', stdout: /^HTTP 204 No Content, 0 B/, shown: '' });
  });

  t.test('shows JSON as a tree', async (t) => {
    const bundle = bundleOf(await get('/object'));
    t.same(bundle['application/json'], { a: { b: [1, 'ä'] } });
    t.match(bundle['text/plain'], '"ä"');
    t.same(bundleOf(await get('/bare'))['application/json'], [1, 2], 'also without a type');
  });

  t.test('shows what no browser reads as JSON as text', async (t) => {
    for (const path of ['/nan', '/half', '/broken', '/number', '/deep']) {
      const ran = await get(path);
      t.equal(ran.status, 'ok', path);
      t.same(Object.keys(bundleOf(ran)), ['text/plain'], path);
    }
    t.match(await kernel.send('1 + 1'), { shown: '2' }, 'and the kernel lives on');
  });

  t.test('a list of objects becomes a DataFrame, or stays a list where there is no pandas', async (t) => {
    const { shown } = await kernel.send('importlib.util.find_spec("pandas") is not None');
    if (hasPandas) t.equal(shown, 'True', 'this environment has pandas');
    t.match(await get('/rows', '%%rest --out rows'), { status: 'ok' });
    if (shown === 'True') {
      t.match(await kernel.send('(type(rows).__name__, rows.shape, list(rows.columns), int(rows.a.sum()))'), {
        shown: "('DataFrame', (2, 3), ['a', 'b', 'c'], 3)",
      });
    } else {
      t.match(await kernel.send('rows'), { shown: "[{'a': 1, 'b': 'x'}, {'a': 2, 'c': None}]" });
    }
  });

  t.test('--out stores the value, the text or the bytes', async (t) => {
    for (const [path, value] of [
      ['/object', "{'a': {'b': [1, 'ä']}}"],
      ['/latin', "'aä'"],
      ['/odd', "'ä'"],
      ['/bytes', "b'\\x01\\x00\\x02'"],
    ] as const) {
      await get(path, '%%rest --out value');
      t.equal((await kernel.send('value')).shown, value, path);
    }
  });

  t.test('shortens a long text on the page alone', async (t) => {
    const { shown } = await get('/long', '%%rest --out value');
    t.match(shown, /x\n… the first 100,000 of 150,000 characters; --out NAME stores all of them$/);
    t.match(await kernel.send('len(value)'), { shown: '150000' });
  });

  t.test('shows pictures', async (t) => {
    const ran = await get('/png');
    t.equal(bundleOf(ran)['image/png'], PIXEL.toString('base64'));
    t.match(bundleOf(await get('/bytes')), { 'text/plain': '<application/octet-stream of 3 B>' });
  });

  t.test('shows HTML in a sandbox that its quotes cannot leave', async (t) => {
    const html = String(bundleOf(await get('/html'))['text/html']);
    const [, page = ''] = /^<iframe sandbox="" [^>]*srcdoc="([^"<>]*)"><\/iframe>$/.exec(html) ?? [];
    const texts: Record<string, string> = {
      '&lt;': '<',
      '&gt;': '>',
      '&quot;': '"',
      '&#x27;': "'",
      '&amp;': '&',
    };
    const [policy = '', shown] = page
      .replace(/&[^;]+;/g, (entity) => texts[entity] ?? entity)
      .split('content="off">');
    t.equal(shown, PAGE);
    t.match(
      policy,
      /^<meta http-equiv="Content-Security-Policy" content="default-src 'none';/,
      'it loads nothing',
    );
  });

  t.test('shows a drawing as a picture, in which no script runs', async (t) => {
    const bundle = bundleOf(await get('/svg'));
    t.same(Object.keys(bundle).sort(), ['text/html', 'text/plain']);
    const [, source = ''] =
      /^<img src="data:image\/svg\+xml;charset=utf-8,([^"&<>]*)">$/.exec(String(bundle['text/html'])) ?? [];
    t.equal(decodeURIComponent(source), DRAWING);
  });

  t.test('unpacks what comes packed', async (t) => {
    t.same(bundleOf(await get('/gzip'))['application/json'], { a: 1 });
    t.equal((await get('/members')).shown, 'one two');
    t.equal((await get('/deflate')).shown, 'packed');
    t.equal((await get('/bare-deflate')).shown, 'packed');
    t.match(await kernel.run(`%%rest\nHEAD ${origin}/packed-head`), { status: 'ok', stdout: /^HTTP 200/ });
  });

  t.test('a status of 400 or more fails the cell after its answer was shown and stored', async (t) => {
    const ran = await get('/missing', '%%rest --out value');
    t.match(ran, { status: 'error', ename: 'SpinError', error: 'The server answered HTTP 404 Not Found.' });
    t.same(bundleOf(ran)['application/json'], { error: 'no such thing' });
    t.match(await kernel.send('value'), { shown: "{'error': 'no such thing'}" });
    t.match(await get('/teapot'), { error: 'The server answered HTTP 599.', shown: 'short' });
  });
}
