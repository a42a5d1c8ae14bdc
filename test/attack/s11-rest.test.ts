import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { type Kernel, startKernel } from '../processors/kernel.js';
import { type Asked, type RestServer, startRestServer } from '../processors/rest-server.js';

/** Each could end what it stands in, or start something new there. */
const CANARIES: readonly string[] = [
  'c4n"a\'r\n$y`{{\\z',
  'a"b',
  "a'b",
  'a\nb',
  'a\r\nX-Injected: 1\r\n\r\nGET /injected HTTP/1.1\r\n\r\n',
  '$HOME $(id) `id`',
  '{{name}} \\{{x}} {{runtime_env:OTHER}}',
  '\\',
  '\\"',
  '","injected":"',
  '&injected=1',
  '?injected=1',
  '#injected',
  '/../injected',
  '..',
  '.',
  '',
  '%2e%2e/injected',
  '%0d%0aX-Injected: 1',
  'me@127.0.0.1',
  '; injected=1',
  'a:b',
  '<!--',
  '--><injected/>',
  ']]><injected/>',
  '&lt;&#10;',
  '" injected="1',
  'a\tb\u0085c\u2028d',
  'ä ✓ \u{1f600}',
  'a\0b',
];

const REF = '{{runtime_env:V}}';
const header = 'Accept: */*\nX-Last: 1';

/** A place in a request, and how the server reads the value back from there. */
type Place = readonly [
  request: string,
  read: (asked: Asked) => unknown,
  expected: (value: string) => unknown,
];

const typed = (type: string, body: string, query = '') =>
  `POST ORIGIN/body${query}\nContent-Type: ${type}\n\n${body}`;
const query = (v: string) => [
  ['a', v],
  [`k${v}`, '1'],
];
const queryOf = (url: string) => [...new URL(url, 'http://a').searchParams];
const segments = ({ url }: Asked) => url.split('/').map(decodeURIComponent);
const credentials = ({ headers: { authorization = '' } }: Asked) => {
  const text = Buffer.from(authorization.slice('Basic '.length), 'base64').toString();
  return /^([^:]*):(.*)$/s.exec(text)?.slice(1);
};
/** On one line of ASCII: the names of tests are lines. */
const shown = (value: string) =>
  JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Elements of the last body, as Python's parser reads them. */
async function elements(kernel: Kernel, { body }: Asked): Promise<unknown> {
  const read = await kernel.send(
    `import xml.etree.ElementTree as tree, json\nroot = tree.fromstring(${JSON.stringify(body)})\n` +
      'print(json.dumps([[e.tag, e.text, e.attrib] for e in root.iter()]))',
  );
  return read.status === 'ok' ? JSON.parse(read.stdout) : read.error;
}

const places: Readonly<Record<string, Place>> = {
  'a path segment': [`GET ORIGIN/a/${REF}/b\n${header}`, segments, (v) => ['', 'a', v, 'b']],
  'part of a path segment': [`GET ORIGIN/a/x${REF}y\n${header}`, segments, (v) => ['', 'a', `x${v}y`]],
  'a query and a form': [
    typed('application/x-www-form-urlencoded', `a=${REF}&k${REF}=1`, `?a=${REF}&k${REF}=1#f`),
    (asked) => [queryOf(asked.url), queryOf(`/?${asked.body}`)],
    (v) => [query(v), query(v)],
  ],
  'a header': [`GET ORIGIN/\nX-V: <${REF}>\n${header}`, ({ headers }) => headers['x-v'], (v) => `<${v}>`],
  'a cookie': [
    `GET ORIGIN/\nCookie: a=1; b=<${REF}>; c=2\n${header}`,
    ({ headers }) => (headers.cookie ?? '').split('; '),
    (v) => ['a=1', `b=<${v}>`, 'c=2'],
  ],
  "a user's name": [
    `GET ORIGIN/\nAuthorization: Basic ${REF} secret\n${header}`,
    credentials,
    (v) => [v, 'secret'],
  ],
  'a password': [`GET ORIGIN/\nAuthorization: Basic me:${REF}\n${header}`, credentials, (v) => ['me', v]],
  JSON: [
    typed('application/json', `{"a": "<${REF}>", "b": ${REF}, "k${REF}": ["\\\\${REF}"], "z": 1}`),
    ({ body }) => JSON.parse(body),
    (v) => ({ a: `<${v}>`, b: v, [`k${v}`]: [`\\${v}`], z: 1 }),
  ],
  'a text': [typed('text/plain; charset=utf-8', `<${REF}>`), ({ body }) => body, (v) => `<${v}>`],
};

