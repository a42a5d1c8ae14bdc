import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import t from 'tap';
import { createScrubber } from '../../gateway/proxy/scrub.js';

const LONG = `0123"456'<&>/+ =89ä`;

async function scrubbed(token: string, page: string, chunkSize = page.length): Promise<string> {
  const bytes = Buffer.from(page);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkSize) chunks.push(bytes.subarray(at, at + chunkSize));
  return (await buffer(Readable.from(chunks).pipe(createScrubber(token)))).toString();
}

t.test('the token is found in every spelling that templates use', async (t) => {
  const json = JSON.stringify(LONG).slice(1, -1);
  for (const spelling of [
    LONG,
    json,
    String.raw`0123\"456\u0027\u003c\u0026\u003e/+ =89ä`,
    encodeURIComponent(LONG),
    '0123%22456%27%3C%26%3E/%2B%20%3D89%C3%A4',
    '0123&#34;456&#39;&lt;&amp;&gt;/+ =89ä',
  ]) {
    t.equal(await scrubbed(LONG, `a ${spelling} b`), 'a  b', spelling);
  }
});

t.test('the token is found wherever the chunks are cut, and nothing else changes', async (t) => {
  const token = 'abcabcabdabcabcabe';
  const piece = fc.constantFrom(token, 'abc', 'abcabcabd', 'x', '"', 'ä');
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 30 }),
      fc.integer({ min: 1, max: 40 }),
      async (pieces, size) => {
        const page = pieces.join('');
        t.equal(await scrubbed(token, page, size), page.replaceAll(token, ''));
      },
    ),
    { numRuns: 200 },
  );
});

t.test('bytes that cannot belong to a token are not held back', async (t) => {
  const stream = createScrubber('upstream-token-0123456789');
  stream.write('data: 1\n\n');
  t.equal(String(stream.read()), 'data: 1\n\n');
});

t.test('W8: a short token is only taken where it is called one', async (t) => {
  for (const [page, expected] of [
    ['{"token": "jupyter", "appName": "jupyter lab"}', '{"token": "", "appName": "jupyter lab"}'],
    ['{"token":"jupyter"}', '{"token":""}'],
    [
      '<body data-jupyter-api-token="jupyter" class="jupyter">',
      '<body data-jupyter-api-token="" class="jupyter">',
    ],
    ['var token = \'jupyter\'; // "jupyter"', 'var token = \'\'; // "jupyter"'],
    ['{&#34;token&#34;: &#34;jupyter&#34;}', '{&#34;token&#34;: &#34;&#34;}'],
    [
      '<p class="jupyter">say "jupyter", \'jupyter\'</p>',
      '<p class="jupyter">say "jupyter", \'jupyter\'</p>',
    ],
  ] as const) {
    t.equal(await scrubbed('jupyter', page), expected);
    t.equal(await scrubbed('jupyter', page, 1), expected, 'byte by byte');
  }
});
