import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import t, { type Test } from 'tap';
import { Secret } from '../../processors/secret.js';
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
const REFUSED = /leads to a link-local address/;

t.test('S12: a name that leads to a link-local or metadata address is refused', async (t) => {
  for (const addresses of [
    ['169.254.169.254'],
    ['fe80::1'],
    ['fd00:ec2::254'],
    ['::ffff:169.254.169.254'],
    ['127.0.0.1', '169.254.169.254'],
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
