import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { give, startRestServer } from '../processors/rest-server.js';
import { freePort } from '../support/free-port.js';
import { startStockJupyter } from '../support/jupyter.js';
import { openRawClient, startKernel } from '../support/raw-client.js';
import { until } from '../support/until.js';

const program = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));
const TOKEN = 'test-token-0123456789';
const MIB = 1024 * 1024;

/** 100 ms are wanted, on a machine that does nothing else; what this is about took 24 to 35 seconds. */
const LONGEST_MS = 5_000;

t.setTimeout(180_000);

const answers = {
  '/objects': give('application/json', Buffer.from(`[${'{},'.repeat(20 * MIB)}{}]`)),
  '/download': give('application/octet-stream', Buffer.alloc(200 * MIB, 'The quick brown fox. ')),
};

/** The program itself: its main thread is nobody else's. */
async function startProgram(t: Test, env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program], { env: { PATH: process.env.PATH ?? '', ...env } });
  t.teardown(() => child.kill());
  child.stdout.resume();
  child.stderr.resume();
  await until(async () => {
    const ready = await fetch(`http://127.0.0.1:${env.SPIN_PORT}/readyz`).catch(() => undefined);
    return ready?.ok === true;
  }, 30_000);
  return child;
}

t.test('X7: /healthz is answered while a cell takes what a service sends', async (t) => {
  const [jupyter, service] = await Promise.all([startStockJupyter(), startRestServer(t, answers)]);
  t.teardown(() => jupyter.close());
  const home = t.testdir({});
  await mkdir(join(home, 'etc'), { mode: 0o700 });
  const catalogue = `connections:\n  it: {type: rest, url: "${service.origin}", default: true}\n`;
  await writeFile(join(home, 'etc', 'connections.yaml'), catalogue, { mode: 0o600 });
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  await startProgram(t, {
    SPIN_HOME: home,
    SPIN_TOKEN: TOKEN,
    SPIN_PORT: String(port),
    SPIN_UPSTREAM: jupyter.url,
    SPIN_UPSTREAM_TOKEN: jupyter.token,
  });
  const reached = { origin, token: TOKEN };
  const client = await openRawClient(reached, await startKernel(reached), 'v1');
  t.teardown(() => client.close());

  for (const [cell, status] of [
    ['%%rest it --paginate\nGET /objects', 'error'],
    ['%%rest it --out got\nGET /download', 'ok'],
  ] as const) {
    let longest = 0;
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        const asked = performance.now();
        const health = await fetch(`${origin}/healthz`);
        if (!health.ok) t.fail(`/healthz said ${health.status}`);
        await health.arrayBuffer();
        longest = Math.max(longest, performance.now() - asked);
      }
    })();
    t.equal((await client.execute(cell)).status, status, cell);
    isOver = true;
    await watching;
    t.comment(`${cell.replace('\n', ' ')}: /healthz waited ${Math.round(longest)} ms at most`);
    t.ok(longest < LONGEST_MS, `it waited ${Math.round(longest)} ms`);
  }
});
