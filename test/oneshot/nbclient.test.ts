import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../../gateway/jupyter/command.js';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { nbformatComplains, notebookFile, startRun } from '../support/notebooks.js';

t.setTimeout(120_000);

/** What nbclient, which Jupyter's own tools run notebooks with, keeps of them is what a run keeps. */
const CELLS = [
  {
    cell_type: 'markdown',
    source: '# T\n![x](attachment:a.png)',
    attachments: { 'a.png': { 'image/png': 'aaaa' } },
  },
  { cell_type: 'raw', source: 'raw' },
  'print("a", end=""); print("b")\nimport sys\nprint("err", file=sys.stderr); print("é☃😀")',
  'from IPython.display import *\nh = display("one", display_id=True)\ndisplay("uno", display_id=h.display_id); print("between")',
  'h.update("two")',
  'for i in range(3):\n    clear_output(wait=True); print(i)',
  'print("stays"); clear_output(wait=True)',
  'print("goes"); clear_output(); print("stays")',
  'display({"application/json": {"big": 12345678901234567890, "f": 1.0, "e": 1e-7, "z": -0.0, "k": {"10": 1, "2": 2}}}, raw=True)\nJSON({"a": [1e22]})',
  'float("nan"), 1.0',
  // What comes by a file descriptor is read by a thread of the kernel's: the cell waits for it, as nobody hears it later.
  `import os, sys, threading
read, write = threading.Event(), sys.stdout.write
def reading(text):
    write(text)
    if "sub" in text: read.set()
sys.stdout.write = reading
os.write(1, b"from fd\\n"); os.system("echo sub")
_ = read.wait(60)
del sys.stdout.write`,
  '',
  '  \n',
  '%%html\n<b>hi</b>',
  'import pandas; pandas.DataFrame({"a": [1, 2]})',
  'display(Markdown("# m"), Latex("$x$")); SVG("<svg xmlns=\'http://www.w3.org/2000/svg\'/>")',
  '1;',
  'await __import__("asyncio").sleep(0, 5)',
  { source: 'input("Name? ")', metadata: { tags: ['raises-exception'] } },
  'def f(): raise KeyError("deep")\ntry: f()\nexcept KeyError as e: raise RuntimeError("outer") from e',
  'print("the last")',
];

t.test('an executed notebook holds what nbclient keeps of the same one', async (t) => {
  const environment = await jupyterEnvironment();
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const ours = join(folder, 'ours.ipynb');
  const theirs = join(folder, 'theirs.ipynb');
  await writeFile(ours, notebookFile(CELLS));
  await copyFile(ours, theirs);
  const execute = join(environment, 'bin', 'jupyter-execute');
  const nbclient = await run(execute, ['--allow-errors', '--inplace', theirs], { env: process.env });
  t.equal(nbclient.status, 0, nbclient.stderr);
  const settings = { SPIN_HOME: join(folder, 'home'), SPIN_JUPYTER: environment };
  const { status, stderr } = await startRun(['run', ours, '--continue', '--output', ours], settings).ended;
  t.equal(status, 1, stderr);
  t.equal(await nbformatComplains(environment, ours), '');

  const found = await cellsOf(ours);
  const expected = await cellsOf(theirs);
  expected.forEach((cell, at) => {
    t.same(found[at], cell, `cell ${at}`);
  });
  t.equal(found.length, expected.length);
  t.match(
    await readFile(ours, 'utf8'),
    /"big": 12345678901234567890,\n *"f": 1\.0,\n *"e": 1e-07,\n *"z": -0\.0,/,
  );
});

/** The cells of a notebook, with the times that they have rather than what those are. */
async function cellsOf(path: string) {
  const text = (await readFile(path, 'utf8')).replace(/(ipykernel_)\d+\/\d+/g, '$1');
  return parseNotebook(text).cells.map((cell) => {
    const { execution = {} } = cell.metadata;
    const { execution: _, ...metadata } = cell.metadata;
    return { ...cell, metadata, times: Object.keys(execution as object).sort() };
  });
}
