import { chmod, chown, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { loadAddOns } from '../../processors/add-ons.js';
import { CellError } from '../../processors/core/processor.js';
import { Secret } from '../../processors/core/secret.js';
import { createProcessors } from '../../processors/index.js';
import { connect, execute } from '../support/client.js';
import { connectionsOf } from '../support/connections.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';

/** A user's own processor, as one would write it. */
const GREET = `
export default {
  name: 'greet',
  summary: 'greets by a secret name',
  options: { loud: { type: 'flag', help: 'shout' } },
  punctuation: '!',
  compile({ body, options }, { resolve }) {
    const who = body.trim();
    if (who === '') {
      const error = new Error('A %%greet cell needs a name.');
      error.name = 'CellError';
      throw error;
    }
    const name = 'runtime_env:' + who;
    const text = 'hello {{' + name + '}}' + this.punctuation;
    return {
      run: { kind: 'python', code: 'print(' + JSON.stringify(text) + (options.loud ? '.upper())' : ')') },
      deliver: [{ name, value: resolve(name) }],
    };
  },
};
`;

/** A folder of add-ons that the test's end removes. */
async function folderWith(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'spin-add-ons-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text, { mode: 0o644 });
  return folder;
}

async function refusalOf(folder: string, jupyterUid?: number): Promise<string> {
  try {
    await loadAddOns(folder, jupyterUid);
  } catch (error) {
    if (error instanceof Error && error.name === 'AddOnError') return error.message;
    throw error;
  }
  throw new Error('it was loaded');
}

t.test('loads each .mjs file of a folder in order, and runs its cells', async (t) => {
  const folder = await folderWith(t, {
    'b.mjs': GREET,
    'a.mjs': GREET.replace("'greet'", "'first'"),
    'notes.txt': 'not code',
    'other.js': 'throw 1',
  });
  const addOns = await loadAddOns(folder);
  t.same(
    addOns.map(({ name }) => name),
    ['first', 'greet'],
  );
  const processors = createProcessors({
    connections: connectionsOf(),
    resolve(reference) {
      if (reference !== 'runtime_env:WHO') throw new CellError(`${reference} is not set.`);
      return new Secret('canary');
    },
    addOns,
  });
  t.ok(processors.matches('%%greet\nWHO', {}));
  t.match(await processors.rewrite('%%greet --loud\nWHO', {}), {
    processor: 'greet',
    code: 'print("hello {{runtime_env:WHO}}!".upper())',
    spin: { values: { 'runtime_env:WHO': 'canary' } },
    refused: undefined,
  });
  t.match(await processors.rewrite('%%greet\n', {}), { refused: 'A %%greet cell needs a name.' });
  t.match(await processors.rewrite('%%greet\nNOPE', {}), { refused: 'runtime_env:NOPE is not set.' });
  t.match(await processors.rewrite('%%greet --lout\nWHO', {}), { refused: /Did you mean --loud\?/ });
});

t.test('a folder that is not there holds none', async (t) => {
  t.same(await loadAddOns(join(await folderWith(t, {}), 'nothing')), []);
});

t.test('a folder that cannot be read is named', async (t) => {
  const folder = await folderWith(t, { file: '' });
  t.equal(await refusalOf(join(folder, 'file')), `${join(folder, 'file')} can't be read (ENOTDIR).`);
});

t.test('a file that others can write is refused', async (t) => {
  for (const mode of [0o664, 0o646, 0o666]) {
    const folder = await folderWith(t, { 'a.mjs': GREET });
    const file = join(folder, 'a.mjs');
    await chmod(file, mode);
    const refusal = `${file} is not loaded: ${file} can be written by users other than its owner. Use chmod go-w, or chown.`;
    t.equal(await refusalOf(folder), refusal, mode.toString(8));
  }
});

t.test('a file in a folder that others can write is refused', async (t) => {
  const outer = await folderWith(t, {});
  const folder = join(outer, 'processors');
  await mkdir(folder, { mode: 0o755 });
  await writeFile(join(folder, 'a.mjs'), GREET, { mode: 0o644 });
  for (const [path, mode] of [
    [folder, 0o777],
    [folder, 0o1777],
    [folder, 0o770],
    [outer, 0o777],
  ] as const) {
    await chmod(path, mode);
    t.match(
      await refusalOf(folder),
      `${path} can be written by users other than its owner`,
      mode.toString(8),
    );
    await chmod(path, 0o755);
  }
  await chmod(outer, 0o1777);
  t.equal((await loadAddOns(folder)).length, 1, 'a sticky folder above protects what is in it');
});

t.test('a link is followed, and both its ends are looked at', async (t) => {
  const safe = await folderWith(t, { 'a.mjs': GREET });
  const folder = await folderWith(t, {});
  await symlink(join(safe, 'a.mjs'), join(folder, 'a.mjs'));
  t.equal((await loadAddOns(folder)).length, 1);
  await chmod(safe, 0o777);
  t.match(await refusalOf(folder), `${join(folder, 'a.mjs')} is not loaded: ${safe} can be written`);
  await chmod(safe, 0o755);
  await chmod(folder, 0o777);
  t.match(
    await refusalOf(folder),
    `${folder} can be written by users other than its owner`,
    'where anybody can turn the link',
  );
  await chmod(folder, 0o755);
  await rm(join(safe, 'a.mjs'));
  t.equal(
    await refusalOf(folder),
    `${join(folder, 'a.mjs')} can't be read (ENOENT). Fix it, or move it away.`,
  );
});

t.test("what belongs to Jupyter's user is refused", async (t) => {
  const folder = await folderWith(t, { 'a.mjs': GREET });
  const file = join(folder, 'a.mjs');
  const own = process.geteuid?.() ?? 0;
  t.match(
    await refusalOf(folder, own),
    `${file} can be written by Jupyter's user. Use chmod go-w, or chown.`,
  );
  if (own !== 0) return;
  await chown(file, 60_888, 60_888);
  t.match(await refusalOf(folder, 60_888), `${file} can be written by Jupyter's user`, 'the file alone');
  await chown(file, 0, 0);
  await chown(folder, 60_888, 60_888);
  t.match(await refusalOf(folder, 60_888), `${folder} can be written by Jupyter's user`, 'its folder alone');
});

const wrong: readonly [what: string, text: string, why: RegExp][] = [
  ['no default export', 'export const name = 1;', /default export is not a processor \(it: .*\)\. Fix it/],
  ['no compile', "export default { name: 'x', summary: 'y', options: {} };", /compile: a function/],
  ['a name in capitals', GREET.replace("'greet'", "'Greet'"), /name: lower-case letters/],
  ['an option of an unknown type', GREET.replace("'flag'", "'list'"), /options\.loud\.type: /],
  ['a syntax error', 'export default {', /can't be loaded \(SyntaxError: .*\)\. Fix it, or move it away/],
  ['an import that is not there', "import 'nowhere-at-all';", /can't be loaded \(Error: .*nowhere-at-all/],
  ['an error of its own', "throw new RangeError('too much');", /can't be loaded \(RangeError: too much\)/],
  ['the name of a built-in', GREET.replace("'greet'", "'shell'"), /a processor named shell already exists/],
  [
    'the name spin',
    GREET.replace("'greet'", "'spin'"),
    /a processor named spin already exists\. Give it another/,
  ],
];

for (const [what, text, why] of wrong) {
  t.test(`a file with ${what} is refused`, async (t) => {
    const folder = await folderWith(t, { 'a.mjs': text });
    const refusal = await refusalOf(folder);
    t.match(refusal, why);
    t.ok(refusal.startsWith(join(folder, 'a.mjs')), 'the file is named first');
  });
}

t.test('two files with one name are refused', async (t) => {
  const folder = await folderWith(t, { 'a.mjs': GREET, 'b.mjs': GREET });
  t.match(await refusalOf(folder), `${join(folder, 'b.mjs')}: a processor named greet already exists`);
});

t.test('a gateway loads them from its home, or does not start', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const start = (addOns: Readonly<Record<string, string>>) =>
    startTestGateway({ upstream: upstreamOf(jupyter), env: { WHO: 'canary-name' }, addOns });
  const gateway = await start({ 'greet.mjs': GREET });
  t.teardown(() => gateway.close());
  const client = connect(gateway);
  const kernel = await client.kernels.startNew({ name: 'python3' });
  const outcome = await execute(kernel, '%%greet\nWHO');
  t.match(outcome, { status: 'ok', stdout: 'hello ***!\n' });
  t.notMatch(outcome.frames, 'canary-name');
  t.match(gateway.lines('cell'), [{ processor: 'greet', status: 'ok' }]);
  await kernel.shutdown();
  client.close();

  await t.rejects(start({ 'broken.mjs': 'export default 1;' }), {
    name: 'ConfigError',
    message: /^Add-on: .*etc\/processors\/broken\.mjs: its default export/,
  });
});
