import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { ask, cookieFrom, postForm } from '../support/ask.js';
import { freePort } from '../support/free-port.js';
import { startStockJupyter } from '../support/jupyter.js';
import { blocksOf, runBlock } from '../support/page.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

const PAGE = 'docs/deploy/operations.md';
const TOKEN = 'operations-token-0123456789';
const program = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));

interface Running {
  readonly child: ChildProcess;
  log(): string;
  stop(): Promise<void>;
}

async function startProgram(t: Test, env: Readonly<Record<string, string>>): Promise<Running> {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  await until(async () => {
    const ready = await fetch(`http://127.0.0.1:${env.SPIN_PORT}/readyz`).catch(() => undefined);
    return ready?.ok === true;
  }, 30_000);
  return {
    child,
    log: () => text,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function only(heading: string, at = 0) {
  const block = (await blocksOf(PAGE, heading))[at];
  if (block === undefined) throw new Error(`${PAGE} has lost what is below "${heading}".`);
  return block;
}

t.test('doctor, reload, backup and restore, by the commands of the page', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const folder = t.testdir({ home: { etc: {} }, other: {} });
  const home = join(folder, 'home');
  const catalogue = join(home, 'etc', 'connections.yaml');
  await writeFile(catalogue, 'connections: {}\n', { mode: 0o600 });
  const port = String(await freePort());
  const env = {
    SPIN_HOME: home,
    SPIN_TOKEN: TOKEN,
    SPIN_PORT: port,
    SPIN_UPSTREAM: jupyter.url,
    SPIN_UPSTREAM_TOKEN: jupyter.token,
  };
  const origin = `http://localhost:${port}`;
  const first = await startProgram(t, env);
  const cookie = cookieFrom(await postForm(`${origin}/spin/login`, { token: TOKEN }));
  const isLoggedIn = async () => (await ask(`${origin}/api/status`, { headers: { cookie } })).status === 200;
  t.ok(await isLoggedIn());

  const healthy = await runBlock(await only('Looking at everything'), env);
  t.match(healthy, /^ok {7}address .*A gateway answers .*Jupyter/m);
  t.match(healthy, /^ok {7}websockets /m);
  t.notMatch(healthy, /^failed/m);

  await writeFile(catalogue, 'connections: {nonsense: {type: nope}}\n');
  await runBlock(await only('Reloading'), { GATEWAY_PID: String(first.child.pid) });
  await until(() => first.log().includes('the new connection catalogue is not used'));
  t.match(first.log(), 'SIGHUP: reading');
  t.ok(await isLoggedIn(), 'it goes on');
  await writeFile(catalogue, 'connections: {}\n');

  const backup = join(folder, 'backup.tgz');
  await runBlock(await only('Backup'), { ...env, BACKUP: backup });
  await first.stop();
  const restored = join(folder, 'other', 'home');
  await runBlock(await only('Backup', 1), { SPIN_HOME: restored, BACKUP: backup });
  await startProgram(t, { ...env, SPIN_HOME: restored });
  t.ok(await isLoggedIn(), 'the session is valid after it too');
  const ca = (root: string) => readFile(join(root, 'var', 'tls', 'ca.pem'), 'utf8');
  t.equal(await ca(restored), await ca(home), 'the same certificate authority');
});
