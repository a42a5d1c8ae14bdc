import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ask, askUpgrade, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { connect, execute } from '../support/client.js';
import { begin, startRuntime } from '../support/commands.js';
import { accepts, freePort } from '../support/free-port.js';
import { startStockJupyter } from '../support/jupyter.js';
import { blocksOf, runBlock } from '../support/page.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { until } from '../support/until.js';

const PAGE = 'docs/deploy/ssh.md';
const TOKEN = 'ssh-test-token-0123456789';
/** Logs in on the far side: not root, so that the socket's permissions count. */
const USER = 'nobody';
const GROUP = 'nogroup';

const jupyter = await startStockJupyter();
t.teardown(() => jupyter.close());
const sshd = await startSshd(t, USER);

/** The commands below a heading, with the words that a reader replaces too replaced. */
async function commands(heading: string, words: Readonly<Record<string, string>>) {
  const blocks = await blocksOf(PAGE, heading);
  return blocks.map(({ language, text }) => ({
    language,
    text: Object.entries({ 'you@': `${USER}@`, ...words }).reduce(
      (line, [word, by]) => line.replaceAll(word, by),
      text,
    ),
  }));
}

/** The runtime, started by a command of the page; its login link. */
function startHere(t: Test, command: string, environment: Readonly<Record<string, string>> = {}) {
  return startRuntime(t, command, {
    SPIN_TOKEN: TOKEN,
    SPIN_UPSTREAM: jupyter.url,
    SPIN_UPSTREAM_TOKEN: jupyter.token,
    ...environment,
  });
}

/** A tunnel, once it listens. */
async function dig(t: Test, { path }: Sshd, command: string, port: number): Promise<void> {
  const { running, said } = begin(t, command, { PATH: path });
  await until(async () => {
    if (!running()) throw new Error(`ssh ended: ${said()}\n${sshd.log()}`);
    return accepts(port);
  });
}

/** What somebody at the near end does: logs in by the token, uses the cookie, runs a cell. */
async function works(t: Test, origin: string, cookieName: string): Promise<void> {
  const login = await postForm(`${origin}/spin/login`, { token: TOKEN });
  t.equal(login.status, 303, 'the token logs in');
  const cookie = cookieFrom(login);
  t.equal(cookie.split('=')[0], cookieName);
  t.equal((await ask(`${origin}/api/kernels`, { headers: { cookie } })).status, 200, 'the cookie counts');

  const client = connect({ origin, token: TOKEN });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(() => kernel.shutdown());
  t.match(await execute(kernel, 'print(6 * 7)'), { status: 'ok', stdout: '42\n' });

  const channels = `${origin}/api/kernels/${kernel.id}/channels`;
  t.equal((await askUpgrade(channels, { cookie, origin })).status, 101, 'this page may open a websocket');
  t.equal((await askUpgrade(channels, { cookie, origin: 'http://localhost:1' })).status, 403);
}

async function followed(link: string) {
  return ask(link, { headers: NAVIGATION });
}

const DEFAULT = 'node dist/gateway/cli.js';

t.test('to loopback, straight and behind another machine', async (t) => {
  const port = await freePort();
  const { link } = await startHere(t, DEFAULT, { SPIN_PORT: String(port) });
  for (const heading of ['To loopback', 'Behind another machine']) {
    const local = await freePort();
    const [tunnel] = await commands(heading, {
      '-L 8888:': `-L ${local}:`,
      '127.0.0.1:8888': `127.0.0.1:${port}`,
    });
    await dig(t, sshd, tunnel?.text ?? '', local);
    await works(t, `http://localhost:${local}`, `spin-${local}`);
  }
  t.equal(new URL(link).port, String(port), 'the link knows the runtime’s port, not the tunnel’s');
  const local = await freePort();
  const [tunnel] = await commands('To loopback', {
    '-L 8888:': `-L ${local}:`,
    '127.0.0.1:8888': `127.0.0.1:${port}`,
  });
  await dig(t, sshd, tunnel?.text ?? '', local);
  const changed = link.replace(`:${port}/`, `:${local}/`);
  t.equal((await followed(changed)).status, 303, 'with the tunnel’s port in it the link works');
});

t.test('another local port, with SPIN_PUBLIC_URL', async (t) => {
  const [port, local] = [await freePort(), await freePort()];
  const [tunnel, start] = await commands('Another local port', {
    '9000': String(local),
    '127.0.0.1:8888': `127.0.0.1:${port}`,
  });
  const { link } = await startHere(t, start?.text ?? '', { SPIN_PORT: String(port) });
  await dig(t, sshd, tunnel?.text ?? '', local);
  t.equal(new URL(link).origin, `http://localhost:${local}`);
  t.match(await followed(link), { status: 303, headers: { 'set-cookie': [`spin-${local}=`] } });
  await works(t, `http://localhost:${local}`, `spin-${local}`);
});

t.test('to a unix socket, which its group may open and nobody else', async (t) => {
  const above = await mkdtemp(join(tmpdir(), 'spin-run-'));
  t.teardown(() => rm(above, { recursive: true, force: true }));
  await chmod(above, 0o755);
  const local = await freePort();
  const [folder, start, tunnel] = await commands('To a unix socket', {
    '-g spin': `-g ${GROUP}`,
    '/run/spin': join(above, 'spin'),
    '8888': String(local),
  });
  await runBlock({ language: 'sh', text: folder?.text ?? '' });
  const { link, said } = await startHere(t, start?.text ?? '');
  const socket = join(above, 'spin', 'runtime.sock');
  t.equal((await stat(socket)).mode & 0o777, 0o660);
  await dig(t, sshd, tunnel?.text ?? '', local);
  const origin = `http://localhost:${local}`;
  t.match(await followed(link), { status: 303, headers: { 'set-cookie': [`spin-${local}=`] } });
  await works(t, origin, `spin-${local}`);

  await ask(`${origin}/api/kernels`, { headers: { 'x-forwarded-for': '192.0.2.7' } });
  await until(() => said().includes('192.0.2.7'));
  t.match(said(), /192\.0\.2\.7/, 'who may open the socket is believed as a proxy');

  await chmod(socket, 0o600);
  await t.rejects(ask(`${origin}/healthz`), 'without the group’s right nobody gets to the runtime');
});
