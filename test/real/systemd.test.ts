import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { homeAt } from '../../gateway/home.js';
import { jupyterUserOf } from '../../gateway/jupyter/user.js';
import { connect, execute } from '../support/client.js';
import { freePort } from '../support/free-port.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { blocksOf, runBlock } from '../support/page.js';
import { until } from '../support/until.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const TOKEN = 'unit-test-token-0123456789';
const unit = await readFile(join(ROOT, 'docker/spin-runtime.service'), 'utf8');

/** The value of a line of the unit. */
function setting(name: string): string {
  const value = new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1];
  if (value === undefined) throw new Error(`the unit has no ${name}`);
  return value;
}

t.test('the unit is right, and its exposure is as low as the page says', async (t) => {
  const blocks = await blocksOf('docs/deploy/systemd.md', 'As a systemd service');
  const [, look] = blocks;
  if (look === undefined) throw new Error('the page has no second block');
  // Fails above the threshold that the page names.
  t.match(await runBlock(look), /Overall exposure level/);
});

t.test('a notebook works under the restrictions that can be had without systemd', async (t) => {
  const state = await mkdtemp('/var/tmp/spin-unit-');
  await chmod(state, 0o755);
  t.teardown(() => rm(state, { recursive: true, force: true }));
  const capabilities = setting('CapabilityBoundingSet')
    .split(' ')
    .map((name) => `+${name.replace('CAP_', '').toLowerCase()}`);
  const command = setting('ExecStart')
    .replace('/usr/bin/node', process.execPath)
    .replace('/opt/spin-runtime', ROOT.replace(/\/$/, ''));
  const port = await freePort();
  const script = `
mount --bind ${state} ${state}
mount -o remount,bind,ro /
mount -t tmpfs -o mode=1777 tmpfs /tmp
umask ${setting('UMask')}
exec setpriv --bounding-set -all,${capabilities} --inh-caps -all --no-new-privs ${command}`;
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'bash', '-euc', script], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      SPIN_HOME: state,
      SPIN_TOKEN: TOKEN,
      SPIN_PORT: String(port),
      SPIN_JUPYTER: await jupyterEnvironment(),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`it ended: ${said}`);
    return said.includes('Jupyter is ready');
  }, 60_000).catch((error: Error) => Promise.reject(new Error(`${error.message}\n${said}`)));
  t.notMatch(said, /can read the credentials/, 'Jupyter has a user of its own');

  const client = connect({ origin: `http://localhost:${port}`, token: TOKEN });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.match(await execute(kernel, 'import os; print(os.getuid())'), {
    stdout: `${jupyterUserOf(homeAt(state)).uid}\n`,
  });
  t.match(await execute(kernel, 'print(open("/proc/self/status").read())'), {
    stdout: /NoNewPrivs:\s+1/,
  });
  t.match(await execute(kernel, `os.listdir(${JSON.stringify(join(state, 'var'))})`), {
    error: /PermissionError/,
  });
  t.match(await execute(kernel, `open("/proc/${child.pid}/environ").read()`), { error: /PermissionError/ });
  t.match(await execute(kernel, 'open("/var/tmp/spin-unit-file", "w")'), { error: /Read-only file system/ });
  await kernel.shutdown();
});
