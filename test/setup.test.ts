import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
const program = 'dist/gateway/cli.js';

/** A clone with three small sources, whose node modules are installed. */
function smallClone(): string {
  const lock = '{}';
  const folder = t.testdir({
    'package.json': '{ "type": "module" }',
    'package-lock.json': lock,
    node_modules: { '.installed': createHash('sha256').update(lock).digest('hex') },
    gateway: {
      'cli.ts': "#!/usr/bin/env node\nimport { same } from './same.js';\nconsole.log(same);\n",
      'same.ts': "export const same = 'same';\n",
      'gone.ts': 'export const gone = 1;\n',
    },
  });
  for (const file of ['setup.mjs', 'tsconfig.json']) copyFileSync(join(root, file), join(folder, file));
  for (const name of ['typescript', '@types', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  return folder;
}

function setUp(folder: string): void {
  execFileSync(process.execPath, ['setup.mjs'], { cwd: folder, stdio: 'pipe' });
}

t.test('setting up again leaves a running gateway its files, and one that can be run', async (t) => {
  const clone = smallClone();
  const run = () => execFileSync(join(clone, program), { encoding: 'utf8' });
  setUp(clone);
  t.equal(run(), 'same\n');
  t.ok(existsSync(join(clone, 'dist/gateway/gone.js')));
  const before = statSync(join(clone, 'dist/gateway/same.js'));

  const changed = readFileSync(join(clone, 'gateway/cli.ts'), 'utf8').replace('(same)', "('not ' + same)");
  writeFileSync(join(clone, 'gateway/cli.ts'), changed);
  rmSync(join(clone, 'gateway/gone.ts'));
  setUp(clone);

  t.equal(run(), 'not same\n', 'what has changed is compiled, and npx can run it');
  const { ino, mtimeMs } = statSync(join(clone, 'dist/gateway/same.js'));
  t.strictSame([ino, mtimeMs], [before.ino, before.mtimeMs], 'what has not changed is not touched');
  t.notOk(existsSync(join(clone, 'dist/gateway/gone.js')), 'what has no source any more is gone');
});
