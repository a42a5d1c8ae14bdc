import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { loadConfig } from '../../gateway/config/load.js';
import type { Config } from '../../gateway/config.js';
import { checkCertificate } from '../../gateway/doctor/certificate.js';
import { checkExposure } from '../../gateway/doctor/exposure.js';
import { checkPermissions } from '../../gateway/doctor/files.js';
import type { Finding } from '../../gateway/doctor/finding.js';
import { checkClock, checkDisk, checkNode } from '../../gateway/doctor/machine.js';
import { checkCompanions } from '../../gateway/doctor/neighbours.js';
import { printFindingsTable } from '../../gateway/doctor/table.js';
import { checkUpstream } from '../../gateway/doctor/upstream-check.js';
import { homeAt } from '../../gateway/home.js';
import { writeState } from '../../gateway/state.js';
import { createAuthority } from '../support/authority.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { jupyterEnvironment, startStockJupyter } from '../support/jupyter.js';
import { startRun } from '../support/notebooks.js';

t.setTimeout(120_000);

async function configOf(t: Test, env: Readonly<Record<string, string>> = {}): Promise<Config> {
  const SPIN_HOME = env.SPIN_HOME ?? t.testdir({});
  const { config } = await loadConfig({ SPIN_TOKEN: 'a-token-0123456789', ...env, SPIN_HOME });
  return config;
}

const states = (findings: readonly Finding[]) => findings.map(({ subject, state }) => `${subject}: ${state}`);

t.test('A6: all findings are one table, a hint stands once, and the last line counts', async (t) => {
  const see = 'See its entry.';
  const text = printFindingsTable([
    { state: 'ok', subject: 'Node.js', says: '24.1.0' },
    { state: 'failed', subject: 'connection a-long-name', says: 'No answer.\nNever.', remedy: see },
    { state: 'warning', subject: 'isolation', says: 'One user.', remedy: 'Two.' },
    { state: 'failed', subject: 'connection b', says: 'v\x1b[2J', remedy: see },
  ]);
  t.equal(
    text,
    [
      'ok       Node.js                 24.1.0',
      'failed   connection a-long-name  No answer.',
      '                                 Never.',
      'warning  isolation               One user.',
      '                                 → Two.',
      'failed   connection b            v\\x1b[2J',
      '                                 → See its entry.',
      '',
      '2 failed, 1 warning, 1 ok.',
      '',
    ].join('\n'),
  );
});

t.test('X15: a stranger’s text reaches the terminal as text, wherever it stands in the table', async (t) => {
  const hostile = 'x\x1b[2J\r\u009b\u202e';
  const text = printFindingsTable([
    {
      state: 'failed',
      subject: hostile,
      says: `${hostile}\nok       forged`,
      remedy: `${hostile}\nok       forged`,
    },
  ]);
  t.notMatch(text, /[\x1b\r\u009b\u202e]/);
  t.notMatch(text, /^ok/m, 'no line is another one’s');
});

t.test('the machine', async (t) => {
  t.match(checkNode('20.18.3'), { state: 'failed', remedy: /20\.19/ });
  for (const version of ['20.19.0', '24.1.0']) t.match(checkNode(version), { state: 'ok' }, version);
  t.match(await checkClock(), { state: 'ok' });
  t.match(await checkClock(Date.parse('2020-01-01')), { state: 'failed', remedy: /clock/ });
  t.match(await checkDisk(await configOf(t)), { says: /GB are free/ });
});

t.test('state that others can read, and settings that others can change', async (t) => {
  const config = await configOf(t);
  const home = homeAt(config.home.root);
  await writeState(home.tokenFile, 'secret');
  await mkdir(home.processors, { recursive: true, mode: 0o700 });
  await writeFile(join(home.processors, 'mine.mjs'), '', { mode: 0o600 });
  t.same(states(await checkPermissions(config)), ['state: ok']);
  const inside = join(home.tls, 'ca.pem');
  await writeState(inside, 'in a folder of mode 700');
  await chmod(inside, 0o644);
  t.same(states(await checkPermissions(config)), ['state: ok'], 'nobody gets there');
  await chmod(home.tokenFile, 0o644);
  await chmod(join(home.processors, 'mine.mjs'), 0o666);
  const found = await checkPermissions(config);
  t.same(states(found), ['state: failed', 'settings: failed']);
  t.match(found, [
    { says: home.tokenFile, remedy: `chmod -R go-rwx ${home.tokenFile}` },
    { remedy: /go-w .*mine\.mjs/ },
  ]);
});

