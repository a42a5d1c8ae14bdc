import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { askOnce, type Peer, statusOf } from '../gateway/ask-once.js';
import { Secret } from '../processors/core/secret.js';
import { createAuthority } from './support/authority.js';
import { shortFolder } from './support/short-folder.js';

const peer = { basePath: '/base', socketPath: undefined, token: undefined, ca: undefined };
const question = { path: '/api', limitMs: 60_000, mostBytes: 1_000 };

async function serve(t: Test, answer: RequestListener): Promise<Peer> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { ...peer, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

t.test(
  'on a unix socket, below the base path, with the token, on a connection for one question',
  async (t) => {
    const socketPath = join(await shortFolder(t), 's');
    const server = createServer(({ url, method, headers }, res) => {
      res.end(JSON.stringify({ url, method, headers }));
    }).listen(socketPath);
    await once(server, 'listening');
    t.teardown(() => server.close());
    const asked = { ...peer, origin: 'http://localhost', socketPath, token: new Secret('canary') };
    const seen = await askOnce(asked, { ...question, method: 'POST', body: '{}' }, ({ body }) => body.json());
    t.match(seen, {
      url: '/base/api',
      method: 'POST',
      headers: { host: 'localhost', authorization: 'token canary', connection: 'close' },
    });
  },
);

t.test('a redirect is not followed', async (t) => {
  const paths: (string | undefined)[] = [];
  const asked = await serve(t, ({ url }, res) => {
    paths.push(url);
    res.writeHead(302, { location: '/elsewhere' }).end();
  });
  t.equal(await statusOf(asked, question), 302);
  t.same(paths, ['/base/api']);
});

t.test('S15: no answer, and one that does not end, are given up in time', async (t) => {
  const silent = await serve(t, () => {});
  await t.rejects(
    askOnce(silent, { ...question, limitMs: 50 }, () => {}),
    { code: 'ETIMEDOUT' },
  );
  t.equal(await statusOf(silent, { ...question, limitMs: 50 }), undefined);
  const endless = await serve(t, (_, res) => {
    res.write('[');
  });
  await t.rejects(
    askOnce(endless, { ...question, limitMs: 200 }, ({ body }) => body.json()),
    { code: 'ETIMEDOUT' },
  );
});

t.test('S15: of a large answer no more is read than may be', async (t) => {
  const large = await serve(t, (_, res) => void res.end('x'.repeat(1_001)));
  await t.rejects(
    askOnce(large, question, ({ body }) => body.text()),
    { code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' },
  );
  const text = await askOnce(large, { ...question, mostBytes: 1_001 }, ({ body }) => body.text());
  t.equal(text.length, 1_001);
});

t.test('a certificate is verified, unless any will do and no token is sent', async (t) => {
  const authority = createAuthority();
  const server = createTlsServer(authority.issue(['localhost']), (_, res) => void res.end('{}'));
  server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const named = { ...peer, origin: `https://localhost:${port}` };
  const any = { ...question, takesAnyCertificate: true } as const;
  t.equal(await statusOf(named, question), undefined);
  t.equal(await statusOf({ ...named, ca: authority.cert }, question), 200);
  t.equal(
    await statusOf({ ...named, origin: `https://127.0.0.1:${port}`, ca: authority.cert }, question),
    undefined,
  );
  t.equal(await statusOf(named, any), 200);
  t.equal(await statusOf({ ...named, token: new Secret('canary') }, any), undefined);
});
