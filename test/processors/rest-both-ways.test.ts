import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { Response } from 'undici';
import type { Outcome } from '../support/client.js';
import { type Runtime, type RuntimeKernel, startRuntime } from '../support/runtime.js';
import { type Answer, give, type RestServer, startRestServer } from './rest-server.js';

t.setTimeout(300_000);

const json = 'application/json';
const to = (location: string, status: number): Answer => {
  return (response) => response.writeHead(status, { location }).end('moved');
};
const packed = (coding: string, body: Buffer): Answer =>
  give('text/plain', body, 200, { 'content-encoding': coding });

let server: RestServer;
let other: RestServer;
let raw: RawServer;
let kernel: RuntimeKernel;
t.before(async () => {
  other = await startRestServer(t);
  raw = await startRawServer(t);
  const redirects = [301, 302, 303, 307, 308].flatMap((status): [string, Answer][] => [
    [`/v1/${status}`, to('/v1/end/', status)],
    [`/v1/relative/${status}`, to('../end/?a=1#x', status)],
    [
      `/v1/protocol/${status}`,
      (response, asked) => to(`//${asked.headers.host}/v1/end/`, status)(response, asked),
    ],
    [`/v1/elsewhere/${status}`, to(`${other.origin}/v1/end/`, status)],
  ]);
  server = await startRestServer(t, {
    ...Object.fromEntries(redirects),
    '/v1/round': to('/v1/round', 307),
    '/v1/ftp': to('ftp://127.0.0.1/end', 302),
    '/v1/file': to('file:///etc/hostname', 302),
    '/v1/nowhere': (response) => response.writeHead(302).end(),
    '/v1/with-credentials': (response, asked) =>
      to(`http://me:canary-password@${asked.headers.host}/v1/end/`, 307)(response, asked),
    '/v1/backslash': to(String.raw`http:\\127.0.0.1\v1\end`, 307),
    '/v1/gzip': packed('gzip', gzipSync('unpacked ✓')),
    '/v1/x-gzip': packed('x-gzip', Buffer.concat([gzipSync('unpacked '), gzipSync('✓')])),
    '/v1/zlib': packed('deflate', deflateSync('unpacked ✓')),
    '/v1/deflate': packed('deflate', deflateRawSync('unpacked ✓')),
    '/v1/twice': packed('deflate, gzip', gzipSync(deflateSync('unpacked ✓'))),
    '/v1/identity': packed('identity', Buffer.from('unpacked ✓')),
    '/v1/br': packed('br', brotliCompressSync('unpacked ✓')),
    '/v1/unknown': packed('rot13', Buffer.from('hacnpxrq')),
    '/v1/cut': packed('gzip', gzipSync('unpacked ✓'.repeat(1000)).subarray(0, 30)),
    '/v1/not-gzip': packed('gzip', Buffer.from('plain')),
    '/v1/empty': (response) => response.writeHead(204, { 'content-encoding': 'gzip' }).end(),
  });
  const gone = await startRestServer(t);
  await gone.close();
  const runtime: Runtime = await startRuntime(
    t,
    [
      `api: {type: rest, url: "${server.origin}/v1", token: "{{runtime_env:TOKEN}}", default: true}`,
      `raw: {type: rest, url: "${raw.origin}"}`,
      `gone: {type: rest, url: "${gone.origin}"}`,
      'nowhere: {type: rest, url: "http://nowhere.invalid"}',
      `plain: {type: rest, url: "https://127.0.0.1:${server.port}"}`,
    ],
    { TOKEN: 'token-of-the-connection' },
  );
  kernel = await runtime.startKernel(t);
  places.gone = gone.origin;
  await kernel.run(`
import json
payload = json.dumps({"a": 1})
records = [{"a": 1}, {"a": None}]
data = bytes(range(256))
name = 'a "b"\\r\\n ä.txt'
holds = "x\\r\\n------parts\\r\\ny"
word = "x y&=z"
class Frame: columns = []; iloc = None
`);
});
const places: Record<string, string> = {};

