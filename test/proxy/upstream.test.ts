import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import forge from 'node-forge';
import t from 'tap';
import { dial } from '../../gateway/proxy/dial.js';
import { fixedUpstream, probe, type Upstream } from '../../gateway/proxy/upstream.js';
import { Secret } from '../../processors/core/secret.js';
import { ask } from '../support/ask.js';
import { startFront } from '../support/front.js';
import { startRecorder } from '../support/recorder.js';

for (const [url, origin, basePath] of [
  ['http://h:1', 'http://h:1', ''],
  ['http://h:1/', 'http://h:1', ''],
  ['https://h/jupyter', 'https://h', '/jupyter'],
  ['https://h/jupyter/', 'https://h', '/jupyter'],
  ['https://h//user//me//', 'https://h', '/user/me'],
  ['http://[::1]:1/', 'http://[::1]:1', ''],
] as const) {
  t.test(`${url} is ${origin} with base path "${basePath}"`, async (t) => {
    const upstream = fixedUpstream({ kind: 'http', url: new URL(url), token: undefined, ca: undefined });
    t.match(upstream, { origin, basePath, socketPath: undefined });
  });
}

t.test('a unix socket is an upstream at the root of localhost', async (t) => {
  const token = new Secret('x');
  t.same(fixedUpstream({ kind: 'unix', path: '/run/j.sock', token }), {
    origin: 'http://localhost',
    basePath: '',
    socketPath: '/run/j.sock',
    token,
    ca: undefined,
  });
});

t.test('a probe tells whether Jupyter takes the token', async (t) => {
  const recorder = await startRecorder((req, res) => {
    const known = req.headers.authorization === 'token right' && req.url === '/b/api/status';
    res.writeHead(known ? 200 : 403).end();
  });
  t.teardown(() => recorder.close());
  const upstream = { ...recorder.upstream, basePath: '/b' };
  t.equal(await probe({ ...upstream, token: new Secret('right') }), true);
  t.equal(await probe({ ...upstream, token: new Secret('wrong') }), false);
  t.equal(await probe({ ...upstream, token: undefined }), false);
  t.equal(await probe({ ...upstream, origin: 'http://127.0.0.1:1' }), false);
});

t.test(
  'an https upstream is verified: with its CA it is reached, without it or under another name not',
  async (t) => {
    const certificate = selfSigned('localhost');
    const names: unknown[] = [];
    const server = createServer({ key: certificate.key, cert: certificate.cert }, (_req, res) =>
      res.end('secure'),
    );
    server.on('secureConnection', (socket) => names.push(Reflect.get(socket, 'servername')));
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    const known: Upstream = {
      origin: `https://localhost:${port}`,
      basePath: '',
      socketPath: undefined,
      token: undefined,
      ca: certificate.cert,
    };
    const unknown = { ...known, ca: undefined };
    const misnamed = { ...known, origin: `https://127.0.0.1:${port}` };

    for (const [upstream, reached] of [
      [known, true],
      [unknown, false],
      [misnamed, false],
    ] as const) {
      const front = await startFront(() => upstream);
      t.equal((await ask(`${front.url}/x`)).status, reached ? 200 : 502);
      t.equal(await probe(upstream), reached);
      const signal = new AbortController().signal;
      await t.rejects(dial(upstream, '/', [], {}, { signal }), {
        code: reached ? 'UPSTREAM_REFUSED' : 'UPSTREAM_DOWN',
      });
      await front.close();
    }
    t.ok(names.includes('localhost'));
  },
);

function selfSigned(name: string): { readonly key: string; readonly cert: string } {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const subject = [{ name: 'commonName', value: name }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: name }] },
  ]);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  return {
    key: forge.pki.privateKeyToPem(keys.privateKey),
    cert: forge.pki.certificateToPem(certificate),
  };
}
