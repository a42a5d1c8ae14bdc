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
    '/large': give(json, '{"id":1234567890123456717,"price":0.1234567890123456789,"small":1.50,"n":[1,2]}'),
    '/whole': give(json, '{"id":1234567890123456717}'),
    '/negative': give(json, '[-9007199254740993]'),
    '/price': give(json, '{"price":0.1234567890123456789}'),
    '/infinite': give(json, '{"power":1e400}'),
    '/safe': give(json, '{"id":9007199254740991,"price":0.12345678901234566,"zero":1.50,"power":1.5e3}'),
    '/ids': give(json, '[{"id":9007199254740993},{"name":"b"}]'),
    '/mixed': give(json, '[{"id":9007199254740993},{"id":0.5},{"id":null}]'),
    '/nested': give(json, '[{"id":1,"user":{"login":"a","plan":{"name":"p"}}},{},{"id":2}]'),
    '/envelope': give(json, '{"total":2,"items":[{"id":1},{"id":2}],"more":false}'),
    '/many': give(json, JSON.stringify(Array.from({ length: 50 }, (_, id) => ({ id })))),
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

  t.test(
    'R4: no tree where a number is another one in JavaScript, and its text has every digit',
    async (t) => {
      const large = bundleOf(await get('/large', '%%rest --out value'));
      t.same(Object.keys(large), ['text/plain']);
      t.match(
        large['text/plain'],
        /"id": 1234567890123456717,\n {2}"price": 0\.1234567890123456789,\n {2}"small": 1\.50,/,
      );
      t.match(await kernel.send('value["id"], type(value["price"]).__name__'), {
        shown: "(1234567890123456717, 'float')",
      });
      for (const [path, digits] of Object.entries({
        '/whole': '"id": 1234567890123456717',
        '/negative': '-9007199254740993',
        '/price': '"price": 0.1234567890123456789',
        '/infinite': '"power": 1e400',
      })) {
        const bundle = bundleOf(await get(path));
        t.same(Object.keys(bundle), ['text/plain'], path);
        t.match(bundle['text/plain'], digits, path);
      }
      const safe = bundleOf(await get('/safe'));
      t.same(safe['application/json'], {
        id: 9007199254740991,
        price: 0.12345678901234566,
        zero: 1.5,
        power: 1500,
      });
    },
  );

  t.test('R5: whole numbers of a list stay exact where one is missing', async (t) => {
    const { shown } = await get('/ids', '%%rest --out ids');
    t.match(shown, '9007199254740993');
    const whole = hasPandas ? 'int(ids.id[0])' : 'ids[0]["id"]';
    t.equal((await kernel.send(whole)).shown, '9007199254740993');
    await get('/mixed', '%%rest --out mixed');
    const values = hasPandas ? 'list(mixed.id)[:2]' : '[row["id"] for row in mixed][:2]';
    t.equal((await kernel.send(values)).shown, '[9007199254740993, 0.5]');
  });

  t.test('R10: a list of records is a table, members of members columns; --tree shows a tree', async (t) => {
    const nested = await get('/nested');
    t.match(nested.shown, /^ *id +user\.login +user\.plan\.name\n/);
    t.same(Object.keys(bundleOf(nested)).sort(), ['text/html', 'text/plain']);
    const tree = bundleOf(await get('/nested', '%%rest --tree'));
    t.match(tree['application/json'], [{ id: 1, user: { login: 'a' } }, {}, { id: 2 }]);
    const envelope = await get('/envelope', '%%rest --out envelope');
    t.match(
      envelope.shown,
      /\(2 rows\. items of the answer\. --tree shows all of it\. Beside it: total: 2, more: false\)$/,
    );
    t.match(await kernel.send('envelope["total"], len(envelope["items"])'), { shown: '(2, 2)' });
    t.match((await get('/many')).shown, /\(first 20 of 50 rows \(--rows N shows more\)\)$/);
    t.match((await get('/many', '%%rest --rows 50')).shown, /\n49\n\(50 rows\)$/);
    t.match(await get('/many', '%%rest --rows 0'), {
      error: /^--rows takes a whole number from 1 to 5,000\.$/,
    });
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