/** What a place must refuse, by what the error says; everything else has to arrive. */
const refusals: Readonly<Record<string, readonly [applies: (v: string) => boolean, sentence: RegExp]>> = {
  'a path segment': [(v) => ['', '.', '..'].includes(v), /change the path|another folder/],
  'part of a path segment': [(v) => v === '', /change the path/],
  'a header': [hasNoPlaceInHeaders, /line break or another control character|can't send there/],
  'a cookie': [(v) => hasNoPlaceInHeaders(v) || v.includes(';'), /line break|can't send there|semicolon/],
  "a user's name": [(v) => v.includes(':'), /contains a colon/],
};

function hasNoPlaceInHeaders(value: string): boolean {
  return /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/.test(value);
}

/** @returns what is wrong: nothing, when the value arrived as one or was refused where it has to be */
async function wrongs(kernel: Kernel, server: RestServer, place: string, value: string): Promise<string[]> {
  const [request, read, expected] = places[place] ?? ['', () => undefined, () => 'a place'];
  const [applies, sentence] = refusals[place] ?? [() => false, /never/];
  const before = server.asked.length;
  const { status, error } = await kernel.run(`%%rest\n${request.replaceAll('ORIGIN', server.origin)}`);
  const came = server.asked.slice(before);
  const name = `${place}: ${shown(value)}`;
  if (applies(value)) {
    return status === 'error' && sentence.test(error) && came.length === 0
      ? []
      : [`${name} was not refused: ${shown(error)}`];
  }
  const [asked] = came;
  if (status !== 'ok' || came.length !== 1 || asked === undefined) return [`${name} failed: ${shown(error)}`];
  const injected = 'x-injected' in asked.headers || !isDeepStrictEqual(read(asked), expected(value));
  return injected ? [`${name} arrived as ${shown(JSON.stringify(asked))}`] : [];
}

t.setTimeout(180_000);
t.test('S11: in a REST request', async (t) => {
  const values: Record<string, string> = {};
  const { kernel } = await startKernel(t, values);
  const server = await startRestServer(t);
  const stranger = await startRestServer(t);
  const run = (request: string, value: string) => {
    values['runtime_env:V'] = value;
    return kernel.run(`%%rest\n${request.replaceAll('ORIGIN', server.origin)}`);
  };

  for (const place of Object.keys(places)) {
    t.test(`S11: a value arrives whole in ${place}, or is refused`, async (t) => {
      const found: string[] = [];
      for (const value of CANARIES) {
        values['runtime_env:V'] = value;
        found.push(...(await wrongs(kernel, server, place, value)));
      }
      t.same(found, []);
    });
  }

  t.test('S11: in XML a value is text or an attribute', async (t) => {
    const body = `<!-- note --><r><a k="${REF}" l='${REF}'>${REF}</a><b/></r>`;
    for (const value of CANARIES) {
      const before = server.asked.length;
      const ran = await run(typed('application/xml', body), value);
      if (value.includes('\0')) {
        t.match(ran, { error: /XML does not allow/ });
        t.equal(server.asked.length, before);
        continue;
      }
      t.same(
        await elements(kernel, server.last),
        [
          ['r', null, {}],
          ['a', value === '' ? null : value, { k: value, l: value }],
          ['b', null, {}],
        ],
        shown(value),
      );
    }
  });

  t.test('S11: in markup where an encoded value would be none it is refused', async (t) => {
    for (const body of [
      `<a ${REF}="1"/>`,
      `<a b=${REF}>`,
      `<${REF}/>`,
      `<!-- ${REF} -->`,
      `<![CDATA[${REF}]]>`,
      `<?pi ${REF}?>`,
      `<!DOCTYPE a [<!ENTITY b "${REF}">]><a/>`,
    ]) {
      const before = server.asked.length;
      t.match(
        await run(typed('text/xml', body), 'word'),
        { status: 'error', error: /quoted attribute/ },
        body,
      );
      t.equal(server.asked.length, before);
    }
  });

  t.test('S11: a value ends neither its part of a multipart body nor a header there', async (t) => {
    const type = 'multipart/form-data; boundary=--separator';
    const head = 'Content-Disposition: form-data; name';
    const body = `----separator\n${head}="${REF}"\n\n${REF}\n----separator--`;
    for (const value of ['"; filename="x', 'a\r\nX: y', '\\', 'a\nb', '', ' a;b', '\u00e9"\'']) {
      t.match(await run(typed(type, body), value), { status: 'ok' }, shown(value));
      const [, name, content] =
        /^----separator\r\n.*; name="([^"\r\n\\]*)"\r\n\r\n(.*)\r\n----separator--\r\n$/s.exec(
          server.last.body,
        ) ?? [];
      t.equal(content, value);
      t.equal(decodeURIComponent(name ?? ''), value);
    }
    const before = server.asked.length;
    t.match(await run(typed(type, body), '\r\n----separator\r\n'), { error: /contains the boundary/ });
    const bare = body.replace(`"${REF}"`, REF);
    t.match(await run(typed(type, bare), 'a; filename=b'), { error: /has to be in quotes/ });
    t.equal(server.asked.length, before);
  });

  t.test('S11: in a body of a type that the helper does not know only words are taken', async (t) => {
    for (const [type, body] of [
      ['application/graphql', `{ user(name: "${REF}") { id } }`],
      ['application/yaml', `a: ${REF}`],
    ] as const) {
      for (const value of [
        '\r\n--sep\r\n',
        '", admin: true) { id } }',
        'a: b',
        'a\nb',
        '',
        '\\',
        '#',
        '`',
        ' a',
      ]) {
        const before = server.asked.length;
        t.match(await run(typed(type, body), value), { error: /may be syntax/ }, `${type}: ${shown(value)}`);
        t.equal(server.asked.length, before);
      }
      t.match(await run(typed(type, body), 'Two words-1.5'), { status: 'ok' });
      t.match(server.last.body, 'Two words-1.5');
    }
  });

  t.test('S11: a value never leads to another host', async (t) => {
    const { port } = server;
    const evil = [
      `x@127.0.0.1:${stranger.port}`,
      `127.0.0.1:${stranger.port}/`,
      `127.0.0.1:${stranger.port}?`,
      `${port}@127.0.0.1:${stranger.port}`,
      `1:${stranger.port}/`,
      `http://127.0.0.1:${port}@127.0.0.1:${stranger.port}`,
      `http://127.0.0.1:${stranger.port}\\@127.0.0.1:${port}`,
      `http://127.0.0.1:${stranger.port}/?a`,
      `http://127.0.0.1:${stranger.port}/ HTTP/1.1\r\nX-Injected: 1`,
    ];
    const before = server.asked.length;
    for (const request of [
      `GET http://${REF}:${port}/path`,
      `GET http://127.0.0.${REF}:${port}/path`,
      `GET http://127.0.0.1:${REF}/path`,
      `GET http://${REF}/path`,
      `GET http://${REF}127.0.0.1:${port}/path`,
      `GET ${REF}/path`,
      `GET ${REF}.example.com/path`,
      `GET http://${REF}@127.0.0.1:${port}/path`,
    ]) {
      for (const value of [...evil, '', '..', 'a\nb', 'ä', '-\0']) {
        const ran = await run(request, value);
        t.match(ran, { status: 'error', ename: 'SpinError' }, `${request} ${shown(value)}`);
        t.notMatch(ran.error, /no answer|helper failed/, 'refused, before anything was looked up');
      }
    }
    t.equal(stranger.asked.length, 0);
    t.equal(server.asked.length, before);
    t.match(await run(`GET http://127.0.0.${REF}:${port}/path`, '1'), { status: 'ok' });
    t.match(await run(`GET ${REF}/path`, `${server.origin}/base`), { status: 'ok' });
    t.equal(server.last.url, '/base/path');
  });

  t.test('S11: any text arrives whole, wherever values are encoded', async () => {
    const pieces = fc.oneof(
      fc.constantFrom(...CANARIES),
      fc.string({ unit: 'binary' }).map((text) => text.replace(/[\ud800-\udfff]/gu, '')),
    );
    const value = fc.array(pieces, { maxLength: 4 }).map((parts) => parts.join(''));
    const everywhere = ['a query and a form', 'JSON', 'a text', 'a path segment', 'a password'];
    await fc.assert(
      fc.asyncProperty(value, fc.constantFrom(...everywhere), async (value, place) => {
        values['runtime_env:V'] = value;
        const found = await wrongs(kernel, server, place, value);
        if (found.length > 0) throw new Error(found[0]);
      }),
      { numRuns: 40 },
    );
  });
});
