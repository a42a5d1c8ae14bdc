import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startStockJupyter } from '../support/jupyter.js';
import { startRun } from '../support/notebooks.js';

t.setTimeout(300_000);

const RUNBOOK = fileURLToPath(new URL('../../../examples/runbook.ipynb', import.meta.url));

t.test('examples/runbook.ipynb does what it says', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const home = t.testdir({});
  const env = { SPIN_HOME: home, SPIN_UPSTREAM: jupyter.url, SPIN_UPSTREAM_TOKEN: jupyter.token };
  const run = (...args: string[]) =>
    startRun(['run', RUNBOOK, ...args, '--output', join(home, 'done.ipynb')], env).ended;
  const good = await run('-p', 'path=/dev');
  t.match(good, { status: 0, stdout: /^\/dev: \d+ % used$/m }, good.stderr);
  t.match(await readFile(join(home, 'done.ipynb'), 'utf8'), /\/dev: \d+ % used/);
  const full = await run('-p', 'path=/dev', '-p', 'most=-1');
  t.match(full, { status: 1, stdout: /AssertionError: \/dev is fuller than -1 %/ }, full.stderr);
});
