import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { proxyOf } from '../../processors/http/proxy.js';
import { createAuthority } from '../support/authority.js';
import { environment as gatewayEnvironment, oneConnection, performCell } from '../support/brokered.js';
import { startForwardProxy } from '../support/forward-proxy.js';
import { startRestServer } from './rest-server.js';

const TOKEN = 'canary-token-of-the-connection';
const authority = createAuthority();

const mapOf = (variables: Readonly<Record<string, string>>) =>
  new Map(Object.entries(variables).map(([name, value]) => [name, new Secret(value)]));

/** The gateway's own environment, until the test ends. */
function environment(t: Test, variables: Readonly<Record<string, string>>): void {
  gatewayEnvironment.clear();
  for (const [name, value] of mapOf(variables)) gatewayEnvironment.set(name, value);
  t.teardown(() => gatewayEnvironment.clear());
}

/** A service that only a proxy can find: no resolver knows `.test` (RFC 6761). */
async function startService(t: Test, isSecure: boolean) {
  const server = await startRestServer(t, {}, isSecure ? authority.issue(['service.test']) : undefined);
  const ca_file = join(t.testdir(), 'ca.pem');
  writeFileSync(ca_file, authority.cert);
  const url = `${isSecure ? 'https' : 'http'}://service.test:${server.port}/base`;
  const connections = oneConnection('rest', { url, token: new Secret(TOKEN), ...(isSecure && { ca_file }) });
  return { server, url, ask: () => performCell('%%rest it\nPOST /x\n\ncanary-body', connections) };
}

t.test('which proxy a service is asked through', async (t) => {
  const HTTP_PROXY = 'http://plain.proxy:3128';
  const HTTPS_PROXY = 'https://secure.proxy';
  const both = { HTTP_PROXY, HTTPS_PROXY };
  const ask = (url: string, env: Record<string, string>) => proxyOf(new URL(url), mapOf(env))?.origin;
  t.equal(ask('http://a.example/', both), HTTP_PROXY);
  t.equal(ask('https://a.example/', both), HTTPS_PROXY);
  t.equal(ask('https://a.example/', { HTTP_PROXY }), undefined, 'that one is for http:// alone');
  t.equal(ask('http://a.example/', { HTTP_PROXY, http_proxy: 'http://other.proxy' }), 'http://other.proxy');
  t.equal(ask('http://a.example/', { HTTP_PROXY: 'plain.proxy:3128' }), HTTP_PROXY, 'the scheme left out');
  t.equal(ask('http://a.example/', {}), undefined);
  for (const url of ['http://localhost:9/', 'http://a.localhost/', 'http://127.0.0.9/', 'http://[::1]:9/']) {
    t.equal(ask(url, both), undefined, `${url} is this machine`);
  }
  for (const text of ['socks5://me:canary-password@a', 'http://me:canary-password@', 'ftp://canary-password'])
    t.throws(() => ask('http://a.example/', { HTTP_PROXY: text }), {
      name: 'CellError',
      message: "HTTP_PROXY in the gateway's environment has to be an http:// or https:// URL.",
    });
});

t.test('NO_PROXY: names, what is below them, ports, addresses and networks', async (t) => {
  const covered: readonly (readonly [NO_PROXY: string, host: string])[] = [
    ['*', 'a.example'],
    ['a.example', 'a.example'],
    ['A.Example', 'a.example'],
    ['x, example  y', 'a.example'],
    ['.example', 'a.example'],
    ['*.example', 'a.b.example'],
    ['a.example:80', 'a.example'],
    ['a.example:8080', 'a.example:8080'],
    ['10.1.2.3', '10.1.2.3'],
    ['10.0.0.0/8', '10.1.2.3:99'],
    ['10.1.2.3:99', '10.1.2.3:99'],
    ['fd00::/8', '[fd00::7]'],
    ['[fd00::7]:81', '[fd00::7]:81'],
    ['fd00::7', '[fd00::7]'],
  ];
  const uncovered: typeof covered = [
    ['', 'a.example'],
    ['xample', 'a.example'],
    ['b.example', 'a.example'],
    ['a.example:81', 'a.example'],
    ['a.example.', 'a.example'],
    ['10.0.0.0/8', '11.1.2.3'],
    ['10.0.0.0/99', '10.1.2.3'],
    ['10.1.2.3:98', '10.1.2.3:99'],
    ['1.2.3', '10.1.2.3'],
    ['fd00::7', '[fd00::8]'],
    ['10.0.0.0/8', '10.evil.example'],
  ];
  const HTTP_PROXY = 'http://plain.proxy';
  const ask = (host: string, NO_PROXY: string) =>
    proxyOf(new URL(`http://${host}/`), mapOf({ HTTP_PROXY, NO_PROXY }));
  for (const [entry, host] of covered) t.equal(ask(host, entry), undefined, `${entry} covers ${host}`);
  for (const [entry, host] of uncovered) t.not(ask(host, entry), undefined, `${entry} leaves out ${host}`);
});

