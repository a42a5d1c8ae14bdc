import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t, { type Test } from 'tap';
import { type Answer, ask, startEdge } from '../support/edge.js';
import { freePorts, type fronts, startFront } from '../support/front-proxy.js';

type Front = keyof typeof fronts;

/** The browser's machine: another loopback address than the proxy's. */
const browser = '127.0.0.5';
/** The example of RFC 6455 section 1.3: HAProxy looks at more than the protocol's name. */
const upgrade = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

const overHttp = (port: number) => (): Socket =>
  connectPlain({ port, host: '127.0.0.1', localAddress: browser });
const overTls = (port: number) => (): Socket =>
  connectTls({ socket: overHttp(port)(), servername: 'spin.example', rejectUnauthorized: false });

/** An edge behind a front: what the browser gets by https and by http. */
async function behind(t: Test, front: Front, trustedProxies: readonly string[]) {
  const ports = await freePorts();
  const publicUrl = new URL(`https://spin.example:${ports.https}/`);
  const edge = await startEdge({ publicUrl, trustedProxies });
  t.teardown(() => edge.close());
  await startFront(t, front, ports, edge.port);
  const get = (scheme: 'http' | 'https', headers: Record<string, string> = {}): Promise<Answer> => {
    const over = scheme === 'https' ? overTls(ports.https) : overHttp(ports.http);
    return ask(edge, '/lab?x=1', { host: `spin.example:${ports[scheme]}`, ...headers }, { over });
  };
  return { get, origin: publicUrl.origin };
}

const trusted: readonly Front[] = [
  'nginx',
  'nginx passing TLS on',
  'caddy',
  'haproxy with X-Forwarded headers',
  'haproxy with send-proxy-v2-ssl',
  'haproxy passing TLS on with send-proxy-v2',
  'haproxy passing TLS on with send-proxy',
];

for (const front of trusted) {
  t.test(`behind ${front} https is served and the client’s address is right`, async (t) => {
    const { get, origin } = await behind(t, front, ['127.0.0.1']);
    const answer = await get('https');
    t.equal(answer.status, 200);
    const { request, ...client } = answer.echo.client;
    t.match(request, /^[\da-f-]{36}$/);
    t.same(client, {
      address: browser,
      secure: true,
      authority: new URL(origin).host,
      origin,
    });
    t.equal((await get('https', upgrade)).status, 101);
  });

  t.test(`behind ${front} a client can’t choose its address`, async (t) => {
    const { get } = await behind(t, front, ['127.0.0.1']);
    const { echo } = await get('https', { 'x-forwarded-for': '192.0.2.66' });
    t.equal(echo.client.address, browser);
  });

  t.test(`behind ${front} plain HTTP is redirected once`, async (t) => {
    const { get, origin } = await behind(t, front, ['127.0.0.1']);
    const answer = await get('http');
    t.match(answer, { status: 302, headers: { location: `${origin}/lab?x=1` } });
  });
}

for (const front of ['nginx', 'caddy', 'haproxy with X-Forwarded headers'] as const) {
  t.test(`behind ${front} without SPIN_TRUSTED_PROXIES the answer is advice, not a loop`, async (t) => {
    const { get } = await behind(t, front, []);
    const answer = await get('https');
    t.match(answer, { status: 426, code: 'TLS_REQUIRED', body: 'SPIN_TRUSTED_PROXIES' });
  });
}

t.test('behind nginx that says nothing of its client a browser gets advice, not a loop', async (t) => {
  for (const trustedProxies of [['127.0.0.1'], []]) {
    const { get } = await behind(t, 'nginx that says nothing of its client', trustedProxies);
    t.match(await get('https', { 'sec-fetch-site': 'none' }), { status: 426, body: 'X-Forwarded-Proto' });
  }
});

t.test('behind haproxy with an unexpected PROXY header the connection is refused', async (t) => {
  const { get } = await behind(t, 'haproxy with send-proxy-v2-ssl', []);
  t.equal((await get('https')).status, 400);
});
