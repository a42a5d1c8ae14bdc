import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mock } from 'node:test';
import t from 'tap';
import type { Agent } from 'undici';
import { Secret } from '../../processors/core/secret.js';
import { Dispatchers } from '../../processors/http/dispatcher.js';
import { NoAnswer } from '../../processors/http/no-answer.js';
import { createAuthority } from '../support/authority.js';
import { oneConnection, performCell } from '../support/brokered.js';
import { type Answer, startRestServer } from './rest-server.js';

const servers = createAuthority('Servers');
const clients = createAuthority('Clients');
const others = createAuthority('Others');
const us = clients.issue(['spin'], { kind: 'client' });
const renewed = clients.issue(['spin'], { kind: 'client' });
const strangers = others.issue(['spin'], { kind: 'client' });
const late = clients.issue(['spin'], { kind: 'client', days: -1 });
const encrypted = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
}).privateKey;

const folder = t.testdir();
const path = (name: string) => join(folder, name);
for (const [name, content] of Object.entries({
  'servers.pem': servers.cert,
  'others.pem': others.cert,
  'bundle.pem': others.cert + servers.cert,
  'us.crt': us.cert,
  'us.key': us.key,
  'us.pem': us.cert + us.key,
  'strangers.pem': strangers.cert + strangers.key,
  'late.pem': late.cert + late.key,
  'encrypted.key': encrypted,
  'no.pem': 'no PEM at all',
})) {
  writeFileSync(path(name), content);
}

type Files = Partial<Record<'ca_file' | 'cert_file' | 'key_file', string>>;

/** The sentence that a cell fails with, empty when it doesn't. */
async function ask(port: number, files: Files, host = 'localhost'): Promise<string> {
  const paths = Object.fromEntries(Object.entries(files).map(([setting, name]) => [setting, path(name)]));
  const url = `https://${host}:${port}/`;
  const connections = oneConnection('rest', { url, token: new Secret('canary-token'), ...paths });
  return (await performCell('%%rest it\nGET /', connections)).error;
}