t.test('settings whose folder others can write to can be exchanged', async (t) => {
  const folder = t.testdir({ open: { 'c.yaml': '' } });
  const at = join(folder, 'open');
  const config = await configOf(t, { SPIN_HOME: folder, SPIN_CONNECTIONS: join(at, 'c.yaml') });
  t.same(states(await checkPermissions(config)), ['state: ok']);
  await chmod(at, 0o777);
  t.match(await checkPermissions(config), [{}, { state: 'failed', says: at, remedy: `chmod go-w ${at}` }]);
  await chmod(at, 0o1777);
  t.same(states(await checkPermissions(config)), ['state: ok'], 'as /tmp is');
});

t.test('a unix socket', async (t) => {
  // A socket's path has to be short.
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'file'), '');
  const look = async (path: string) => {
    const config = await configOf(t, { SPIN_HOST: `unix:${path}` });
    return (await checkExposure(config, new URL('http://localhost')))[0];
  };
  const socket = join(folder, 's');
  t.match(await look(socket), { state: 'ok', says: `unix:${socket}` });
  t.match(await look(join(folder, 'file')), { state: 'failed', says: /not a socket/, remedy: /SPIN_HOST/ });
  t.match(await look(join(folder, 'none', 's')), { state: 'failed', says: /ENOENT/, remedy: /SPIN_HOST/ });
  const gateway = await startTestGateway({
    listen: { kind: 'unix', path: socket },
    upstream: { kind: 'http', url: new URL('http://127.0.0.1:9'), token: undefined, ca: undefined },
  });
  t.teardown(() => gateway.close());
  t.match(await look(socket), { state: 'failed', says: /A gateway answers .* no Jupyter/ });
});

t.test(
  'S18: names below var/ are anybody’s who runs code as that user: none is followed, or a command',
  async (t) => {
    const config = await configOf(t);
    const { home } = config;
    const folder = t.testdirName;
    await mkdir(join(folder, 'elsewhere'));
    await writeFile(join(folder, 'elsewhere', 'open'), '');
    await writeState(home.tokenFile, 'secret');
    await symlink(join(folder, 'elsewhere'), join(home.var, 'link'));
    await mkdir(join(home.var, 'around'), { mode: 0o700 });
    for (const name of ['a', 'b']) await symlink('.', join(home.var, 'around', name));
    t.same(states(await checkPermissions(config)), ['state: ok']);

    const names = ['$(touch pasted)', '`touch pasted`; touch pasted', "it's \u001b[2J\n\\ é"];
    for (const name of names) {
      await writeFile(join(home.var, name), '');
      await chmod(join(home.var, name), 0o644);
    }
    const [found] = await checkPermissions(config);
    if (found?.state !== 'failed') throw new Error('nothing was found');
    t.match(found, { says: /^[\x20-\x7e]+$/, remedy: /^[\x20-\x7e]+$/ });
    await promisify(execFile)('bash', ['-c', found.remedy], { cwd: folder });
    t.same(states(await checkPermissions(config)), ['state: ok']);
    t.notOk((await readdir(folder)).includes('pasted'));
  },
);

t.test('looking makes and changes nothing', async (t) => {
  const folder = t.testdir({});
  const env = { SPIN_HOME: join(folder, 'not', 'there'), SPIN_JUPYTER: await jupyterEnvironment() };
  for (const command of [['doctor'], ['connections', 'list'], ['cert', 'ca']]) {
    const { stderr } = await startRun(command, { ...env, SPIN_PORT: '0' }).ended;
    t.notMatch(stderr, /Error/, stderr);
    t.same(await readdir(folder), [], command.join(' '));
  }
  await loadConfig(env);
  const { tokenFile } = homeAt(env.SPIN_HOME);
  await chmod(tokenFile, 0o644);
  const { status, stdout } = await startRun(['doctor'], { ...env, SPIN_PORT: '0' }).ended;
  t.equal(status, 69);
  t.match(stdout, `Others can read ${tokenFile}`);
  t.equal((await stat(tokenFile)).mode & 0o777, 0o644);
});

