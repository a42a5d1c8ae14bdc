import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { startBrowser } from '../support/browser.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { notebookFile, startRun } from '../support/notebooks.js';

t.setTimeout(300_000);

let folder: string;
let jupyter: StockJupyter;

t.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  // A stock one's limit is 1,000 messages a second, which a small, busy machine may never reach.
  jupyter = await startStockJupyter({ args: ['--ZMQChannelsWebsocketConnection.iopub_msg_rate_limit=50'] });
});
t.teardown(async () => {
  await jupyter?.close();
  await rm(folder, { recursive: true, force: true });
});

const fronting = ({ url, token }: StockJupyter) => ({
  SPIN_HOME: join(folder, 'home'),
  SPIN_UPSTREAM: url,
  SPIN_UPSTREAM_TOKEN: token,
});

/** Runs a notebook of these cells in front of a stock Jupyter; gives its outcome and the executed cells. */
async function runCells(name: string, sources: readonly string[], args: readonly string[] = []) {
  const path = join(folder, `${name}.ipynb`);
  await writeFile(path, notebookFile(sources));
  const outcome = await startRun(['run', path, ...args], fronting(jupyter)).ended;
  const { cells } = parseNotebook(await readFile(join(folder, `${name}.executed.ipynb`), 'utf8'));
  return { ...outcome, cells };
}

t.test('O1: what Jupyter drops of an output is a loss, and is said', async (t) => {
  const cells = [
    'print("quiet")',
    'import sys\nfor i in range(1_000): sys.stdout.write(f"{i}\\n"); sys.stdout.flush()',
    'import sys; print("IOPub message rate exceeded.", file=sys.stderr)',
  ];
  const { status, stdout, stderr } = await runCells('chatty', cells, ['--format', 'json']);
  t.equal(status, 1, stderr);
  t.match(stderr, /cell 2 of 3: Jupyter dropped some of its output.*iopub_msg_rate_limit/);
  t.match(stderr, 'incomplete: Jupyter dropped output of cell 2 of 3\n');
  const incomplete = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).incomplete);
  t.same(incomplete, [undefined, true, undefined], 'a cell that prints the same words has lost nothing');
  t.match(
    await readFile(join(folder, 'chatty.executed.html'), 'utf8'),
    'incomplete: Jupyter dropped output of cell 2',
  );
});

for (const [name, code] of Object.entries({
  call: 'exit()',
  word: 'quit',
  kept: 'print("bye"); exit(True)',
})) {
  t.test(`O2: a run ends in the cell that says ${code}`, async (t) => {
    const { status, stdout, stderr, cells } = await runCells(
      name,
      ['print(1)', code, 'print("later")', '1/0'],
      ['--format', 'json', '--continue'],
    );
    t.equal(status, 0, stderr);
    t.equal(stdout.trim().split('\n').length, 2, 'no later cell runs');
    t.match(stderr, /^ended by exit\(\) in cell 2 of 4, 2 not run$/m);
    t.same(cells[2]?.outputs, []);
    t.notMatch(stderr, 'DeadKernelError');
  });
}

t.test('O3: -k chooses the kernel, and names those that there are', async (t) => {
  const path = join(folder, 'other.ipynb');
  await writeFile(path, notebookFile(['1'], { kernelspec: { name: 'julia', display_name: 'Julia' } }));
  const chosen = await startRun(['run', path, '-k', 'python3'], fronting(jupyter)).ended;
  t.match(chosen, { status: 0, stdout: '1\n' });
  const saved = parseNotebook(await readFile(join(folder, 'other.executed.ipynb'), 'utf8'));
  t.match(saved.metadata, { kernelspec: { name: 'python3' }, language_info: { name: 'python' } });
  t.match(await startRun(['run', path, '--kernel', 'nono'], fronting(jupyter)).ended, {
    status: 78,
    stderr: /-k asks for the kernel "nono", .* It has: python3\. Choose one of these with -k/,
  });
});

t.test('O3: a report says when, how long, with what, and what came of it', async (t) => {
  const name = 'head';
  const cells = ['1', '2', '3', 'raise ValueError("no")', '5'];
  const args = ['-p', 'days=7', '-p', 'team=<b>"web" & co'];
  const { status, stderr } = await runCells(name, cells, args);
  t.equal(status, 1);
  t.match(stderr, /^failed: cell 5 of 6, 1 not run$/m, 'the parameters are a cell too');
  const browser = await startBrowser({ viewport: { width: 1100, height: 900 } });
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  await page.goto(String(pathToFileURL(join(folder, `${name}.executed.html`))));
  const head = await page.locator('header.spin-run').textContent();
  t.match(head, 'head.executed – failed: cell 5 of 6, 1 not run');
  t.match(head, /started\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTCtook\d+\.\d skernelPython 3/);
  t.match(head, 'days = 7');
  t.match(head, 'team = "<b>\\"web\\" & co"', 'as text');
  for (const [width, colorScheme] of [
    [1100, 'light'],
    [1100, 'dark'],
    [360, 'light'],
  ] as const) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const { scrollWidth, clientWidth } = await page
      .locator('header.spin-run')
      .evaluate((element) => ({ scrollWidth: element.scrollWidth, clientWidth: element.clientWidth }));
    t.ok(scrollWidth <= clientWidth, `nothing sticks out at ${width}`);
    await page.screenshot({ path: `${process.env.SHOTS ?? folder}/head-${width}-${colorScheme}.png` });
  }
});
