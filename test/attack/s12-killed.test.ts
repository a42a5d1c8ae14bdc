import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from '../support/free-port.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, startKernel } from '../support/raw-client.js';
import { startSlowService } from '../support/slow-service.js';
import { until } from '../support/until.js';

const program = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));
const TOKEN = 'test-token-0123456789';
const CELL = '%%prometheus\nup';

t.setTimeout(120_000);

/** The program itself, so that it can be killed. */
async function startProgram(t: Test, env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program], { env: { PATH: process.env.PATH ?? '', ...env } });
  t.teardown(() => child.kill('SIGKILL'));
  child.stdout.resume();
  child.stderr.resume();
  await until(async () => {
    const ready = await fetch(`http://127.0.0.1:${env.SPIN_PORT}/readyz`).catch(() => undefined);
    return ready?.ok === true;
  }, 30_000);
  return child;
}

t.test('S12: a gateway that is killed leaves a kernel that one interrupt frees', async (t) => {
  const [jupyter, service] = await Promise.all([startStockJupyter(), startSlowService()]);
  t.teardown(() => jupyter.close());
  t.teardown(() => service.close());
  const home = t.testdir({});
  await mkdir(join(home, 'etc'), { mode: 0o700 });
  await writeFile(
    join(home, 'etc', 'connections.yaml'),
    `connections:\n  slow: {type: prometheus, url: "${service.url}"}\n`,
    { mode: 0o600 },
  );
  const port = await freePort();
  const env = {
    SPIN_HOME: home,
    SPIN_TOKEN: TOKEN,
    SPIN_PORT: String(port),
    SPIN_UPSTREAM: jupyter.url,
    SPIN_UPSTREAM_TOKEN: jupyter.token,
  };
  const reached = { origin: `http://127.0.0.1:${port}`, token: TOKEN };
  const killed = await startProgram(t, env);
  const id = await startKernel(reached);
  const client = await openRawClient(reached, id, 'v1');
  const asked = service.asked();
  client.begin(CELL);
  await asked;
  const ended = once(killed, 'exit');
  killed.kill('SIGKILL');
  await ended;

  const interrupt = await fetch(`${jupyter.url}/api/kernels/${id}/interrupt`, {
    method: 'POST',
    headers: { authorization: `token ${jupyter.token}` },
  });
  t.equal(interrupt.status, 204);
  await startProgram(t, env);
  const again = await openRawClient(reached, id, 'legacy');
  t.teardown(() => again.close());
  t.match(await again.execute('print(6 * 7)'), { status: 'ok', stdout: '42\n' }, 'the kernel is free');
  const secondRequest = service.asked();
  const cell = again.begin(CELL);
  service.answer((await secondRequest).response);
  t.match(await again.answer(cell), { status: 'ok' }, 'and the new gateway works with it');
});
