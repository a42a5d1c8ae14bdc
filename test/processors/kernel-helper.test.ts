import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import t from 'tap';
import { helperSource } from '../../processors/kernel/helper.js';
import { startKernel } from './kernel.js';

t.setTimeout(120_000);

/** The modules of the helper as a kernel is sent them, in their order: its names and sources. */
function modules(): ReadonlyMap<string, string> {
  const packed = /"source": "([^"]+)"/.exec(helperSource())?.[1] ?? '';
  const pieces = inflateSync(Buffer.from(packed, 'base64')).toString().split('\0');
  return new Map(pieces.flatMap((name, at) => (at % 2 === 0 ? [[name, pieces[at + 1] ?? ''] as const] : [])));
}

t.test("the helper's imports form no circle, and nothing of it is left out", async (t) => {
  const loaded = new Set<string>();
  for (const [name, source] of modules()) {
    const wanted = [...source.matchAll(/^\s*from \.(\w*) import/gm)].map(
      ([, each]) => `_spin_runtime.${each}`,
    );
    t.same(
      wanted.filter((each) => !loaded.has(each)),
      [],
      name,
    );
    loaded.add(name);
  }
  const files = (await readdir(join('processors', 'kernel'))).filter((name) => name.endsWith('.py'));
  const names = files.map((name) => `_spin_runtime.${name.slice(0, -3)}`.replace('.__init__', ''));
  t.same([...loaded].sort(), names.sort());
});

t.test('in a kernel', async (t) => {
  const { kernel } = await startKernel(t, { 'runtime_env:KEY': 'a value' });
  const says = async (code: string) => {
    const { status, stdout, error } = await kernel.send(code);
    t.equal(status, 'ok', error);
    return stdout.trim();
  };

  await t.test('the helper shows among no names, files and sources', async (t) => {
    const seen = `
import sys, os, linecache
names = {*dir(), *vars(__builtins__)} - {"__spin__", "names"}
print(sorted(each for each in names if not each.startswith("_i")), os.listdir())`;
    await says(seen);
    const before = await says(seen);
    t.equal((await kernel.run('%%shell\necho ran')).stdout, 'ran\n');
    t.equal(await says(seen), before);
    const all = '[each for name, each in sys.modules.items() if name.split(".")[0] == "_spin_runtime"]';
    t.equal(await says(`print(len(${all}))`), String(modules().size));
    t.equal(await says(`print([each for each in ${all} if hasattr(each, "__file__")])`), '[]');
    t.equal(await says('print([each for each in linecache.cache if "SPIN" in each])'), '[]');
  });

  await t.test('a reloader passes over it, and its error can be pickled', async (t) => {
    const kept = 'import sys; kept = sys.modules["_spin_runtime"]';
    await says(`%load_ext autoreload\n%autoreload 2\n${kept}`);
    t.match(await kernel.run('print("{{runtime_env:KEY}}")'), { stdout: 'a value\n', stderr: '' });
    t.equal(await says('print(kept is sys.modules["_spin_runtime"])'), 'True');
    t.equal(
      await says('import pickle; print(repr(pickle.loads(pickle.dumps(kept.SpinError("a sentence")))))'),
      "SpinError('a sentence')",
    );
  });

  // As the first version had it: one module, of which nothing but this was looked at.
  const older = `
import sys, types
older = types.ModuleType("_spin_runtime")
older.VERSION, older.runtime = "older", sys.modules["_spin_runtime"].runtime
for name in [each for each in sys.modules if each.startswith("_spin_runtime")]:
    del sys.modules[name]
sys.modules["_spin_runtime"] = older`;

  await t.test('one that cannot be loaded leaves the older one in its place', async (t) => {
    await kernel.run('def value(): return "{{runtime_env:KEY}}"');
    await says(`${older}\nimport gzip\nsys.modules["gzip"] = None`);
    t.match(await kernel.run('%%shell\necho ran'), { status: 'error', stdout: '' });
    await says('sys.modules["gzip"] = gzip');
    t.equal(
      await says('print([each for each in sys.modules if each.startswith("_spin_runtime")])'),
      "['_spin_runtime']",
    );
    t.equal(await says('print(sys.modules["_spin_runtime"] is older, value())'), 'True a value');
  });

  await t.test('a newer one takes over what functions of older cells hold', async (t) => {
    t.match(await kernel.run('print("{{runtime_env:KEY}}", value())'), { stdout: 'a value a value\n' });
    t.equal(await says('print(sys.modules["_spin_runtime"] is older, value())'), 'False a value');
  });
});
