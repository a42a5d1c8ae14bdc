import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { findPython } from '../../gateway/jupyter/python.js';

/** A folder with programs, each a shell script, that is all of PATH during one test. */
async function onlyOnPath(t: Test, programs: Record<string, string>): Promise<string> {
  const folder = t.testdir({});
  for (const [name, script] of Object.entries(programs)) {
    const path = join(folder, name);
    await mkdir(folder, { recursive: true });
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }
  const before = process.env.PATH;
  process.env.PATH = folder;
  t.teardown(() => {
    process.env.PATH = before;
  });
  return folder;
}

t.test('the Python of this machine is found', async (t) => {
  t.match(await findPython(environmentOf(process.env)), /^\/.*python3/);
});

t.test('without any Python the error says what to install and that SPIN_JUPYTER exists', async (t) => {
  await onlyOnPath(t, {});
  await t.rejects(findPython(environmentOf(process.env)), {
    message: /no python3 on PATH.*apt-get install python3 python3-venv.*SPIN_JUPYTER/,
  });
});

t.test('a Python that is too old is named with its version', async (t) => {
  const folder = await onlyOnPath(t, { python3: 'echo 3.9; echo complete' });
  await t.rejects(findPython(environmentOf(process.env)), {
    message: new RegExp(`${folder}/python3 is 3\\.9, which is too old`),
  });
});

t.test('a Python without venv or ensurepip, as Debian ships it, is named', async (t) => {
  await onlyOnPath(t, { python3: 'echo 3.11; echo "No module named ensurepip" >&2; exit 1' });
  await t.rejects(findPython(environmentOf(process.env)), {
    message: /lacks the venv or ensurepip module.*python3-venv/,
  });
});

t.test('a shim that points nowhere does not hide a Python that works', async (t) => {
  const folder = await onlyOnPath(t, {
    python3: 'echo "no such version" >&2; exit 127',
    'python3.13': 'echo 3.13; echo complete',
  });
  t.equal(await findPython(environmentOf(process.env)), join(folder, 'python3.13'));
});

t.test('a Python newer than the locked packages is taken only where there is no other', async (t) => {
  const folder = await onlyOnPath(t, {
    python3: 'echo 3.15; echo complete',
    'python3.12': 'echo 3.12; echo complete',
  });
  t.equal(await findPython(environmentOf(process.env)), join(folder, 'python3.12'));
});

t.test('a Python newer than the locked packages is better than none', async (t) => {
  const folder = await onlyOnPath(t, { python3: 'echo 3.15; echo complete' });
  t.equal(await findPython(environmentOf(process.env)), join(folder, 'python3'));
});
