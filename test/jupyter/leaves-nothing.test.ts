import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { eventually, processesWith, startEmbedded, startKernel } from '../support/embedded.js';
import { jupyterEnvironment } from '../support/jupyter.js';

t.setTimeout(300_000);

/** Something that a cell leaves running: it survives its kernel unless somebody ends it. */
function leaveBehind(mark: string): string {
  return `import subprocess; _ = subprocess.Popen(["sleep", "${mark}"], start_new_session=True)`;
}

/** A `sleep` that can be found by its argument. */
const mark = () => `9${process.hrtime.bigint()}`;

interface Gateway {
  readonly process: ChildProcess;
  readonly socketPath: string;
  readonly home: string;
}

async function startGateway(t: Test, root?: string): Promise<Gateway> {
  const home = root ?? (await mkdtemp(join(tmpdir(), 'spin-test-')));
  const program = fileURLToPath(new URL('../support/embedded-process.js', import.meta.url));
  const child = spawn(process.execPath, [program, home, await jupyterEnvironment()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await rm(home, { recursive: true, force: true, maxRetries: 10 });
  });
  const [socketPath] = await once(createInterface({ input: child.stdout }), 'line');
  return { process: child, socketPath, home };
}

/** The server and kernels of a run have its folder in their command line. */
const belongingTo = (socketPath: string) => processesWith(dirname(socketPath));

async function serverOf(socketPath: string): Promise<number> {
  for (const pid of await processesWith(`--ServerApp.sock=${socketPath}`)) {
    if (!(await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('keeper.py')) return pid;
  }
  throw new Error('no server');
}

async function nothingIsLeft(t: Test, socketPath: string, left: string): Promise<void> {
  await eventually('server and kernels are gone', async () => (await belongingTo(socketPath)).length === 0);
  t.strictSame(await processesWith(left), [], 'what a cell left running is gone');
  t.notOk(existsSync(socketPath), 'the socket is gone');
}

t.test('SIGTERM to the gateway ends Jupyter, its kernels and what they started', async (t) => {
  const { process: gateway, socketPath } = await startGateway(t);
  const kernel = await startKernel(socketPath);
  const left = mark();
  await kernel.run(leaveBehind(left));
  t.ok((await belongingTo(socketPath)).length >= 3, 'keeper, server and kernel');
  gateway.kill('SIGTERM');
  await once(gateway, 'exit');
  await nothingIsLeft(t, socketPath, left);
  t.notOk(existsSync(dirname(dirname(socketPath))), 'the folder is gone too');
});

t.test('kill -9 of the gateway ends them as well, and the next start cleans up', async (t) => {
  const { process: gateway, socketPath, home } = await startGateway(t);
  const kernel = await startKernel(socketPath);
  const left = mark();
  await kernel.run(leaveBehind(left));
  gateway.kill('SIGKILL');
  await nothingIsLeft(t, socketPath, left);
  const next = await startGateway(t, home);
  t.notOk(existsSync(dirname(dirname(socketPath))), 'the dead gateway’s folder is gone');
  t.ok(existsSync(next.socketPath));
});

t.test('kill -9 of Jupyter ends its kernels and brings up another on a new socket', async (t) => {
  const { jupyter, lines, close } = await startEmbedded({ firstDelayMs: 50 });
  t.teardown(close);
  const { socketPath = '' } = jupyter.source();
  const kernel = await startKernel(socketPath);
  const left = mark();
  await kernel.run(leaveBehind(left));
  process.kill(await serverOf(socketPath), 'SIGKILL');
  await eventually('it is noticed', () => jupyter.state === 'restarting');
  t.throws(() => jupyter.source(), { code: 'UPSTREAM_STARTING', message: /being restarted/ });
  await eventually('it is back', () => jupyter.state === 'ready');
  t.not(jupyter.source().socketPath, socketPath);
  await nothingIsLeft(t, socketPath, left);
  t.notOk(existsSync(dirname(dirname(socketPath))), 'the old folder is gone');
  t.match(lines.join(''), /"delay_ms":50,"msg":"Jupyter exited; restarting"/);
});

t.test('kill -9 of the keeper ends the server and its kernels too', async (t) => {
  const { jupyter, close } = await startEmbedded({ firstDelayMs: 50 });
  t.teardown(close);
  const { socketPath = '' } = jupyter.source();
  await startKernel(socketPath);
  const server = await serverOf(socketPath);
  const keeper = (await processesWith(`--ServerApp.sock=${socketPath}`)).find((pid) => pid !== server);
  process.kill(keeper ?? 0, 'SIGKILL');
  await eventually('server and kernels are gone', async () => (await belongingTo(socketPath)).length === 0);
  await eventually(
    'it is back',
    () => jupyter.state === 'ready' && jupyter.source().socketPath !== socketPath,
  );
  t.notOk(existsSync(dirname(dirname(socketPath))), 'the old folder is gone');
});

t.test('a busy kernel does not hold up the end', async (t) => {
  const { jupyter, close } = await startEmbedded();
  const { socketPath = '' } = jupyter.source();
  const kernel = await startKernel(socketPath);
  const stuck = kernel.run(
    'import signal, time\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\nprint("stuck")\nwhile True: time.sleep(1)',
  );
  stuck.catch(() => {});
  const begun = performance.now();
  await close();
  t.ok(performance.now() - begun < 10_000, 'within the ten seconds that `docker stop` gives');
  t.strictSame(await belongingTo(socketPath), []);
});
