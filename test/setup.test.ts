import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
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

/** @returns what it said */
function setUp(folder: string): string {
  const { status, stderr } = spawnSync(process.execPath, ['setup.mjs'], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stderr;
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

/**
 * A compiler that takes no time. As the real one it trusts its notes: it makes anew only what has another source, or all
 * with other settings, and never looks at its results.
 */
const COMPILER = `
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const settings = readFileSync('tsconfig.json', 'utf8');
let notes = {};
try { notes = JSON.parse(readFileSync('dist/.tsbuildinfo', 'utf8')); } catch {}
mkdirSync('dist/gateway', { recursive: true });
for (const name of readdirSync('gateway')) {
  const source = readFileSync('gateway/' + name, 'utf8');
  if (source.includes('mistake')) process.exit(2);
  if (notes[name] !== source + settings) writeFileSync('dist/gateway/' + name.replace('.ts', '.js'), source);
  notes[name] = source + settings;
}
writeFileSync('dist/.tsbuildinfo', JSON.stringify(notes));
`;

t.test('A5: nothing is compiled while nothing has changed, and everything that has', async (t) => {
  const clone = smallClone();
  const at = (path: string) => join(clone, path);
  rmSync(at('node_modules/typescript'));
  mkdirSync(at('node_modules/typescript/bin'), { recursive: true });
  writeFileSync(at('node_modules/typescript/package.json'), '{ "type": "commonjs" }');
  writeFileSync(at('node_modules/typescript/bin/tsc'), COMPILER);
  const compiles = () => /compiling/.test(setUp(clone));
  const same = () => readFileSync(at('dist/gateway/same.js'), 'utf8');
  t.ok(compiles(), 'the first time');
  t.equal(setUp(clone), '', 'nothing is said or done the second time');

  utimesSync(at('gateway/same.ts'), new Date(), new Date());
  t.notOk(compiles(), 'a checkout changes times, not contents');
  const source = readFileSync(at('gateway/same.ts'), 'utf8');
  writeFileSync(at('gateway/same.ts'), source.replace("'same'", "'else'"));
  t.ok(compiles());
  writeFileSync(at('gateway/same.ts'), source);
  t.ok(compiles(), 'back again, as another branch has it');
  t.match(same(), "'same'");

  rmSync(at('dist/gateway/same.js'));
  t.ok(compiles(), 'a lost result');
  t.match(same(), "'same'");
  writeFileSync(at('dist/gateway/same.js'), "export const same = 'changed by hand';\n");
  t.ok(compiles(), 'a changed result');
  t.match(same(), "'same'");
  rmSync(at('dist'), { recursive: true });
  t.ok(compiles(), 'no result at all');
  t.match(same(), "'same'");
  t.notOk(compiles());

  writeFileSync(at('dist/gateway/stray.test.js'), '');
  t.ok(compiles(), 'a result without a source');
  t.notOk(existsSync(at('dist/gateway/stray.test.js')));
  writeFileSync(at('gateway/added.ts'), 'export {};\n');
  t.ok(compiles(), 'a new source');
  rmSync(at('gateway/added.ts'));
  t.ok(compiles(), 'a source that is gone');
  t.notOk(existsSync(at('dist/gateway/added.js')));

  for (const file of ['tsconfig.json', 'package.json', 'setup.mjs']) {
    writeFileSync(at(file), `${readFileSync(at(file), 'utf8')}\n`);
    t.ok(compiles(), `another ${file}`);
  }
  writeFileSync(at('gateway/same.ts'), '// a mistake\n');
  t.throws(compiles, /This step failed/);
  t.throws(compiles, /This step failed/, 'a mistake is told until it is mended');
  writeFileSync(at('gateway/same.ts'), source);
  t.ok(compiles());
  t.notOk(compiles());
});

t.test('A5: a result that was lost comes back from the real compiler too', async (t) => {
  const clone = smallClone();
  setUp(clone);
  rmSync(join(clone, 'dist/gateway/same.js'));
  setUp(clone);
  t.ok(existsSync(join(clone, 'dist/gateway/same.js')));
});
