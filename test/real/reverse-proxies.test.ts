import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { NAVIGATION } from '../support/ask.js';
import { makePair } from '../support/certificate.js';
import { startRuntime } from '../support/commands.js';
import { freePort } from '../support/free-port.js';
import { freePorts, fronts, startFront } from '../support/front-proxy.js';
import { startTestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { blocksOf } from '../support/page.js';
import { RawClient } from '../support/raw-client.js';
import { until } from '../support/until.js';

type Front = keyof typeof fronts;

/** The browser's machine: another loopback address than the proxy's. */
const BROWSER = '127.0.0.5';
/** Above the size that nginx takes unless told otherwise (1 MB). */
const LARGE = 8_000_000;
/** Below the rate at which Jupyter itself holds output back (1 MB a second). */
const OUTPUT = 800_000;

const jupyter = await startStockJupyter();
t.teardown(() => jupyter.close());

/** A whole runtime behind a front of the page, and a client at another address than the front's. */
async function behind(t: Test, front: Front, upstream = upstreamOf(jupyter)) {
  const made = await makePair(t, ['spin.example']);
  const ports = await freePorts();
  const port = await freePort();
  const gateway = await startTestGateway({
    listen: { kind: 'tcp', host: '127.0.0.1', port },
    upstream,
    publicUrl: new URL(`https://spin.example:${ports.https}/`),
    trustedProxies: ['127.0.0.1'],
    tls: { mode: 'auto', files: { cert: made.cert, key: made.key } },
  });
  t.teardown(() => gateway.close());
  await startFront(t, front, ports, port, made);
  const tls = { ca: made.pair.cert, servername: 'spin.example', localAddress: BROWSER };
  const headers = { host: `spin.example:${ports.https}`, authorization: `token ${TOKEN}` };
  const base = `127.0.0.1:${ports.https}`;
  return {
    gateway,
    /** A request whose body the test writes, and whose answer it reads as it comes. */
    begin: (method: string, path: string) =>
      request(`https://${base}${path}`, { ...tls, method, agent: false, headers }),
    send(method: string, path: string, body?: unknown, more: Readonly<Record<string, string>> = {}) {
      return new Promise<{ status: number; body: string }>((resolve, reject) => {
        const asked = request(`https://${base}${path}`, {
          ...tls,
          method,
          agent: false,
          headers: { ...headers, 'content-type': 'application/json', ...more },
        });
        asked.on('error', reject).on('response', async (response) => {
          const chunks: Buffer[] = [];
          for await (const chunk of response) chunks.push(chunk as Buffer);
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
        asked.end(body === undefined ? undefined : JSON.stringify(body));
      });
    },
    async open(kernel: string) {
      const session = randomUUID();
      const url = `wss://${base}/api/kernels/${kernel}/channels?session_id=${session}`;
      const socket = new WebSocket(url, [], { ...tls, headers, perMessageDeflate: false });
      await once(socket, 'open');
      return new RawClient(socket, 'legacy', session);
    },
  };
}

const whole = (Object.keys(fronts) as Front[]).filter(
  (name) => name !== 'nginx that says nothing of its client',
);

for (const front of whole) {
  t.test(`a notebook works behind ${front}`, async (t) => {
    const { gateway, send, open } = await behind(t, front);
    const started = await send('POST', '/api/kernels', { name: 'python3' });
    t.equal(started.status, 201);
    const { id } = JSON.parse(started.body) as { id: string };
    t.teardown(() => send('DELETE', `/api/kernels/${id}`));
    const client = await open(id);
    t.teardown(() => client.close());
    t.match(await client.execute('print(6 * 7)'), { status: 'ok', stdout: '42\n' });
    const { stdout } = await client.execute(`print("x" * ${OUTPUT})`);
    t.equal(stdout.length, OUTPUT + 1, 'a large output passes');

    const content = 'y'.repeat(LARGE);
    const saved = await send('PUT', '/api/contents/large.txt', { type: 'file', format: 'text', content });
    t.ok([200, 201].includes(saved.status), 'a large upload passes');
    const read = await send('GET', '/files/large.txt');
    t.equal(read.body.length, LARGE, 'and comes back');

    const wrong = { authorization: 'token wrong', 'x-forwarded-for': '192.0.2.66' };
    t.equal((await send('GET', '/api/kernels', undefined, wrong)).status, 403);
    t.ok(gateway.log().includes(BROWSER), 'the log has the browser’s address');
    t.notOk(gateway.log().includes('192.0.2.66'), 'and not the one that it made up');
  });
}

/** An upstream whose answers a test writes piece by piece. */
async function startPatient(t: Test) {
  const asked: { req: IncomingMessage; res: ServerResponse }[] = [];
  const server = createServer((req, res) => void asked.push({ req, res })).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { asked, upstream: upstreamOf({ url, token: 'unused' }) };
}

for (const front of whole) {
  t.test(`bytes pass ${front} as they come, in both directions`, async (t) => {
    const { asked, upstream } = await startPatient(t);
    const { begin } = await behind(t, front, upstream);
    const download = begin('GET', '/files/stream.txt');
    download.end();
    await until(() => asked.length === 1);
    asked[0]?.res.write('first');
    const [answer] = (await once(download, 'response')) as [IncomingMessage];
    const [piece] = await once(answer, 'data');
    t.equal(String(piece), 'first', 'before there is a second one');
    asked[0]?.res.end('second');
    t.equal(String((await once(answer, 'data'))[0]), 'second');

    const upload = begin('PUT', '/api/contents/large.bin');
    upload.on('error', () => {});
    upload.write('first');
    await until(() => asked.length === 2);
    const { req, res } = asked[1] as (typeof asked)[number];
    t.equal(String((await once(req, 'data'))[0]), 'first', 'before the body has ended');
    upload.end('second');
    t.equal(String((await once(req, 'data'))[0]), 'second');
    res.end();
    await once(upload, 'response');
  });
}

t.test('the runtime’s own command, as the page has it, behind nginx', async (t) => {
  const [start] = await blocksOf('docs/deploy/reverse-proxies.md', 'Behind nginx, Caddy or HAProxy');
  const ports = await freePorts();
  const port = await freePort();
  const text = start?.text.replace('https://spin.example', `https://spin.example:${ports.https}`) ?? '';
  const { link } = await startRuntime(t, text, {
    SPIN_PORT: String(port),
    SPIN_TOKEN: TOKEN,
    SPIN_UPSTREAM: jupyter.url,
    SPIN_UPSTREAM_TOKEN: jupyter.token,
  });
  const made = await makePair(t, ['spin.example']);
  await startFront(t, 'nginx', ports, port, made);
  t.match(link, `https://spin.example:${ports.https}/`);
  const { host, pathname, search } = new URL(link);
  const followed = request(`https://127.0.0.1:${ports.https}${pathname}${search}`, {
    ca: made.pair.cert,
    servername: 'spin.example',
    agent: false,
    headers: { host, ...NAVIGATION },
  }).end();
  const [answer] = (await once(followed, 'response')) as [IncomingMessage];
  answer.resume();
  t.match(answer, { statusCode: 303, headers: { 'set-cookie': [`__Host-spin-${ports.https}=`] } });
});