t.test('a service’s certificate is verified by the connection’s own CA', async (t) => {
  const start = (names: string[], days?: number) =>
    startRestServer(t, {}, servers.issue(names, days === undefined ? {} : { days }));
  const server = await start(['localhost']);
  const wrong: readonly (readonly [number, Files, RegExp])[] = [
    [server.port, {}, /certificate is not trusted: set ca_file to its CA \(TLS\)\.$/],
    [server.port, { ca_file: 'others.pem' }, /certificate is not trusted: set ca_file to its CA \(TLS\)\.$/],
    [server.port, { ca_file: 'no.pem' }, /^The connection's ca_file contains no certificate \(PEM\)\.$/],
    [server.port, { ca_file: 'gone.pem' }, /^The gateway can't read the connection's ca_file\.$/],
    [(await start(['other.test'])).port, { ca_file: 'servers.pem' }, /is for another name \(TLS\)\.$/],
    [(await start(['localhost'], -1)).port, { ca_file: 'servers.pem' }, /has expired \(TLS\)\.$/],
  ];
  for (const [port, files, sentence] of wrong) t.match(await ask(port, files), sentence);
  t.equal(server.asked.length, 0, 'no credential was sent');
  t.equal(await ask(server.port, { ca_file: 'servers.pem' }), '');
  t.equal(await ask(server.port, { ca_file: 'bundle.pem' }), '', 'a file may hold several');
  t.equal(server.asked.length, 2);
});

t.test('a server that wants a client certificate', async (t) => {
  const pair = servers.issue(['localhost']);
  const secured = { ...pair, requestCert: true, ca: clients.cert };
  const server = await startRestServer(t, {}, secured);
  const old = await startRestServer(t, {}, { ...secured, maxVersion: 'TLSv1.2' });
  const ca_file = 'servers.pem';

  t.match(
    await ask(server.port, { ca_file }),
    /it requires a client certificate: set cert_file and key_file \(TLS\)\.$/,
  );
  t.match(await ask(old.port, { ca_file }), /it may require a client certificate \(cert_file\).*\(TLS\)\.$/);
  // This server gives no reason.
  t.match(
    await ask(server.port, { ca_file, cert_file: 'strangers.pem' }),
    /it closed the connection: is the port right, and does it require TLS\?$/,
  );
  const wrong: readonly (readonly [Files, RegExp])[] = [
    [{ cert_file: 'late.pem' }, /^The certificate in the connection's cert_file has expired: .+\.$/],
    [
      { cert_file: 'us.crt', key_file: 'strangers.pem' },
      /^The connection's key_file does not belong to its cert_file\.$/,
    ],
    [
      { cert_file: 'us.crt' },
      /^The connection's cert_file \(or a key_file beside it\) contains no private key/,
    ],
    [
      { cert_file: 'us.crt', key_file: 'encrypted.key' },
      /^The connection's key_file contains no private key .* without a passphrase\.$/,
    ],
    [
      { cert_file: 'no.pem', key_file: 'us.key' },
      /^The connection's cert_file contains no certificate \(PEM\)\.$/,
    ],
    [{ key_file: 'us.key' }, /^The connection has a key_file but no cert_file\. Set both\.$/],
    [{ cert_file: 'us.crt', key_file: 'gone.key' }, /^The gateway can't read the connection's key_file\.$/],
  ];
  for (const [files, sentence] of wrong) t.match(await ask(server.port, { ca_file, ...files }), sentence);
  t.same([server.asked, old.asked], [[], []], 'none of them was asked anything');

  for (const { port } of [server, old]) {
    t.equal(await ask(port, { ca_file, cert_file: 'us.crt', key_file: 'us.key' }), '');
    t.equal(await ask(port, { ca_file, cert_file: 'us.pem' }), '', 'certificate and key in one file');
  }
  t.match(
    await ask(server.port, { ca_file }),
    /it requires a client certificate/,
    'identities share no connection',
  );
  t.equal(server.asked.length, 2);
});

t.test('files that are replaced count from the next request on', async (t) => {
  const server = await startRestServer(t, {}, servers.issue(['localhost']));
  writeFileSync(path('rotated.pem'), others.cert);
  t.match(await ask(server.port, { ca_file: 'rotated.pem' }), /not trusted/);
  writeFileSync(path('rotated.pem'), servers.cert);
  t.equal(await ask(server.port, { ca_file: 'rotated.pem' }), '');
  writeFileSync(path('rotated.pem'), others.cert);
  t.match(
    await ask(server.port, { ca_file: 'rotated.pem' }),
    /not trusted/,
    'also over a connection that is open',
  );
});

t.test(
  'a client certificate that was replaced, and its key, are kept no longer than a request needs them',
  async (t) => {
    const dispatchers = new Dispatchers(new Map());
    t.teardown(() => dispatchers.close());
    const now = (files: Files) => {
      const paths = Object.fromEntries(Object.entries(files).map(([setting, name]) => [setting, path(name)]));
      return dispatchers.for({ url: 'https://localhost/', ...paths }).dispatcher as Agent;
    };
    copyFileSync(path('us.pem'), path('ours.pem'));
    const first = now({ cert_file: 'ours.pem' });
    t.equal(now({ cert_file: 'ours.pem' }), first);
    t.not(now({ cert_file: 'us.pem' }), first);
    copyFileSync(path('strangers.pem'), path('ours.pem'));
    const second = now({ cert_file: 'ours.pem' });
    t.not(second, first);
    t.same([first.closed, second.closed], [true, false]);

    const ends: Promise<unknown>[] = [];
    const answer: Answer = (response) => {
      if (response.socket !== null) ends.push(once(response.socket, 'close'));
      response.end();
    };
    const tls = { ...servers.issue(['localhost']), requestCert: true, ca: clients.cert };
    const server = await startRestServer(t, { '/': answer }, tls);
    copyFileSync(path('us.pem'), path('ours.pem'));
    const files = { ca_file: 'servers.pem', cert_file: 'ours.pem' };
    t.equal(await ask(server.port, files), '');
    writeFileSync(path('ours.pem'), renewed.cert + renewed.key);
    t.equal(await ask(server.port, files), '');
    t.equal(server.asked.length, 2);
    await ends[0];
    t.pass('the connection of the old one has ended');
  },
);

t.test('a connection that is not used any more, and those of a gateway that ends, are closed', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const dispatchers = new Dispatchers(new Map());
  const agent = (port: number) =>
    dispatchers.for({ url: `https://localhost:${port}/`, ca_file: path('servers.pem') }).dispatcher as Agent;
  const first = agent(1);
  mock.timers.tick(9 * 60_000);
  t.equal(agent(2), first, 'whichever service it leads to');
  mock.timers.tick(9 * 60_000);
  t.equal(first.closed, false, 'it was used meanwhile');
  mock.timers.tick(60_000);
  t.equal(first.closed, true);
  const second = agent(1);
  dispatchers.close();
  t.equal(second.destroyed, true);
  t.equal(agent(1).closed, true, 'nothing is kept open from then on');
});

t.test('what a server says against a client certificate', async (t) => {
  const says = (code: string) => new NoAnswer('a.test', Object.assign(new Error(''), { code })).message;
  for (const alert of [
    'TLSV1_ALERT_UNKNOWN_CA',
    'SSLV3_ALERT_BAD_CERTIFICATE',
    'SSL/TLS_ALERT_CERTIFICATE_EXPIRED',
  ])
    t.match(says(`ERR_SSL_${alert}`), /does not accept the connection's client certificate \(TLS\)/, alert);
  t.match(says('ERR_SSL_WRONG_VERSION_NUMBER'), /does not speak TLS there/);
});
