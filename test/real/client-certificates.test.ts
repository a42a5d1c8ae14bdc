import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createAuthority } from '../support/authority.js';
import { oneConnection, performCell } from '../support/brokered.js';

t.test('OpenSSL’s own server says what it thinks of a client certificate', async (t) => {
  const servers = createAuthority('Servers');
  const clients = createAuthority('Clients');
  const folder = t.testdir();
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const server = servers.issue(['localhost']);
  const us = clients.issue(['spin'], { kind: 'client' });
  const strangers = servers.issue(['spin'], { kind: 'client' });
  const certificate = file('server.pem', server.cert + server.key);
  const authority = file('clients.pem', clients.cert);
  const args = `s_server -accept 127.0.0.1:0 -cert ${certificate} -CAfile ${authority} -Verify 1 -verify_return_error -www`;
  const process = spawn('openssl', args.split(' '), { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => process.kill('SIGKILL'));
  let said = '';
  process.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  while (!/ACCEPT [\d.]+:(\d+)/.test(said)) await once(process.stdout, 'data');
  const port = Number(/ACCEPT [\d.]+:(\d+)/.exec(said)?.[1]);

  const ca_file = file('servers.pem', servers.cert);
  const ask = async (files: object) => {
    const connections = oneConnection('rest', { url: `https://localhost:${port}/`, ca_file, ...files });
    return (await performCell('%%rest it\nGET /', connections)).error;
  };
  t.match(await ask({}), /it requires a client certificate: set cert_file and key_file \(TLS\)\.$/);
  const cert_file = file('strangers.pem', strangers.cert + strangers.key);
  t.match(await ask({ cert_file }), /it does not accept the connection's client certificate \(TLS\)\.$/);
  t.equal(await ask({ cert_file: file('us.pem', us.cert + us.key) }), '');
});