t.test('certificates', async (t) => {
  const folder = t.testdir({});
  const authority = createAuthority();
  const pair = authority.issue(['a.example.com']);
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await writeFile(key, pair.key, { mode: 0o600 });
  const look = async (pem: string, env: Readonly<Record<string, string>>, now = Date.now()) => {
    await writeFile(cert, pem);
    const { config } = await loadConfig({
      SPIN_HOME: folder,
      SPIN_TLS_CERT: cert,
      SPIN_TLS_KEY: key,
      ...env,
    });
    return checkCertificate(config, now);
  };
  const right = { SPIN_PUBLIC_URL: 'https://a.example.com' };
  await writeFile(key, authority.issue(['a.example.com']).key, { mode: 0o600 });
  t.match(await look(pair.cert, right), [
    { state: 'ok' },
    { state: 'failed', says: /SPIN_TLS_KEY is not the key/, remedy: /not start/ },
    {},
  ]);
  await writeFile(key, pair.key, { mode: 0o600 });
  const chain = `${pair.cert}${authority.cert}`;
  t.same(states(await look(chain, right)), ['TLS: ok', 'TLS chain: warning']);
  t.match(await look(chain, right), [{}, { says: /private authority/ }]);
  t.match(await look(pair.cert, right), [
    {},
    { says: /not a known public authority/, remedy: /intermediate/ },
  ]);
  t.match(await look(`${pair.cert}${pair.cert}`, right), [{}, { state: 'failed', says: /Certificate 2/ }]);
  t.match(await look(chain, { SPIN_ALLOWED_HOSTS: 'b.example.com, localhost' }), [
    {},
    { subject: 'TLS names', state: 'failed', says: /not for b\.example\.com, but for DNS:a\.example\.com/ },
    {},
  ]);
  const year = 365 * 24 * 60 * 60_000;
  t.match(await look(chain, right, Date.now() + 20 * year), [{ state: 'failed', says: /expired/ }, {}]);
  t.match(await look(chain, right, Date.now() - 20 * year), [{ state: 'failed', says: /before/ }, {}]);
  t.match(await checkCertificate(await configOf(t)), [{ state: 'ok', says: /first start creates .* local/ }]);
  t.match(await checkCertificate(await configOf(t, { SPIN_TLS: 'off' })), [{ state: 'ok', says: /off/ }]);
});

