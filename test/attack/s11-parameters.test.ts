import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { jupyterEnvironment } from '../support/jupyter.js';
import { notebookFile, startRun } from '../support/notebooks.js';

t.setTimeout(120_000);

const CANARY = 'canary-value-7713';

t.test('S11: what a parameter of a run says is text, also where it looks like a reference', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  await chmod(folder, 0o755);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'pipeline.ipynb');
  // Redaction would hide the value: what shows is its form.
  await writeFile(path, notebookFile(['import json\nprint(json.dumps([title, deep])[::-1])']));
  const title = '{{{runtime_env:API_KEY}}} \\{{secret:API_KEY}} \\\\{{secret:API_KEY}}';
  const deep = [{ '{{runtime_env:API_KEY}}': '{{secret_var:WHICH}}', none: null }];
  const { status, stdout, stderr } = await startRun(
    ['run', path, '-p', `title=${title}`, '-p', `deep=${JSON.stringify(deep)}`],
    {
      SPIN_HOME: join(folder, 'home'),
      SPIN_JUPYTER: await jupyterEnvironment(),
      API_KEY: CANARY,
      WHICH: 'API_KEY',
    },
  ).ended;
  t.equal(status, 0, stderr);
  t.same(JSON.parse([...stdout.trim()].reverse().join('')), [title, deep]);
});
