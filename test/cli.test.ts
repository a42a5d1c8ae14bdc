import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openLocalCertificates } from '../gateway/edge/local-ca.js';
import { homeAt } from '../gateway/home.js';
import { ask, cookieFrom, NAVIGATION } from './support/ask.js';
import { memoryLog } from './support/edge.js';
import { until } from './support/until.js';

const program = fileURLToPath(new URL('../gateway/cli.js', import.meta.url));
const TOKEN = 'canary-token-0123456789';

t.setTimeout(600_000);

function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [program, ...args], { env: { PATH: process.env.PATH ?? '', ...env } });
}

/** Runs the program to its end. */
async function run(args: string[], env: Record<string, string> = {}) {
  const child = start(args, env);
  if (!child.stdout || !child.stderr) throw new Error('no pipes');
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ]);
  return { stdout, stderr, status };
}

t.test('--help and --version answer on stdout', async (t) => {
  const help = await run(['--help']);
  t.match(help, { status: 0, stdout: /login-url/, stderr: '' });
  t.match(await run(['--version']), { status: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' });
});

t.test('too old a Node.js is told as what it is, not as what it lacks', async (t) => {
  const older = 'Object.defineProperty(process.versions, "node", { value: "18.20.8" })';
  const child = spawn(process.execPath, ['--import', `data:text/javascript,${older}`, program, 'doctor']);
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.same(
    { said, status },
    { said: 'spin-runtime: Node.js 18.20.8 is too old. Install 20.19 or newer.\n', status: 78 },
  );
  const source = await readFile(fileURLToPath(new URL('../../gateway/cli.ts', import.meta.url)), 'utf8');
  t.same(source.match(/^import .*$/gm), ["import { isTooOld, OLDEST_NODE } from './node-version.js';"]);
});

t.test('a command that is not there is a usage error that points to the help', async (t) => {
  t.match(await run(['frobnicate']), { status: 64, stdout: '', stderr: /spin-runtime --help/ });
  const mistyped = await run(['stort']);
  t.match(mistyped, { status: 64, stderr: /unknown command 'stort'\n\(Did you mean start\?\)/ });
  t.match(await run(['--frobnicate']), { status: 64, stdout: '', stderr: /unknown option/ });
});

t.test('SIGHUP while it starts ends nothing', async (t) => {
  const home = homeAt(t.testdir({}));
  const settings = { SPIN_HOME: home.root, SPIN_PORT: '0', SPIN_UPSTREAM: 'http://127.0.0.1:9' };
  const child = start([], settings);
  t.teardown(() => child.kill('SIGKILL'));
  await until(() => existsSync(home.tokenFile), 30_000);
  t.ok(child.kill('SIGHUP'));
  let said = '';
  child.stdout?.on('data', (data) => {
    said += String(data);
  });
  await until(
    () => said.includes('SPIN Runtime is at') || child.exitCode !== null || child.signalCode !== null,
    30_000,
  );
  t.match(said, 'SPIN Runtime is at');
  child.kill('SIGTERM');
  t.same(await once(child, 'exit'), [0, null]);
});

t.test('every wrong setting is told at once, with exit status 78 and no secret', async (t) => {
  const env = { SPIN_HOME: t.testdir(), SPIN_PORT: 'x', SPIN_TOKN: TOKEN, SPIN_TOKEN: `${TOKEN} spaced` };
  const { status, stdout, stderr } = await run([], env);
  t.match({ status, stdout }, { status: 78, stdout: '' });
  for (const name of ['SPIN_PORT', 'SPIN_TOKN', 'SPIN_TOKEN']) t.match(stderr, `${name}: `);
  t.notMatch(stderr, TOKEN);
  t.notMatch(stderr, /\n {4}at /, 'no stack');
});

t.test('the doctor says what is wrong, and what to do about it', async (t) => {
  const connections = `connections: {prod: {type: prometheus, url: "http://127.0.0.1:9"}}\n`;
  const home = t.testdir({ 'connections.yaml': connections, 'bad.yaml': 'connections: {prod: {type: x}}\n' });
  const env = {
    SPIN_HOME: home,
    SPIN_TOKEN: TOKEN,
    SPIN_PORT: '0',
    SPIN_UPSTREAM: 'http://127.0.0.1:9',
    SPIN_CONNECTIONS: join(home, 'connections.yaml'),
  };
  const sick = await run(['doctor'], env);
  t.match(sick, { status: 69, stderr: '' });
  t.match(sick.stdout, /^ok {7}Node\.js {2,}\d/);
  t.match(sick.stdout, /^failed {3}Jupyter .*nothing listens there.*\n {20,}→ .*SPIN_UPSTREAM/m);
  t.match(sick.stdout, /^failed {3}connection prod .*\n {20,}→ .*SPIN_CONNECTIONS/m);
  t.match(sick.stdout, /\n\n\d+ failed, (?:\d+ warnings?, )?\d+ ok\.\n$/);
  t.notMatch(sick.stdout, TOKEN);
  const bad = await run(['doctor'], { ...env, SPIN_CONNECTIONS: join(home, 'bad.yaml') });
  t.match(bad, { status: 69, stdout: /^failed {3}connections {2}.*bad\.yaml:1: /m });
});

t.test('an add-on that can not be loaded is a wrong setting too', async (t) => {
  const home = t.testdir({ etc: { processors: { 'mine.mjs': 'export default {};' } } });
  const env = { SPIN_HOME: home, SPIN_TOKEN: TOKEN, SPIN_PORT: '0', SPIN_UPSTREAM: 'http://127.0.0.1:9' };
  t.match(await run([], env), { status: 78, stdout: '', stderr: /mine\.mjs/ });
});

t.test(
  'a SPIN_HOME that a newer version wrote is refused with exit status 78, by every command',
  async (t) => {
    const env = { SPIN_HOME: t.testdir({ var: { layout: '999\n' } }), SPIN_TOKEN: TOKEN, SPIN_PORT: '0' };
    for (const args of [[], ['login-url']]) {
      t.match(await run(args, env), { status: 78, stdout: '', stderr: /SPIN_HOME: .* newer version/ });
    }
    t.same(await readdir(`${env.SPIN_HOME}/var`), ['layout']);
  },
);

t.test('connections test says which connections there are, or that there are none', async (t) => {
  const file = 'connections:\n  prod: { type: prometheus, url: "http://127.0.0.1:9" }\n';
  const homes = t.testdir({ one: { etc: { 'connections.yaml': file } }, none: {} });
  const one = { SPIN_HOME: `${homes}/one` };
  const none = { SPIN_HOME: `${homes}/none` };
  const args = ['connections', 'test', 'prd'];
  t.match(await run(args, one), { status: 69, stdout: /^prd\tfailed\tThere is no such .* Known: prod\.\n$/ });
  const empty =
    /^\tfailed\tThere is no connection: the catalogue \S+\/none\/etc\/connections\.yaml does not exist\./;
  t.match(await run(['connections', 'test'], none), { status: 69, stdout: empty });
  const listed = await run(['connections', 'list'], none);
  t.match(listed, {
    status: 0,
    stdout: '',
    stderr: /no connection: the catalogue \S+connections\.yaml does not exist/,
  });
});

t.test('cert ca prints the local CA’s certificate and nothing else, or says why there is none', async (t) => {
  const home = t.testdir();
  const env = { SPIN_HOME: home };
  const none = await run(['cert', 'ca'], env);
  t.match(none, { status: 69, stdout: '', stderr: /gateway creates it when it starts/ });
  t.match(await run(['cert', 'ca'], { ...env, SPIN_TLS: 'off' }), {
    status: 78,
    stdout: '',
    stderr: /SPIN_TLS is off/,
  });
  const lines: string[] = [];
  const names = { configured: ['localhost', '127.0.0.1', '::1'], found: [] };
  (await openLocalCertificates(homeAt(home).tls, names, memoryLog(lines))).close();
  const { status, stdout, stderr } = await run(['cert', 'ca'], env);
  t.equal(status, 0);
  t.match(stdout, /^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n$/);
  const certificate = new X509Certificate(stdout);
  t.ok(certificate.ca);
  t.match(stderr, certificate.fingerprint256);
  const renamed = { ...env, SPIN_PUBLIC_URL: 'https://notebooks.example.com' };
  const old = 'one that the next start replaces is shown to nobody';
  t.match(await run(['cert', 'ca'], renamed), { status: 69, stdout: '' }, old);
});

t.test(
  'an address that can’t be had is told with the settings to change, and nothing is made for it',
  async (t) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    t.teardown(() => other.close());
    const { port } = other.address() as AddressInfo;
    const addresses = [{ SPIN_PORT: String(port) }, { SPIN_PORT: '0', SPIN_HOST: '192.0.2.1' }];
    for (const address of addresses) {
      const home = t.testdir({});
      const env = { SPIN_HOME: home, SPIN_TOKEN: TOKEN, SPIN_UPSTREAM: 'http://127.0.0.1:9', ...address };
      t.match(await run([], env), { status: 69, stdout: '', stderr: /SPIN_PORT/ });
      t.same(await readdir(home), []);
    }
  },
);

t.test('it starts, prints a link that logs in once, makes another, and ends in order', async (t) => {
  const env = {
    SPIN_HOME: t.testdir(),
    SPIN_TOKEN: TOKEN,
    SPIN_PORT: '0',
    SPIN_UPSTREAM: 'http://127.0.0.1:9',
  };
  const child = start([], env);
  t.teardown(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  await until(() => stdout.includes('/spin/login?code='), 30_000);
  const link = /\S+\/spin\/login\?code=\S+/.exec(stdout)?.[0] ?? '';
  t.notMatch(stdout + stderr, TOKEN, 'the token is printed nowhere');
  await until(() => stderr.includes('No Jupyter answers at SPIN_UPSTREAM'), 30_000);

  const open = (url: string) => ask(url, { headers: NAVIGATION });
  const cookie = cookieFrom(await open(link));
  t.match(cookie, /^spin-\d+=/, 'the link logs in');
  t.equal(cookieFrom(await open(link)), '', 'once');
  const asked = await ask(new URL('/lab', link).href, { headers: { cookie } });
  t.equal(asked.status, 502, 'the session is good; there is just no Jupyter here');

  const port = new URL(link).port;
  const again = await run(['login-url'], { ...env, SPIN_PORT: port });
  t.match(again, { status: 0, stderr: '' });
  t.match(cookieFrom(await open(again.stdout.trim())), /^spin-\d+=/, 'login-url logs in as well');

  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  t.same(await ended, [0, null], 'SIGTERM ends it with status 0');
  const lines = stderr.split('\n').filter((line) => line !== '');
  t.ok(lines.length > 0 && lines.every((line) => JSON.parse(line)), 'the log on stderr is JSON lines');
});
