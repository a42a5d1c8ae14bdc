import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { textOf } from '../../gateway/oneshot/outputs.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { nbformatComplains, notebookFile, startRun } from '../support/notebooks.js';

t.setTimeout(120_000);

const CANARY = 'canary-value-5512';

let folder: string;
let environment: string;
t.before(async () => {
  environment = await jupyterEnvironment();
  folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  // Where Jupyter has a user of its own, it has to be let in.
  await chmod(folder, 0o755);
});
t.teardown(() => rm(folder, { recursive: true, force: true }));

const settings = () => ({ SPIN_HOME: join(folder, 'home'), SPIN_JUPYTER: environment, API_KEY: CANARY });

const CELLS = [
  {
    cell_type: 'markdown',
    source: ['# Report\n', 'text'],
    attachments: { 'a.png': { 'image/png': 'aaaa' } },
  },
  { cell_type: 'raw', source: 'raw', metadata: { format: 'text/x-rst' } },
  { source: 'days = 1', metadata: { tags: ['parameters'], collapsed: true } },
  'print(days, end="")\nimport sys; print(" of", sys.stdin is not None); print("{{runtime_env:API_KEY}}", file=sys.stderr)',
  'from IPython.display import display, update_display\nshown = display({"a": 1}, display_id="d")\n"result"',
  { source: 'update_display("updated", display_id="d")' },
  { source: 'raise ValueError("expected")', metadata: { tags: ['raises-exception'] } },
  { source: 'print("skipped")', metadata: { tags: ['skip-execution'] } },
  '%%shell\necho from {{runtime_env:API_KEY}}',
  'input("Name? ")',
  'print("not reached")',
];

t.test('a notebook runs to its first error, and is kept with what it showed', async (t) => {
  const path = join(folder, 'incident.ipynb');
  await writeFile(path, notebookFile(CELLS, { title: 'kept', authors: [{ name: 'Ada' }] }));
  const args = ['run', path, '-p', 'days=7', '--format', 'json'];
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  const { status, stdout, stderr } = await startRun(args, { ...settings(), TMPDIR: temporary }).ended;
  t.equal(status, 1, stderr);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.match(
    lines.map(({ index, id, status }) => `${index} ${id} ${status}`),
    [
      '2 cell-2 ok',
      /^3 [0-9a-f]{8} ok$/,
      '4 cell-3 ok',
      '5 cell-4 ok',
      '6 cell-5 ok',
      '7 cell-6 error',
      '8 cell-7 skipped',
      '9 cell-8 ok',
      '10 cell-9 error',
    ],
  );
  t.ok(lines.every(({ duration }) => typeof duration === 'number'));
  t.match(lines[2].output, /^7 of True\n\*\*\*\n$/);
  t.match(lines[7].output, /^from \*\*\*\n/);
  t.match(lines[8].output, /StdinNotImplementedError/);

  const executed = join(folder, 'incident.executed.ipynb');
  t.equal(await nbformatComplains(environment, executed), '', 'nbformat finds nothing wrong');
  const saved = await readFile(executed, 'utf8');
  const { cells, metadata } = parseNotebook(saved);
  t.match(metadata, {
    title: 'kept',
    authors: [{ name: 'Ada' }],
    kernelspec: { name: 'python3', language: 'python' },
    language_info: { name: 'python', file_extension: '.py' },
  });
  t.match(cells[0], { cell_type: 'markdown', source: '# Report\ntext', attachments: { 'a.png': {} } });
  t.match(cells[1], { cell_type: 'raw', metadata: { format: 'text/x-rst' } });
  t.match(cells[3], { source: '# Parameters\ndays = 7\n', metadata: { tags: ['injected-parameters'] } });
  t.match(cells[2], { metadata: { collapsed: true, execution: { 'shell.execute_reply': /^20/ } } });
  t.same(
    cells.map(({ execution_count }) => execution_count ?? null),
    [null, null, 1, 2, 3, 4, 5, 6, null, 7, 8, null],
  );
  t.match(cells[5]?.outputs, [
    { output_type: 'display_data', data: { 'text/plain': "'updated'" } },
    { output_type: 'execute_result', execution_count: 4 },
  ]);
  t.match(cells[7]?.outputs, [{ output_type: 'error', ename: 'ValueError', traceback: [/./] }]);
  t.same(cells[11]?.outputs, []);

  const report = await readFile(join(folder, 'incident.executed.html'), 'utf8');
  t.match(report, /<title>kept<\/title>/);
  t.match(report, /Content-Security-Policy" content="default-src .none.*form-action .none/);
  for (const [where, text] of Object.entries({ stdout, stderr, saved, report }))
    t.notOk(text.includes(CANARY), where);
  t.match(stderr, /cell 2 of 10: running\ncell 2 of 10: ok, \d\.\d\d s\n/);
  t.match(stderr, `notebook: ${executed}\nreport: ${join(folder, 'incident.executed.html')}\n`);
  t.same(await readdir(temporary), [], 'its socket is gone');
});

t.test('RUNTIME_MODE=oneshot runs NOTEBOOK_URL beside its data, and SIGTERM interrupts it', async (t) => {
  const path = join(folder, 'slow.ipynb');
  await writeFile(join(folder, 'data.txt'), 'beside it');
  const reads = 'print(open("data.txt").read())';
  const slow = 'import time\nprint("slow", flush=True)\ntime.sleep(600)';
  const many = Array.from({ length: 12 }, (_, at) => `x = ${at}`);
  await writeFile(path, notebookFile([...many, reads, slow, 'print("never")']));
  const once = { RUNTIME_MODE: 'oneshot', NOTEBOOK_URL: String(pathToFileURL(path)) };
  const run = startRun([], { ...settings(), ...once });
  await run.printed('slow\n');
  run.kill('SIGTERM');
  const { status, stdout, stderr } = await run.ended;
  t.equal(status, 143, stderr);
  t.match(stdout, /^beside it\nslow\n[-\s]*KeyboardInterrupt/);
  t.notMatch(stdout, /never|\x1b/);
  const file = join(folder, 'slow.executed.ipynb');
  t.equal(await nbformatComplains(environment, file), '');
  const { cells } = parseNotebook(await readFile(file, 'utf8'));
  t.match(cells[13]?.outputs?.map(textOf), ['slow\n', /KeyboardInterrupt/]);
  t.notMatch(stderr, 'Warning');
  t.match(cells[14], { outputs: [], execution_count: null });
});