t.test('an authority that is asked for certificates', async (t) => {
  const answers = new Map<string, string>([['/dir', '{"newOrder": "https://localhost/order"}']]);
  const authority = createAuthority();
  const server = createTlsServer(authority.issue(['localhost']), (req, res) => {
    const body = answers.get(req.url ?? '');
    res.writeHead(body === undefined ? 404 : 200).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const home = t.testdir({});
  const ca = join(home, 'ca.pem');
  await writeFile(ca, authority.cert);
  const { port } = server.address() as AddressInfo;
  const look = async (url: string, more: Readonly<Record<string, string>> = { SPIN_ACME_CA: ca }) =>
    checkCertificate(
      await configOf(t, {
        SPIN_HOME: home,
        SPIN_ACME: url,
        SPIN_ACME_TERMS: 'agreed',
        SPIN_PUBLIC_URL: 'https://a.example.com',
        ...more,
      }),
    );
  const at = `https://localhost:${port}`;
  t.match(await look(`${at}/dir`), [{ state: 'ok', says: /^localhost:\d+ answers/ }]);
  t.match(await look(`${at}/other`), [{ state: 'failed', says: /\(404\) is not an ACME directory/ }]);
  t.match(await look(`${at}/dir`, {}), [{ state: 'failed', says: /SPIN_ACME_CA/, remedy: /SPIN_ACME/ }]);
  t.match(await look('https://localhost:9/dir'), [{ state: 'failed', says: /nothing listens/ }]);
});

t.test('what a gateway shares with others', async (t) => {
  t.same(await checkCompanions(await configOf(t)), []);
  const shared = t.testdir({ shared: {} });
  const config = await configOf(t, {
    SPIN_HOME: shared,
    SPIN_UPSTREAM: 'http://127.0.0.1:9',
    SPIN_PUBLIC_URL: 'https://a.example.com',
    SPIN_SHARED: join(shared, 'shared'),
  });
  t.match(await checkCompanions(config), [{ subject: 'shared', state: 'ok' }]);

  let status = 503;
  const paths: string[] = [];
  const collector = createServer((req, res) => {
    paths.push(`${req.method} ${req.url}`);
    res.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.teardown(() => collector.close());
  // The SDK itself reads them.
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '500';
  t.teardown(() => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
    delete process.env.OTEL_EXPORTER_OTLP_TIMEOUT;
  });
  const look = async () => checkCompanions({ shared: undefined, tracing: { ratio: 1, parentBased: true } });
  t.match(await look(), [{ subject: 'traces', state: 'warning', remedy: /OTEL_EXPORTER_OTLP_ENDPOINT/ }]);
  // Only the one above is asked again and again until the time is over; these are answers that have to be in time.
  process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '30000';
  status = 401;
  t.match(await look(), [{ state: 'warning', says: /it answered 401/, remedy: /HEADERS/ }]);
  status = 200;
  t.match(await look(), [{ state: 'ok' }]);
  t.match(paths.at(-1), 'POST /v1/traces');
});

t.test('who gets in', async (t) => {
  const other = createServer((_, res) => res.writeHead(404).end()).listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  const look = async (env: Readonly<Record<string, string>>, at = port) =>
    checkExposure(await configOf(t, env), new URL(`http://127.0.0.1:${at}`));
  t.match(await look({ SPIN_PORT: '0' }), [
    { subject: 'address', state: 'ok' },
    { subject: 'names', state: 'ok' },
  ]);
  t.match(await look({ SPIN_PORT: String(port) }), [
    { state: 'failed', says: /EADDRINUSE/, remedy: /SPIN_PORT/ },
  ]);
  t.match(await look({ SPIN_HOST: '0.0.0.0', SPIN_PORT: '0' }), [
    {},
    { state: 'warning', remedy: /SPIN_PUBLIC_URL/ },
  ]);
  t.match(await look({ SPIN_PORT: '0', SPIN_PUBLIC_URL: 'https://nowhere.invalid' }), [
    {},
    { state: 'warning', says: /nowhere\.invalid .*cannot be resolved/ },
  ]);
  const behind = { SPIN_PORT: '0', SPIN_TLS: 'off', SPIN_PUBLIC_URL: 'https://localhost' };
  t.match(await look(behind), [{}, {}, { state: 'failed', remedy: /SPIN_TRUSTED_PROXIES/ }]);
  t.match(await look({ ...behind, SPIN_TRUSTED_PROXIES: '127.0.0.1' }), [{}, {}, { state: 'ok' }]);
  t.match(
    await look({
      SPIN_PORT: '0',
      SPIN_ALLOWED_ORIGINS: 'http://ui.example.com',
      SPIN_TRUSTED_PROXIES: '10.0.0.1',
    }),
    [{}, {}, { state: 'warning', says: /http:\/\/ui/ }, { state: 'ok', says: '10.0.0.1' }],
  );
});

t.test('the Jupyter in front of which it stands, and a gateway that runs already', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const look = async (env: Readonly<Record<string, string>>) => checkUpstream(await configOf(t, env));
  const SPIN_UPSTREAM = jupyter.url;
  t.match(await look({ SPIN_UPSTREAM, SPIN_UPSTREAM_TOKEN: jupyter.token }), [
    { subject: 'Jupyter', state: 'ok', says: /is Jupyter \d/ },
    { subject: 'websockets', state: 'ok', says: /reach Jupyter/ },
  ]);
  t.match(await look({ SPIN_UPSTREAM, SPIN_UPSTREAM_TOKEN: 'wrong' }), [
    { state: 'failed', remedy: /SPIN_UPSTREAM_TOKEN/ },
  ]);
  t.match(await look({ SPIN_UPSTREAM: `${SPIN_UPSTREAM}/user/me` }), [
    { state: 'failed', remedy: /base path/ },
  ]);
  t.match(await look({ SPIN_UPSTREAM: 'http://127.0.0.1:9' }), [
    { state: 'failed', says: /nothing listens/ },
  ]);
  t.match(await look({ SPIN_UPSTREAM: 'http://nowhere.invalid' }), [{ state: 'failed', says: /DNS/ }]);

  const gateway = await startTestGateway({ upstream: upstreamOf(jupyter) });
  t.teardown(() => gateway.close());
  const url = new URL(gateway.origin);
  const config = await configOf(t, { SPIN_PORT: url.port });
  t.match(await checkExposure(config, url), [{ state: 'ok', says: /A gateway answers .*Jupyter/ }, {}]);
});
