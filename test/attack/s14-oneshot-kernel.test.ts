import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { notebookFile, startRun } from '../support/notebooks.js';

t.setTimeout(180_000);

const SAY = `k = get_ipython().kernel
def say(kind, content, **more):
    k.session.send(k.iopub_socket, kind, content, parent=k.get_parent("shell"), **more)`;
/** What nothing can turn into text in JavaScript. */
const NO_TEXT = '{"toString": 1}';

t.test('S14: whatever kernel a notebook names', async (t) => {
  const folder = t.testdir({});
  const path = join(folder, 'x.ipynb');
  const env = { SPIN_HOME: join(folder, 'home'), SPIN_JUPYTER: await jupyterEnvironment() };
  for (const name of ['constructor', '\u001b[2J']) {
    await writeFile(path, notebookFile(['1'], { kernelspec: { name } }));
    const { status, stderr } = await startRun(['run', path, '-p', 'a=1'], env).ended;
    t.equal(status, 78, stderr);
    t.match(stderr, /asks for the kernel "[\x20-\x7e]+", which .* It has: python3\./);
  }
});

t.test('S14: whatever a kernel says, a run ends in order, and its notebook is written', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  await chmod(folder, 0o755);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const env = { SPIN_HOME: join(folder, 'home'), SPIN_JUPYTER: await jupyterEnvironment() };
  const run = async (name: string, format: string, cells: readonly string[]) => {
    const path = join(folder, `${name}.ipynb`);
    await writeFile(path, notebookFile([SAY, ...cells]));
    const outcome = await startRun(['run', path, '--format', format], env).ended;
    const saved = await readFile(join(folder, `${name}.executed.ipynb`), 'utf8');
    return { ...outcome, cells: parseNotebook(saved).cells };
  };
  const odd = [
    `say("stream", {"name": "stdout", "text": ${NO_TEXT}})`,
    `say("display_data", {"data": {"text/plain": ${NO_TEXT}}, "metadata": 1})`,
    `say("display_data", {"data": None, "transient": [1]})`,
    `say("error", {"traceback": [${NO_TEXT}]})`,
    'print("after")',
  ];
  for (const format of ['text', 'json']) {
    const { status, stdout, stderr, cells } = await run(format, format, odd);
    t.equal(status, 0, stderr);
    t.match(stdout, 'after', format);
    t.match(cells.at(-1)?.outputs, [{ text: 'after\n' }], format);
  }
  const { status, stderr, cells } = await run('lost', 'text', [
    'print("before")',
    `say("status", {"execution_state": ${NO_TEXT}})`,
    'print("never")',
  ]);
  t.equal(status, 1, stderr);
  t.match(cells[1]?.outputs, [{ text: 'before\n' }]);
  t.match(cells[2]?.outputs, [{ output_type: 'error', evalue: /not a protocol message/ }]);
});
