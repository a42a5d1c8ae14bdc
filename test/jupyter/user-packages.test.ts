import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run, SCRIPTS } from '../../gateway/jupyter/command.js';
import { jupyterUser, startEmbedded, startKernel } from '../support/embedded.js';
import { jupyterEnvironment } from '../support/jupyter.js';

t.setTimeout(300_000);

/** Writes a wheel with one module, a command of the same name, and nothing else: no network is needed. */
const makeWheel = (name: string, version: string) => `
import zipfile
info = "${name}-${version}.dist-info"
with zipfile.ZipFile("${name}-${version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr("${name}.py", "__version__ = '${version}'\\ndef main(): print('command', __version__)\\n")
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: ${name}\\nVersion: ${version}\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\n${name}-command = ${name}:main\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;
const where = (module: string) =>
  `import subprocess, sys; print(subprocess.run([sys.executable, "-c", "import ${module} as m; print(m.__version__, m.__file__)"], capture_output=True, text=True).stdout)`;

t.test('%pip in a notebook', async (t) => {
  const embedded = await startEmbedded();
  t.teardown(() => embedded.close());
  const { jupyter, home } = embedded;
  const kernel = await startKernel(jupyter.source().socketPath ?? '');
  t.teardown(() => kernel.close());
  const pip = (command: string) => kernel.run(`%pip ${command}`);

  t.test('installs a package under var/python, importable at once', async (t) => {
    await kernel.run(makeWheel('spinprobe', '1.0'));
    t.match(
      await pip('install --no-index ./spinprobe-1.0-py3-none-any.whl'),
      /Successfully installed spinprobe-1\.0/,
    );
    const imported = await kernel.run('import spinprobe; print(spinprobe.__file__)');
    t.ok(imported.startsWith(`${home.python}/`), imported);
  });

  t.test('puts its commands on PATH', async (t) => {
    t.equal(await kernel.run('!spinprobe-command'), 'command 1.0');
  });

  t.test('hides another version of what the environment has, and brings it back when removed', async (t) => {
    const original = await kernel.run(where('six'));
    await kernel.run(makeWheel('six', '99.0'));
    await pip('install --no-index ./six-99.0-py3-none-any.whl');
    t.match(await kernel.run(where('six')), `99.0 ${home.python}/`);
    await pip('uninstall -y six');
    t.equal(await kernel.run(where('six')), original);
  });

  t.test("can't remove what the environment has", async (t) => {
    const original = await kernel.run(where('six'));
    t.match(await pip('uninstall -y six'), /outside environment/);
    t.equal(await kernel.run(where('six')), original);
  });

  t.test('cannot break the server: it takes nothing from there', async (t) => {
    await kernel.run(makeWheel('tornado', '99.0'));
    await pip('install --no-index ./tornado-99.0-py3-none-any.whl');
    await jupyter.stop();
    const again = await startEmbedded({}, home.root);
    t.equal(again.jupyter.state, 'ready');
    await again.close();
  });

  t.test('what was installed is there after a restart', async (t) => {
    const again = await startEmbedded({}, home.root);
    t.teardown(() => again.close());
    const python = join(home.python, 'bin', 'python3');
    const asked = await run(python, ['-c', 'import spinprobe; print(spinprobe.__version__)'], {
      user: await jupyterUser(home),
    });
    t.equal(asked.stdout, '1.0\n');
  });
});

t.test('a Python of another version', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const python = join(await jupyterEnvironment(), 'bin', 'python3');
  const make = () => run(python, ['-I', join(SCRIPTS, 'user_python.py'), join(folder, 'python')]);
  t.match(await make(), { status: 0, stdout: '' });

  t.test('makes the folder anew and says which packages have to be installed again', async (t) => {
    await mkdir(join(folder, 'python', 'lib', 'python3.8', 'site-packages', 'old-1.0.dist-info'), {
      recursive: true,
    });
    await writeFile(join(folder, 'python', 'pyvenv.cfg'), 'home = /gone/bin\n');
    const made = await make();
    t.equal(made.status, 0, made.stderr);
    t.match(
      made.stdout,
      /^Packages that were installed for python3\.8 cannot be used by Python 3\.\d+: install them again/,
    );
  });
});
