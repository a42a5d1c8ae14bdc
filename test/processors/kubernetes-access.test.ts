import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { accessOf } from '../../processors/kubernetes/access.js';
import { kubernetesSettings } from '../../processors/kubernetes/settings.js';
import { createAuthority } from '../support/authority.js';
import { environment, oneConnection, performCell, resources } from '../support/brokered.js';
import { startForwardProxy } from '../support/forward-proxy.js';
import { json, startApi, table } from './kubernetes-api.js';
import { startRestServer } from './rest-server.js';

t.setTimeout(60_000);
t.teardown(() => resources.close());

const PODS = '/api/v1/namespaces/team/pods';
const folder = t.testdir();
const file = (name: string, content: string | object) => {
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return join(folder, name);
};
/** JSON is YAML. */
const kubeconfig = (server: string, user: object, cluster: object = {}) => ({
  kind: 'Config',
  'current-context': 'one',
  contexts: [{ name: 'one', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
  clusters: [{ name: 'c', cluster: { server, ...cluster } }],
  users: [{ name: 'u', user }],
});
const run = (settings: object) =>
  performCell('%%kubernetes\nget pods', oneConnection('kubernetes', settings));

t.test('a connection names one server, and one way to prove who asks', async (t) => {
  const url = 'https://kubernetes.example.com';
  const token = new Secret('x');
  const fields = (settings: object) =>
    kubernetesSettings
      .safeParse(settings)
      .error?.issues.map(({ path }) => path.join('.'))
      .join();
  for (const right of [{ url }, { url, token }, { kubeconfig: '/k', context: 'a' }, { in_cluster: true }])
    t.equal(fields(right), undefined, Object.keys(right).join());
  t.equal(kubernetesSettings.parse({ url }).read_only, true);
  t.equal(fields({}), 'url');
  t.equal(fields({ url, kubeconfig: '/k' }), 'url');
  t.equal(fields({ url, token, token_file: '/t' }), 'token_file');
  t.equal(fields({ url, password: token }), 'username');
  t.equal(fields({ url, context: 'a' }), 'context');
  t.equal(fields({ url, allow_exec: 'aws' }), 'allow_exec');
  t.equal(fields({ url, token: 'written out' }), 'token');
  t.equal(fields({ url, namespace: '../x' }), 'namespace');
});

t.test('a token file is read again for each request, and its token hidden', async (t) => {
  const api = await startApi(t, {
    [PODS]: (response, asked) => json(table([String(asked.headers.authorization), 'b']))(response, asked),
  });
  const settings = { url: api.origin, namespace: 'team', token_file: file('token', 'canary-one\n') };
  t.match((await run(settings)).text, /"Bearer \*\*\*"/);
  t.equal(api.last.headers.authorization, 'Bearer canary-one');
  file('token', 'canary-two\n');
  t.notMatch((await run(settings)).text, /canary/);
  t.equal(api.last.headers.authorization, 'Bearer canary-two');
  t.match(
    (await run({ ...settings, token_file: '/no/such/file' })).error,
    /can't read the connection's token_file/,
  );
});

t.test('a pod uses the token, authority and namespace of its service account', async (t) => {
  const settings = kubernetesSettings.parse({ in_cluster: true, namespace: 'x', token: new Secret('t') });
  const { place } = await accessOf(settings, AbortSignal.timeout(5_000), resources, () => {});
  const account = '/var/run/secrets/kubernetes.io/serviceaccount';
  t.match(place, { url: 'https://kubernetes.default.svc', ca_file: `${account}/ca.crt` });
  const bare = await run({ in_cluster: true });
  t.match(bare.error, /can't read the connection's token_file/, 'it is no pod here');
});

t.test('a kubeconfig: token, namespace, impersonation, proxy', async (t) => {
  const api = await startApi(t, { [PODS]: json(table(['a'])) });
  const proxy = await startForwardProxy(t);
  const user = { token: 'canary-of-the-file', as: 'vera' };
  const server = api.origin.replace('127.0.0.1', 'kubernetes.test');
  const path = file('config', kubeconfig(server, user, { 'proxy-url': `http://${proxy.host}` }));
  const { error } = await run({ kubeconfig: path });
  t.equal(error, '');
  t.match(api.last.headers, { authorization: 'Bearer canary-of-the-file', 'impersonate-user': 'vera' });
  t.match(proxy.asked.join(), /kubernetes\.test/);
});

t.test('a kubeconfig: its authority and client certificate', async (t) => {
  const servers = createAuthority('Servers');
  const clients = createAuthority('Clients');
  const us = clients.issue(['vera'], { kind: 'client' });
  const server = await startRestServer(
    t,
    { '/api': json({ kind: 'Status', message: 'reached' }, 500) },
    { ...servers.issue(['localhost']), ca: clients.cert, requestCert: true },
  );
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const user = { 'client-certificate-data': base64(us.cert), 'client-key-data': base64(us.key) };
  const cluster = { 'certificate-authority-data': base64(servers.cert) };
  const reached = /HTTP 500 Internal Server Error: reached/;
  t.match((await run({ kubeconfig: file('tls', kubeconfig(server.origin, user, cluster)) })).error, reached);
  t.match(
    (await run({ kubeconfig: file('no-ca', kubeconfig(server.origin, user)) })).error,
    /its certificate is not trusted/,
  );
  file('ca.pem', servers.cert);
  t.match(
    (
      await run({
        kubeconfig: file('file', kubeconfig(server.origin, user, { 'certificate-authority': 'ca.pem' })),
      })
    ).error,
    reached,
    'a path is relative to the kubeconfig',
  );
  const named = { ...cluster, 'tls-server-name': 'other.example.com' };
  t.match(
    (await run({ kubeconfig: file('name', kubeconfig(server.origin, user, named)) })).error,
    /another name/,
  );
  const unverified = file(
    'unverified',
    kubeconfig(server.origin, user, { 'insecure-skip-tls-verify': true }),
  );
  t.match((await run({ kubeconfig: unverified })).error, /always verifies certificates.*ca_file/);
  t.match((await run({ kubeconfig: unverified, ca_file: join(folder, 'ca.pem') })).error, reached);
  const mixed = { ...user, 'client-key-data': base64(clients.issue(['x'], { kind: 'client' }).key) };
  t.match(
    (await run({ kubeconfig: file('mixed', kubeconfig(server.origin, mixed, cluster)) })).error,
    /kubeconfig's client-key does not belong to its cert/,
  );
});

t.test('what a kubeconfig lacks, or the gateway does not do, is said without its contents', async (t) => {
  const url = 'https://kubernetes.example.com';
  const said = async (config: object | string, more: object = {}) =>
    (await run({ kubeconfig: file('wrong', config), ...more })).error;
  t.match(await said('a: [b'), /is not YAML/);
  t.match(await said({}), /no current-context/);
  t.match(await said(kubeconfig(url, {}), { context: 'two' }), /no context “two”. Its contexts: one\./);
  t.match(await said(kubeconfig('ftp://x', {})), /server has to be an http/);
  t.match(await said(kubeconfig(url, { 'auth-provider': {} })), /auth-provider/);
  t.match(await said(kubeconfig(url, { as: 'a', 'as-groups': ['b'] })), /sets as-groups/);
});

t.test('a program issues the credential only where the connection allows it by name', async (t) => {
  const api = await startApi(t, { [PODS]: json(table(['a'])) });
  const program = file(
    'issue',
    `#!/bin/sh
echo "$SPIN_TOKEN|$1|$REGION" > "${folder}/ran"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"canary-issued"}}'
`,
  );
  chmodSync(program, 0o755);
  environment.set('PATH', new Secret(process.env.PATH ?? ''));
  environment.set('SPIN_TOKEN', new Secret('canary-of-the-gateway'));
  const exec = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: program,
    args: ['; touch x'],
    env: [{ name: 'REGION', value: 'eu' }],
  };
  const path = file('exec', kubeconfig(api.origin, { exec }));
  const refused = await run({ kubeconfig: path });
  t.match(
    refused.error,
    new RegExp(`starts only when the connection allows it by name: set allow_exec: ${program}`),
  );
  t.match((await run({ kubeconfig: path, allow_exec: 'issue' })).error, /allows it by name/);
  t.same(api.asked, []);
  t.equal((await run({ kubeconfig: path, allow_exec: program })).error, '');
  t.equal(api.last.headers.authorization, 'Bearer canary-issued');
  t.equal(readFileSync(join(folder, 'ran'), 'utf8'), '|; touch x|eu\n', 'without the gateway’s environment');
});
