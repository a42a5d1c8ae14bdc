import type { ServerResponse } from 'node:http';
import type { Test } from 'tap';
import { makePair } from '../support/certificate.js';
import { until } from '../support/until.js';
import type { RestKernel } from './rest-cells.js';
import { give, startRestServer } from './rest-server.js';

/** Cells that get no answer, or no whole one. */
export async function testRestFailures(t: Test, { kernel, interrupt }: RestKernel): Promise<void> {
  let hops = 0;
  const cut = (response: ServerResponse) => {
    response.write('half');
    setImmediate(() => response.socket?.end());
  };
  const server = await startRestServer(t, {
    '/hang': () => undefined,
    '/drip': (response) => {
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
    },
    '/slow-hop': (response) => {
      setTimeout(() => response.writeHead(302, { location: `/slow-hop?${++hops}` }).end(), 300);
    },
    '/cut': (response) => {
      response.setHeader('content-length', '100');
      cut(response);
    },
    '/cut-chunk': cut,
    '/not-gzip': give('text/plain', 'plain', 200, { 'content-encoding': 'gzip' }),
  });
  const { origin } = server;
  const failure = (error: string | RegExp) => ({ status: 'error', ename: 'SpinError', error });

  t.test('--timeout ends a request that gets no answer, drips, or is sent in circles', async (t) => {
    for (const path of ['/hang', '/drip', '/slow-hop']) {
      const ran = await kernel.run(`%%rest --timeout 1\nGET ${origin}${path}`);
      t.match(
        ran,
        failure(/^127\.0\.0\.1:\d+ took longer than 1 s\. Ask for less, or allow more with --timeout\.$/),
        path,
      );
    }
    t.ok(hops < 8, 'all redirects together have that time, not each of them');
  });

  t.test('an interrupt ends it', async (t) => {
    const before = server.asked.length;
    const running = kernel.run(`%%rest\nGET ${origin}/hang?token={{runtime_env:LONG_TOKEN}}`);
    await until(() => server.asked.length > before);
    await interrupt();
    const ran = await running;
    t.match(ran, { status: 'error', ename: 'KeyboardInterrupt', error: 'the cell was interrupted' });
    t.notMatch(JSON.stringify(ran.messages), 'token-of-the-cell');
  });

  t.test('an answer that ends too early is none', async (t) => {
    for (const path of ['/cut', '/cut-chunk']) {
      const ran = await kernel.run(`%%rest --out partial\nGET ${origin}${path}`);
      t.match(ran, failure(/can't be reached: it closed the connection in the middle of its answer/), path);
    }
    t.match(await kernel.send('"partial" in globals()'), { shown: 'False' });
    const wrong = await kernel.run(`%%rest\nGET ${origin}/not-gzip`);
    t.match(wrong, failure("The answer can't be decompressed: it does not match its Content-Encoding."));
  });

  t.test('a host that cannot be reached', async (t) => {
    const gone = await startRestServer(t);
    await gone.close();
    const ran = await kernel.run(`%%rest\nGET ${gone.origin}/{{runtime_env:LONG_TOKEN}}`);
    t.match(ran, failure(/^127\.0\.0\.1:\d+ can't be reached: nothing listens there/));
    t.match(
      await kernel.run('%%rest\nGET http://nowhere.invalid/'),
      failure(/^nowhere\.invalid:80 can't be reached: .*name/),
    );
  });

  t.test('a certificate that is not trusted, or is for another host', async (t) => {
    const pair = await makePair(t, ['localhost']);
    const secure = await startRestServer(t, {}, pair.pair);
    const get = (host: string) => kernel.run(`%%rest\nGET https://${host}:${secure.port}/`);
    t.match(await get('localhost'), failure(/its certificate is not trusted \(self.signed certificate\)/));
    t.equal(secure.asked.length, 0, 'nothing was sent');
    await kernel.send(`os.environ["SSL_CERT_FILE"] = ${JSON.stringify(pair.cert)}`);
    t.match(await get('localhost'), { status: 'ok', stdout: /^HTTP 200/ });
    t.match(await get('127.0.0.1'), failure(/its certificate is not trusted \(IP address mismatch\)/));
    t.equal(secure.asked.length, 1);
    await kernel.send('del os.environ["SSL_CERT_FILE"]');
  });

  const mistakes: readonly [cell: string, sentence: RegExp][] = [
    ['', /needs a request line/],
    ['# only a comment', /needs a request line/],
    ['FETCH http://a/', /Line 1: expected a request line .* Methods: GET, HEAD/],
    ['\nGET /path', /Line 2: expected a request line/],
    ['GET http://a/ b', /Line 1: expected a request line/],
    ['GET http://a/\nno header', /Line 2: expected a header/],
    ['GET http://a/\nbad name: 1', /Line 2: expected a header/],
    ['POST http://a/\nContent-Length: 3\n\nabc', /Leave out Content-Length/],
    ['POST http://a/\n\n< ./file.json', /A body from a file is not supported/],
    ['GET http://a/\n\n###\nGET http://b/', /Line 3: a cell sends one request/],
    ['GET http://a/\n###\nhttp://b/', /Line 2: a cell sends one request/],
    ['GET http://me:pass@localhost/', /Put credentials into an Authorization header/],
    ['GET http:///path', /The URL has no host/],
    ['GET http://a/{{nope}}', /there is no variable nope/],
    ['GET http://a/{{d}}', /{{d}} is a dict/],
    ['POST http://a/\n\n{"a": {{os}}}', /{{os}} is a module, which can't be sent as JSON/],
    ['GET http://a/{{runtime_env:NOPE}}', /runtime_env:NOPE is not set/],
  ];
  t.test('a mistake in the cell is said, and nothing is sent', async (t) => {
    for (const [cell, sentence] of mistakes) {
      t.match(await kernel.run(`%%rest\n${cell}`), failure(sentence), JSON.stringify(cell));
    }
  });
}
