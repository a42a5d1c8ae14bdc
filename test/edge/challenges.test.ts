import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { Challenges } from '../../gateway/edge/challenges.js';
import { parseClientHello } from '../../gateway/edge/client-hello.js';
import { listen } from '../../gateway/edge/listener.js';
import { selfSigned } from '../support/certificate.js';
import { closing, exchange, memoryLog, plain } from '../support/edge.js';

const NAME = 'jupyter.example.com';

/** A listener with this runtime's own certificate; its HTTP says whether the challenges answered. */
async function serve(t: Test, challenges: Challenges) {
  const pair = selfSigned(['own.example']);
  const certificates = {
    current: () => pair,
    onChange: () => undefined,
    challenges,
    look: async () => undefined,
    close: () => undefined,
  };
  const listener = await listen(
    { listen: { kind: 'tcp', host: '127.0.0.1', port: 0 }, trust: () => false },
    certificates,
    {
      request(req, res) {
        const proof = challenges.proofFor(req);
        res.writeHead(proof === undefined ? 404 : 200).end(proof);
      },
      upgrade: (_req, socket) => socket.destroy(),
    },
    memoryLog([]),
    () => undefined,
  );
  t.teardown(() => listener.close(0));
  return listener.address.kind === 'tcp' ? listener.address.port : 0;
}

function dial(port: number, servername: string, ALPNProtocols: string[]): TLSSocket {
  return connect({ host: '127.0.0.1', port, servername, ALPNProtocols, rejectUnauthorized: false });
}

async function subject(socket: TLSSocket): Promise<string | undefined> {
  await once(socket, 'secureConnect');
  const shown = socket.getPeerX509Certificate()?.subject;
  socket.destroy();
  return shown;
}

t.test('the proof by TLS is for the authority alone, and only while it is pending', async (t) => {
  const challenges = new Challenges();
  const port = await serve(t, challenges);
  const refused = dial(port, NAME, ['acme-tls/1']);
  const [error] = await once(refused, 'error');
  t.match(error, { message: /no application protocol/i }, 'nothing is pending');

  challenges.addTls(NAME, selfSigned(['proof.example']));
  const asked = dial(port, NAME, ['acme-tls/1']);
  await once(asked, 'secureConnect');
  t.equal(asked.alpnProtocol, 'acme-tls/1');
  t.equal(asked.getPeerX509Certificate()?.subject, 'CN=proof.example');
  await closing(asked);
  t.equal(await subject(dial(port, NAME, ['http/1.1'])), 'CN=own.example', 'clients notice nothing');
  t.equal(
    await subject(dial(port, NAME, ['acme-tls/1', 'http/1.1'])),
    'CN=own.example',
    'nor does a mixture',
  );
  await once(dial(port, 'other.example.com', ['acme-tls/1']), 'error');
  const { text } = await exchange(
    dial(port, NAME, ['http/1.1']),
    'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
    /\r\n\r\n/,
  );
  t.match(text, /^HTTP\/1\.1 404 /);

  challenges.removeTls(NAME);
  await once(dial(port, NAME, ['acme-tls/1']), 'error');
});

t.test('the proof by HTTP is for its token and its name alone, and only while it is pending', async (t) => {
  const challenges = new Challenges();
  const port = await serve(t, challenges);
  const get = async (path: string, host = NAME, method = 'GET') => {
    const request = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
    const { text } = await exchange(plain(port), request);
    return { status: Number(text.split(' ')[1]), body: text.split('\r\n\r\n')[1] };
  };
  const path = '/.well-known/acme-challenge/token-1';
  t.equal((await get(path)).status, 404);
  challenges.addHttp(NAME, 'token-1', 'token-1.proof');
  t.match(await get(path), { status: 200, body: 'token-1.proof' });
  t.match(await get(path, `${NAME}:80`), { status: 200 });
  for (const other of [
    '/.well-known/acme-challenge/',
    `${path}?`,
    `${path}/`,
    '/.well-known/acme-challenge/a',
  ]) {
    t.equal((await get(other)).status, 404, other);
  }
  t.equal((await get(path, 'rebound.example.com')).status, 404);
  t.equal((await get(path, NAME, 'POST')).status, 404);
  challenges.removeHttp('token-1');
  t.equal((await get(path)).status, 404);
});

t.test('a greeting in pieces, one that ends early and one that is none', { timeout: 20_000 }, async (t) => {
  const challenges = new Challenges();
  const port = await serve(t, challenges);
  challenges.addTls(NAME, selfSigned(['proof.example']));
  const left = plain(port);
  left.end(Buffer.from([0x16, 3, 1, 2, 0, 1]));
  await closing(left);
  const { closed } = await exchange(plain(port), '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00');
  t.ok(closed);

  // The greeting of a real client, taken on its way and passed on byte by byte.
  const bytes = await greeting();
  t.same(parseClientHello(bytes), { serverName: NAME, protocols: ['acme-tls/1'] });
  const slow = connectPlain(port, '127.0.0.1').setNoDelay(true);
  for (const byte of bytes) {
    await new Promise((resolve) => slow.write(Buffer.from([byte]), resolve));
  }
  const [answer] = await once(slow, 'data');
  t.equal(answer[0], 0x16, 'a handshake goes on');
  slow.destroy();
  for (let length = 0; length < bytes.length; length += 1) {
    t.equal(parseClientHello(bytes.subarray(0, length)), undefined);
  }
});

/** What node's own client begins with. */
async function greeting(): Promise<Buffer> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const accepted = once(server, 'connection');
  const client = dial(typeof address === 'object' ? (address?.port ?? 0) : 0, NAME, ['acme-tls/1']);
  client.on('error', () => undefined);
  const [socket] = await accepted;
  const [bytes] = await once(socket, 'data');
  socket.destroy();
  client.destroy();
  server.close();
  return bytes;
}