t.test('an https service is asked through a tunnel, and the proxy sees nothing of it', async (t) => {
  const proxy = await startForwardProxy(t);
  environment(t, { HTTPS_PROXY: `http://me:pa%20ss@${proxy.host}` });
  const { server, ask } = await startService(t, true);
  t.equal((await ask()).error, '');
  t.match(server.last, {
    url: '/base/x',
    headers: { authorization: `Bearer ${TOKEN}` },
    body: 'canary-body',
  });
  t.notOk('proxy-authorization' in server.last.headers, 'the proxy’s login is the proxy’s');
  t.same(proxy.asked, [`CONNECT service.test:${server.port}`]);
  t.equal(proxy.login, `Basic ${Buffer.from('me:pa ss').toString('base64')}`);
  t.match(proxy.seen(), 'CONNECT', 'the test sees what the proxy sees');
  t.notMatch(proxy.seen(), /canary|Bearer|\/base/, 'S10');
  await ask();
  t.equal(proxy.asked.length, 1, 'the tunnel is used again');
});

t.test('a client certificate goes through the tunnel, to the service alone', async (t) => {
  const proxy = await startForwardProxy(t);
  environment(t, { HTTPS_PROXY: `http://${proxy.host}` });
  const secured = { ...authority.issue(['service.test']), requestCert: true, ca: authority.cert };
  const server = await startRestServer(t, {}, secured);
  const us = authority.issue(['spin'], { kind: 'client' });
  const folder = t.testdir({ 'ca.pem': authority.cert, 'us.pem': us.cert + us.key });
  const ask = async (files: object) => {
    const url = `https://service.test:${server.port}`;
    const connections = oneConnection('rest', { url, ca_file: join(folder, 'ca.pem'), ...files });
    return (await performCell('%%rest it\nPOST /', connections)).error;
  };
  t.not(await ask({}), '');
  t.equal(server.asked.length, 0);
  t.equal(await ask({ cert_file: join(folder, 'us.pem') }), '');
  t.equal(server.asked.length, 1);
});

t.test('S10: a proxy that stands in for an https service gets no credential', async (t) => {
  const other = await startRestServer(t, {}, createAuthority('Proxy').issue(['service.test']));
  const misnamed = await startRestServer(t, {}, authority.issue(['other.test']));
  const { server, ask } = await startService(t, true);
  let port = other.port;
  const proxy = await startForwardProxy(t, { divert: () => port });
  environment(t, { HTTPS_PROXY: `http://${proxy.host}` });
  t.match(
    (await ask()).error,
    /^service\.test:\d+ can't be reached: its certificate is not trusted.*\(TLS\)/,
  );
  port = misnamed.port;
  t.match((await ask()).error, /its certificate is for another name \(TLS\)/);
  t.same([other.asked, misnamed.asked, server.asked], [[], [], []]);
  t.equal(proxy.asked.length, 2);
  t.notMatch(proxy.seen(), 'canary');
});

t.test('an http service is asked by its full URL', async (t) => {
  const proxy = await startForwardProxy(t);
  environment(t, { HTTP_PROXY: `http://me:pass@${proxy.host}` });
  const { server, url, ask } = await startService(t, false);
  t.equal((await ask()).error, '');
  t.match(server.last, { method: 'POST', url: '/base/x', body: 'canary-body' });
  t.match(server.last.headers, { host: `service.test:${server.port}`, authorization: `Bearer ${TOKEN}` });
  t.same(proxy.asked, [`POST ${url}/x`]);
  t.equal(proxy.login, `Basic ${Buffer.from('me:pass').toString('base64')}`);
});

t.test('a service that NO_PROXY names is asked directly', async (t) => {
  const proxy = await startForwardProxy(t);
  const HTTPS_PROXY = `http://${proxy.host}`;
  environment(t, { HTTPS_PROXY, NO_PROXY: 'service.test' });
  const { ask } = await startService(t, true);
  t.match((await ask()).error, /its name is not known \(DNS\)/, 'by the gateway itself');
  t.same(proxy.asked, []);
});

t.test('a proxy that is down, refuses, or wants a login is told from the service', async (t) => {
  let status: number | undefined;
  const proxy = await startForwardProxy(t, { status: () => status });
  const url = `http://me:canary-password@${proxy.host}`;
  environment(t, { HTTPS_PROXY: url, HTTP_PROXY: url });
  const secure = await startService(t, true);
  const plain = await startService(t, false);
  status = 403;
  t.match(
    (await secure.ask()).error,
    /^The proxy 127\.0\.0\.1:\d+ refused the connection to service\.test:\d+ \(HTTP 403 Forbidden\)\. Does the proxy allow that host/,
  );
  status = 407;
  for (const { ask } of [secure, plain])
    t.match((await ask()).error, /^The proxy [\d.:]+ refused the connection.*407.*requires a login/);
  t.same([...secure.server.asked, ...plain.server.asked], []);

  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY'])
    gatewayEnvironment.set(name, new Secret(`http://me:canary-password@127.0.0.1:${port}`));
  for (const { ask } of [secure, plain]) {
    const { error } = await ask();
    t.match(
      error,
      /^The proxy 127\.0\.0\.1:\d+, which leads to service\.test:\d+, can't be reached: nothing/,
    );
    t.notMatch(error, 'canary');
  }
});
