import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import t, { type Test } from 'tap';
import { isLinkLocal } from '../../processors/core/link-local.js';
import { Secret } from '../../processors/core/secret.js';
import { startRestServer } from '../processors/rest-server.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { startForwardProxy } from '../support/forward-proxy.js';

/** What the resolver says of `.test` names, until the test ends. */
function resolving(t: Test, addresses: readonly string[]): void {
  const { lookup } = dns;
  const answer = (
    hostname: string,
    options: dns.LookupAllOptions,
    callback: (...args: unknown[]) => void,
  ) => {
    if (!hostname.endsWith('.test')) return void lookup(hostname, options, callback);
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    process.nextTick(callback, null, found);
  };
  Object.assign(dns, { lookup: answer });
  syncBuiltinESMExports();
  t.teardown(() => {
    Object.assign(dns, { lookup });
    syncBuiltinESMExports();
  });
}

const token = new Secret('canary-token');
const REFUSED = /resolves to a link-local address/;

t.test('S12: a name that leads to a link-local or metadata address is refused', async (t) => {
  for (const addresses of [
    ['169.254.169.254'],
    ['fe80::1'],
    ['fd00:ec2::254'],
    ['::ffff:169.254.169.254'],
    ['127.0.0.1', '169.254.169.254'],
    ['fd20:ce::254'],
    ['100.100.100.200'],
    ['64:ff9b::a9fe:a9fe'],
  ]) {
    await t.test(addresses.join(), async (t) => {
      resolving(t, addresses);
      const rest = oneConnection('rest', { url: 'http://service.test:9/', token });
      t.match((await performCell('%%rest it\nGET /', rest)).error, REFUSED);
      for (const driver of ['postgres', 'mysql']) {
        const database = oneConnection('sql', { driver, host: 'service.test', ssl_mode: 'disable' });
        t.match((await performCell('%%sql it\nSELECT 1', database)).error, REFUSED, driver);
      }
    });
  }
});

t.test('X17: the metadata addresses of all large providers, however they are written', async (t) => {
  const metadata = {
    'AWS, Azure, Google, OpenStack': ['169.254.169.254', '169.254.170.2', 'fe80::a9fe:a9fe%eth0'],
    'AWS over IPv6, and its pods': ['fd00:ec2::254', 'fd00:ec2::23', 'fd00:0ec2:0:0:0:0:0:0254'],
    Google: ['fd20:ce::254'],
    Azure: ['168.63.129.16'],
    Alibaba: ['100.100.100.200'],
    Oracle: ['192.0.0.192', 'fd00:c1::a9fe:a9fe'],
    'Scaleway and Akamai': ['fd00:42::42', 'fd00:a9fe:a9fe::1'],
    'mapped, compatible, translated': [
      '::ffff:a9fe:a9fe',
      '::ffff:169.254.169.254',
      '::a9fe:a9fe',
      '::ffff:0:a9fe:a9fe',
    ],
    'mapped of others': ['::ffff:100.100.100.200', '::ffff:c000:c0', '64:ff9b::a83f:8110'],
    NAT64: ['64:ff9b::a9fe:a9fe', '64:ff9b::169.254.169.254', '64:ff9b:1::a9fe:a9fe'],
    'NAT64 with a shorter prefix': ['64:ff9b:1:a9fe:a9:fe00::', '64:ff9b:1:fffe:a9:fea9:fe00:0'],
    '6to4, Teredo, ISATAP': [
      '2002:a9fe:a9fe::1',
      '2001:0:1:2:3:4:5601:5601',
      '2001:db8::5efe:169.254.169.254',
    ],
  };
  for (const [whose, addresses] of Object.entries(metadata))
    for (const address of addresses) t.ok(isLinkLocal(address), `${whose}: ${address}`);
  const others =
    '100.100.100.201 192.0.0.193 168.63.129.17 10.0.0.1 127.0.0.1 ::1 :: fd20:ce::253 fd00::1 2002:a00:1::1 64:ff9b::a00:1 ::ffff:10.0.0.1 2001:db8::a9fe:a9fe 2606:4700::6810:84e5';
  for (const address of others.split(' ')) t.notOk(isLinkLocal(address), address);
});

t.test('S12: the same name is asked where it leads elsewhere', async (t) => {
  const server = await startRestServer(t);
  resolving(t, ['127.0.0.1']);
  const url = `http://service.test:${server.port}/`;
  t.equal((await performCell('%%rest it\nGET /', oneConnection('rest', { url, token }))).error, '');
  t.equal(server.asked.length, 1);
});

t.test('S12: a proxy takes nothing of that away where the gateway resolves', async (t) => {
  const proxy = await startForwardProxy(t);
  const names = { HTTP_PROXY: `http://${proxy.host}`, NO_PROXY: 'service.test' };
  Object.assign(process.env, names);
  t.teardown(() => {
    for (const name of Object.keys(names)) delete process.env[name];
  });
  resolving(t, ['169.254.169.254']);
  const rest = oneConnection('rest', { url: 'http://service.test:9/', token });
  t.match((await performCell('%%rest it\nGET /', rest)).error, REFUSED);
  t.same(proxy.asked, []);
});
