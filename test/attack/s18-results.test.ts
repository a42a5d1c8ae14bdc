import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { jupyterEnvironment } from '../support/jupyter.js';
import { notebookFile, startRun } from '../support/notebooks.js';

t.setTimeout(120_000);

t.test(
  'S18: links that a notebook’s code puts in the place of a run’s results are not followed',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const own = join(folder, 'own');
    const open = join(folder, 'open');
    await mkdir(own, { mode: 0o700 });
    await mkdir(open);
    // As a shared temporary folder is.
    await chmod(folder, 0o755);
    await chmod(open, 0o1777);
    const target = join(own, 'profile');
    await writeFile(target, 'mine', { mode: 0o600 });
    const results = ['x.executed.ipynb', 'x.executed.html'].map((name) => join(open, name));
    await writeFile(join(open, 'old'), '');
    const plant = results.map((path) => `os.symlink(${JSON.stringify(target)}, ${JSON.stringify(path)})`);
    await writeFile(
      join(open, 'x.ipynb'),
      notebookFile([`import os\n${plant.join('\n')}`, 'print("planted")']),
    );
    const env = { SPIN_HOME: join(folder, 'home'), SPIN_JUPYTER: await jupyterEnvironment() };
    const run = () => startRun(['run', join(open, 'x.ipynb')], env).ended;
    const { status, stdout, stderr } = await run();
    t.equal(status, 0, stderr);
    t.match(stdout, 'planted');
    t.equal(await readFile(target, 'utf8'), 'mine');
    for (const path of results) t.ok((await lstat(path)).isFile(), path);
    t.same((await readdir(open)).sort(), ['old', 'x.executed.html', 'x.executed.ipynb', 'x.ipynb']);

    // Whoever closed the results finds the next ones closed, too.
    for (const path of results) await chmod(path, 0o600);
    await run();
    for (const path of results) t.equal((await stat(path)).mode & 0o777, 0o600, path);
  },
);

t.test('S18: a device or a pipe is no place for results', async (t) => {
  const folder = t.testdir({});
  const path = join(folder, 'x.ipynb');
  await writeFile(path, notebookFile(['print("never")']));
  const env = { SPIN_HOME: join(folder, 'home'), SPIN_JUPYTER: await jupyterEnvironment() };
  for (const device of ['/dev/null', '/dev/stdout']) {
    const { status, stdout, stderr } = await startRun(['run', path, '--output', device], env).ended;
    t.match({ status, stdout, stderr }, { status: 78, stdout: '', stderr: /--output/ });
  }
  t.ok((await stat('/dev/null')).isCharacterDevice());
  t.ok((await lstat('/dev/stdout')).isSymbolicLink());
});