/** Runs a request from the kernel, and through a connection: both have to do the same. */
async function bothWays(
  t: Test,
  request: (place: string) => string,
  check: (t: Test, ran: Outcome, way: 'kernel' | 'connection') => unknown,
  { origin = `${server.origin}/v1`, connection = 'api', options = '' } = {},
): Promise<void> {
  await t.test('from the kernel', async (t) => {
    await check(t, await kernel.run(`%%rest${options}\n${request(origin)}`), 'kernel');
  });
  await t.test('with a connection', async (t) => {
    await check(t, await kernel.run(`%%rest ${connection}${options}\n${request('')}`), 'connection');
  });
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

t.test('R1: a redirect is the same request at the new place', async (t) => {
  for (const status of [301, 302, 303, 307, 308]) {
    for (const path of [`/${status}`, `/relative/${status}`, `/protocol/${status}`]) {
      const methods = path === `/${status}` ? METHODS : (['POST'] as const);
      for (const method of methods) {
        const hasBody = method !== 'GET' && method !== 'HEAD';
        const becomesGet = (status === 303 && method !== 'HEAD') || (status < 303 && method === 'POST');
        await t.test(`${method} ${path}`, async (t) => {
          await bothWays(
            t,
            (place) => `${method} ${place}${path}\nX-Mine: 1${hasBody ? '\n\n{"a": 1}' : ''}`,
            (t, ran) => {
              t.equal(ran.error, '');
              t.match(server.last, {
                method: becomesGet ? 'GET' : method,
                url: /^\/v1\/end\/(?:\?a=1)?$/,
                headers: { 'x-mine': '1' },
                body: hasBody && !becomesGet ? '{"a": 1}' : '',
              });
              t.equal(server.last.headers['content-type'], hasBody && !becomesGet ? json : undefined);
            },
          );
        });
      }
    }
  }
});

t.test('R1: what is not followed fails the cell, and says where it would have led', async (t) => {
  const before = other.asked.length;
  for (const status of [301, 302, 307, 308]) {
    await bothWays(
      t,
      (place) => `PUT ${place}/elsewhere/${status}\n\n{"a": 1}`,
      (t, { error }) =>
        t.match(
          error,
          new RegExp(
            `redirects .*${other.origin.slice(7)}.*HTTP ${status}|redirects .*HTTP ${status}.*${other.origin.slice(7)}`,
          ),
        ),
    );
  }
  t.equal(other.asked.length, before, 'nothing went there');
  for (const path of ['/ftp', '/file', '/nowhere', '/with-credentials', '/backslash']) {
    await bothWays(
      t,
      (place) => `GET ${place}${path}`,
      (t, { error }) => {
        t.match(error, /redirects/, path);
        t.notMatch(error, 'canary');
      },
    );
  }
  await bothWays(
    t,
    (place) => `GET ${place}/nowhere`,
    (t, { error }) => t.match(error, /redirects .*to an address that a cell can't follow/),
  );
  await bothWays(
    t,
    (place) => `POST ${place}/round\n\n{}`,
    (t, { error }) => t.match(error, /127\.0\.0\.1:\d+ redirects in a loop/),
  );
});

// What the bodies of each type are: test/corpus/bodies.json.
t.test('R2: a body leaves as its type wants it, and as it is where it is one value', async (t) => {
  const bodies: readonly (readonly [type: string, body: string, sent: string])[] = [
    ['application/x-ndjson', '{{records}}', '{"a": 1}\n{"a": null}\n'],
    [json, '{{payload}}', '{"a": 1}'],
    // The line ends behind a body are the cell's.
    [json, '{"a": {{word}}}\n\n', '{"a": "x y&=z"}'],
    ['text/plain', 'one\n\ntwo\n\n', 'one\n\ntwo'],
    ['application/xml', '<a/>\n', '<a/>'],
  ];
  for (const [type, body, sent] of bodies) {
    await t.test(`${type} ${body.slice(0, 20)}`, (t) =>
      bothWays(
        t,
        (place) => `POST ${place}/echo\nContent-Type: ${type}\n\n${body}`,
        (t, { error }) => {
          t.equal(error, '');
          t.equal(server.last.body, sent);
        },
      ),
    );
  }
  await bothWays(
    t,
    (place) => `POST ${place}/echo\n\n{{data}}`,
    (t, { error }) => {
      t.equal(error, '');
      t.match(server.last.headers, { 'content-type': 'application/octet-stream', 'content-length': '256' });
    },
  );
});

t.test('S3: scalars, times and arrays of numpy and pandas are the same either way', async (t) => {
  const made = await kernel.run(`
import numpy as np, pandas as pd, decimal
day, moment, never, missing = np.datetime64('2026-01-31'), np.datetime64('2026-01-31T11:00:00.5'), pd.NaT, pd.NA
number, truth, numbers, series = np.int64(2**53 + 1), np.bool_(True), np.array([1, 2]), pd.Series([1.5, 2])
days, exact = pd.to_datetime(pd.Series(['2026-01-31'])).values, decimal.Decimal('1.5')`);
  t.equal(made.error, '');
  const names = 'day moment never missing number truth numbers series days exact'.split(' ');
  await bothWays(
    t,
    (place) =>
      `POST ${place}/echo?day={{day}}&number={{number}}\nContent-Type: ${json}\n\n{${names.map((each) => `"${each}": {{${each}}}`)}}`,
    (t, { error }) => {
      t.equal(error, '');
      t.match(server.last.url, /\?day=2026-01-31&number=9007199254740993$/);
      t.match(server.last.body, '9007199254740993');
      t.same(JSON.parse(server.last.body), {
        day: '2026-01-31',
        moment: '2026-01-31T11:00:00.500000',
        never: null,
        missing: null,
        number: 2 ** 53,
        truth: true,
        numbers: [1, 2],
        series: [1.5, 2],
        days: ['2026-01-31T00:00:00'],
        exact: 1.5,
      });
    },
  );
  for (const name of ['never', 'missing'])
    await bothWays(
      t,
      (place) => `GET ${place}/echo?at={{${name}}}`,
      (t, { error }) => t.match(error, new RegExp(`\\{\\{${name}\\}\\} is .*only text, numbers`)),
    );
});

t.test('C1: spaces in the reference of a request line are named', async (t) => {
  await bothWays(
    t,
    (place) => `GET ${place}/echo?q={{ word }}`,
    (t, { error }) => t.match(error, /\{\{ word \}\} has spaces, so it isn't a reference/),
  );
});

t.test('R3: a body in parts is one for those that read them', async (t) => {
  const form = (type = 'multipart/form-data; boundary=----parts') => `Content-Type: ${type}

------parts
Content-Disposition: form-data; name="title"

two
lines
------parts
Content-Disposition: form-data; name="file"; filename="{{name}}"
Content-Type: application/octet-stream

{{data}}
------parts--
`;
  for (const type of [
    'multipart/form-data; boundary=----parts',
    'multipart/form-data; charset=utf-8; boundary="----parts"',
  ]) {
    await bothWays(
      t,
      (place) => `POST ${place}/echo\n${form(type)}`,
      async (t, { error }) => {
        t.equal(error, '');
        const read = await new Response(server.lastBytes, {
          headers: { 'content-type': String(server.last.headers['content-type']) },
        }).formData();
        t.equal(read.get('title'), 'two\nlines');
        const file = read.get('file');
        t.ok(typeof file === 'object' && file !== null);
        if (typeof file !== 'object' || file === null) return;
        t.equal(file.name, 'a "b"\r\n ä.txt');
        t.same(
          Buffer.from(await file.arrayBuffer()),
          Buffer.from(Array.from({ length: 256 }, (_, at) => at)),
        );
      },
    );
  }
  const wrong: readonly (readonly [body: string, sentence: RegExp])[] = [
    [form().replace('{{data}}', '{{holds}}'), /{{holds}} contains the boundary/],
    [form().replace('------parts--', ''), /ends with a line ------parts--/],
    [form().replace('boundary=----parts', 'charset=utf-8'), /needs a boundary/],
    [form().replace('{{data}}', '< ./file.bin'), /part from a file is not supported/],
    [form().replace('\n\ntwo', '\ntwo'), /Line 6: expected a header of a part/],
  ];
  for (const [body, sentence] of wrong) {
    await bothWays(
      t,
      (place) => `POST ${place}/echo\n${body}`,
      (t, { error }) => t.match(error, sentence),
    );
  }
});

t.test('R6: what a server says before its answer is not the answer', async (t) => {
  for (const path of ['/100', '/102', '/103', '/many', '/head-103']) {
    for (const method of path === '/head-103' ? ['HEAD'] : ['GET', 'POST']) {
      await bothWays(
        t,
        (place) => `${method} ${place}${path}`,
        (t, { error, stdout, data }) => {
          t.equal(error, '', path);
          t.match(stdout, /^HTTP 200 OK/, path);
          if (method !== 'HEAD') t.match(data[0]?.['text/plain'], 'the answer');
        },
        { origin: raw.origin, connection: 'raw' },
      );
    }
  }
});

t.test('R7: a compressed answer is decoded, or refused by name', async (t) => {
  for (const path of ['gzip', 'x-gzip', 'zlib', 'deflate', 'twice', 'identity']) {
    await bothWays(
      t,
      (place) => `GET ${place}/${path}\nAccept-Encoding: gzip, deflate, br`,
      (t, { error, data }) => {
        t.equal(error, '', path);
        t.equal(data[0]?.['text/plain'], 'unpacked ✓', path);
      },
    );
  }
  await kernel.run('import importlib.util');
  const hasBrotli = (await kernel.print('importlib.util.find_spec("brotli")')) !== 'None';
  await bothWays(
    t,
    (place) => `GET ${place}/br\nAccept-Encoding: br`,
    (t, { error, data }, way) => {
      if (way === 'connection' || hasBrotli) t.equal(data[0]?.['text/plain'], 'unpacked ✓');
      else t.match(error, /compressed with br, which SPIN can't read. Leave it out of Accept-Encoding/);
    },
  );
  for (const [path, sentence] of [
    ['unknown', /compressed with rot13, which SPIN can't read/],
    ['cut', /does not match its Content-Encoding/],
    ['not-gzip', /does not match its Content-Encoding/],
  ] as const) {
    await bothWays(
      t,
      (place) => `GET ${place}/${path}`,
      (t, { error }) => t.match(error, sentence),
    );
  }
  await bothWays(
    t,
    (place) => `GET ${place}/empty`,
    (t, { error, stdout }) => t.match({ error, stdout }, { error: '', stdout: /^HTTP 204/ }),
  );
});

t.test('R8: targets and forms over several lines, as editors mean them', async (t) => {
  const requests: readonly (readonly [request: string, url: string, body?: string])[] = [
    ['GET <>/a\n    ?x=1\n    &y={{word}} HTTP/1.1\nAccept: */*', '/v1/a?x=1&y=x%20y%26%3Dz'],
    ['GET <>/a HTTP/1.1\n    ?x=1\n    # a comment\n    &y=2', '/v1/a?x=1'],
    ['GET <>/a\n?x=1\n// a comment\n&y=2\n', '/v1/a?x=1&y=2'],
    ['GET <>/a\n    /b\n    /c\n\t?x=1', '/v1/a/b/c?x=1'],
    [
      'POST <>/f\nContent-Type: application/x-www-form-urlencoded\n\na = {{word}} &\nb = two words &\n  c={{word}}\n  &d= 1=2 \n',
      '/v1/f',
      'a=x+y%26%3Dz&b=two+words&c=x+y%26%3Dz&d=1=2',
    ],
    [
      'POST <>/f\nContent-Type: application/x-www-form-urlencoded\n\na=%20+%26&{{word}}={{word}}',
      '/v1/f',
      'a=%20+%26&x+y%26%3Dz=x+y%26%3Dz',
    ],
  ];
  for (const [request, url, body = ''] of requests) {
    await bothWays(
      t,
      (place) => request.replaceAll('<>', place),
      (t, { error }) => {
        if (request.includes('    # a comment')) return t.match(error, /Line 3: expected a header/);
        t.equal(error, '', request);
        t.match(server.last, { url, body });
        return;
      },
    );
  }
});

t.test('R9: ### parts requests only where another request follows', async (t) => {
  const markdown = '# Title\n### Section\n\ntext\n### https://example.com\nhttps://example.com/\n### End';
  for (const [body, sent] of [
    [markdown, markdown],
    ['text\n###\n', 'text'],
    ['text\n###\n# the end', 'text'],
    ['text\n###\nmore', 'text\n###\nmore'],
  ] as const) {
    await bothWays(
      t,
      (place) => `### named\nPOST ${place}/md\nContent-Type: text/markdown\n\n${body}`,
      (t, { error }) => {
        t.equal(error, '');
        t.equal(server.last.body, sent);
      },
    );
  }
  for (const next of [
    '### next\nGET http://a/',
    '###\n# comment\n\npost /b HTTP/1.1',
    '### {{x}}\nDELETE {{base}}/c',
  ]) {
    await bothWays(
      t,
      (place) => `POST ${place}/md\n\ntext\n${next}`,
      (t, { error }) => t.match(error, /Line 4: a cell sends one request/),
    );
  }
});

t.test('R11: a failure names the host, the port and what to do', async (t) => {
  const failures: readonly (readonly [connection: string, origin: string, sentence: RegExp])[] = [
    [
      'gone',
      places.gone ?? '',
      /127\.0\.0\.1:\d+ can't be reached: nothing listens there: is the port right/,
    ],
    ['nowhere', 'http://nowhere.invalid', /nowhere\.invalid:80 can't be reached: .*DNS\): /],
    [
      'plain',
      `https://127.0.0.1:${server.port}`,
      /127\.0\.0\.1:\d+ can't be reached: it does not speak TLS there/,
    ],
    ['raw', raw.origin, /127\.0\.0\.1:\d+ can't be reached: it closed the connection: is the port right/],
  ];
  for (const [connection, origin, sentence] of failures) {
    await bothWays(
      t,
      (place) => `POST ${place}/reset`,
      (t, { error }) => t.match(error, sentence),
      { origin, connection },
    );
  }
  await bothWays(
    t,
    (place) => `GET ${place}/hang`,
    (t, { error }) => t.match(error, /took longer than 1 s.*--timeout/),
    { origin: raw.origin, connection: 'raw', options: ' --timeout 1' },
  );
  await bothWays(
    t,
    (place) => `GET ${place}/drip-head`,
    (t, { error }) => t.match(error, /took longer than 1 s.*--timeout/),
    { origin: raw.origin, connection: 'raw', options: ' --timeout 1' },
  );
});

interface RawServer {
  readonly origin: string;
}

/** Says what no HTTP server of a library says. */
async function startRawServer(t: Test): Promise<RawServer> {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n';
  const answers: Readonly<Record<string, string>> = {
    '/100': `HTTP/1.1 100 Continue\r\n\r\n${ok}the answer`,
    '/102': `HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\n${ok}the answer`,
    '/103': `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n${ok}the answer`,
    '/many': `${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(20)}${ok}the answer`,
    '/head-103': `HTTP/1.1 103 Early Hints\r\n\r\n${ok}`,
  };
  const sockets = new Set<import('node:net').Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    let head = '';
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      const path = head.split(' ')[1] ?? '';
      head = '';
      if (path === '/reset') socket.destroy();
      else if (path === '/drip-head') {
        socket.write('HTTP/1.1 200 OK\r\nX: ');
        const timer = setInterval(() => socket.write('x'), 50);
        socket.on('close', () => clearInterval(timer));
      } else if (path !== '/hang') socket.write(answers[path] ?? '');
    });
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return { origin: `http://127.0.0.1:${(listener.address() as AddressInfo).port}` };
}
