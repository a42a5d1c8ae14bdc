import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { checkEnvironment, ensureEnvironment } from '../../gateway/jupyter/environment.js';
import { findPython } from '../../gateway/jupyter/python.js';
import { jupyterEnvironment } from '../support/jupyter.js';

t.setTimeout(300_000);

t.test('an environment that SPIN_JUPYTER names is taken when it has what it takes', async (t) => {
  await t.resolves(checkEnvironment(await jupyterEnvironment(), environmentOf(process.env)));
});

t.test('a folder without Jupyter is refused with what it lacks', async (t) => {
  const folder = t.testdir({});
  await t.rejects(checkEnvironment(folder, environmentOf(process.env)), {
    message: `SPIN_JUPYTER=${folder} has no bin/jupyter`,
  });
});

t.test('an environment without the kernel is refused with the name of the package', async (t) => {
  const folder = t.testdir({});
  await promisify(execFile)(await findPython(environmentOf(process.env)), [
    '-I',
    '-m',
    'venv',
    '--without-pip',
    folder,
  ]);
  await writeFile(join(folder, 'bin', 'jupyter'), '');
  const version = existsSync(join(folder, 'lib')) ? await site(folder) : '';
  await mkdir(join(version, 'jupyter_server'), { recursive: true });
  await writeFile(join(version, 'jupyter_server', '__init__.py'), '');
  await t.rejects(checkEnvironment(folder, environmentOf(process.env)), {
    message: /lacks the package ipykernel/,
  });
});

t.test('a folder that cannot be written to is an error that names the two settings', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  await t.rejects(
    ensureEnvironment(join(file, 'jupyter'), { inherited: environmentOf(process.env), progress: () => {} }),
    {
      message: /cannot be written to\. Set SPIN_HOME .* or SPIN_JUPYTER/,
    },
  );
});

t.test(
  'an installation that failed is an error that says why, and is tried anew the next time',
  async (t) => {
    const folder = join(t.testdir({}), 'jupyter');
    const lines: string[] = [];
    const before = { ...process.env };
    t.teardown(() => {
      process.env = before;
    });
    process.env.PIP_NO_INDEX = '1';
    process.env.PIP_FIND_LINKS = folder;
    for (const attempt of ['first', 'second']) {
      await t.rejects(
        ensureEnvironment(folder, {
          inherited: environmentOf(process.env),
          progress: (line) => lines.push(line),
        }),
        { name: 'JupyterSetupError', message: /cannot be installed: .*anyio.*SPIN_JUPYTER/ },
        attempt,
      );
    }
    t.notOk(
      lines.some((line) => line.includes(folder)),
      'browsers show these lines: no path of this machine',
    );
    t.equal(lines.filter((line) => line === 'Creating a Python environment').length, 2);
  },
);

async function site(folder: string): Promise<string> {
  const python = join(folder, 'bin', 'python3');
  const { stdout } = await promisify(execFile)(python, [
    '-c',
    'import sysconfig; print(sysconfig.get_path("purelib"))',
  ]);
  return stdout.trim();
}
