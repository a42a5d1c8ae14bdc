// @ts-check
// What a fresh clone needs before TypeScript can run: node modules and the compiled program. Plain JavaScript,
// because nothing is installed yet. `npm start` and `npm test` call it; when all is there it takes some seconds.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST = [20, 19];
const root = fileURLToPath(new URL('.', import.meta.url));
process.chdir(root);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  fail(`Node.js ${OLDEST.join('.')} or newer is needed, and this is ${process.versions.node}.`);
}

const installed = 'node_modules/.installed';
const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
if (!existsSync(installed) || readFileSync(installed, 'utf8') !== lock) {
  step('installing node modules', () => {
    npm('ci', '--no-audit', '--no-fund', '--loglevel=error');
    writeFileSync(installed, lock);
  });
}

// Compiling takes long even where nothing has changed, so what it was made of and what came of it are remembered.
const compiled = 'dist/.compiled';
const sources = () => [
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'setup.mjs'],
  ...['gateway', 'processors', 'test'].flatMap((folder) => filesIn(folder, /\.[cm]?ts$/)),
];
const results = () => filesIn('dist', /\.js$/);
if (!existsSync(compiled) || readFileSync(compiled, 'utf8') !== digest([...sources(), ...results()])) {
  step('compiling', () => {
    rmSync(compiled, { force: true });
    // The compiler trusts its notes: of a result that was lost or changed meanwhile it knows nothing.
    if (!resultsAreWhole()) rmSync('dist/.tsbuildinfo', { force: true });
    // Incremental, and never by clearing the folder: a gateway may be running from it.
    run(process.execPath, ['node_modules/typescript/bin/tsc']);
    removeOrphans();
    // npm makes the program of a package executable once, and a compiler's new file isn't.
    chmodSync('dist/gateway/cli.js', 0o755);
    writeFileSync('dist/.results', digest(results()));
    writeFileSync(compiled, digest([...sources(), ...results()]));
  });
}

/** False when somebody else has changed what the last compilation made. */
function resultsAreWhole() {
  return existsSync('dist/.results') && readFileSync('dist/.results', 'utf8') === digest(results());
}

/** Whatever has no source any more must not stay behind as a test or module. */
function removeOrphans() {
  for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
    const source = /^(.*)\.(?:js(?:\.map)?|d\.ts)$/.exec(file)?.[1];
    if (source !== undefined && !existsSync(`${source}.ts`)) rmSync(join('dist', file));
  }
}

/** @param {string} folder @param {RegExp} name @returns {string[]} paths in a fixed order; none without the folder */
function filesIn(folder, name) {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => name.test(file))
    .sort()
    .map((file) => join(folder, file));
}

/** Of names and contents, never of times: a checkout changes those. @param {string[]} files */
function digest(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** @param {string} what @param {() => void} work */
function step(what, work) {
  process.stderr.write(`setup: ${what} … `);
  const start = performance.now();
  work();
  process.stderr.write(`${((performance.now() - start) / 1000).toFixed(1)} s\n`);
}

/** @param {string[]} args */
function npm(...args) {
  // npm says where it is to the scripts that it runs.
  const cli = process.env.npm_execpath;
  // Its count of packages would stand in the middle of the line; what goes wrong is on stderr.
  if (cli) run(process.execPath, [cli, ...args], 'ignore');
  else run('npm', args, 'ignore');
}

/** @param {string} program @param {string[]} args @param {2 | 'ignore'} stdout */
function run(program, args, stdout = 2) {
  try {
    execFileSync(program, args, { stdio: ['ignore', stdout, 2] });
  } catch {
    fail('This step failed: its own messages are above.');
  }
}

/** @param {string} message @returns {never} */
function fail(message) {
  process.stderr.write(`\nsetup: ${message}\n`);
  process.exit(1);
}
