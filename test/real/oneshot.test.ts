import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Request } from 'playwright-core';
import t from 'tap';
import { parseNotebook } from '../../gateway/oneshot/notebook.js';
import { textOf } from '../../gateway/oneshot/outputs.js';
import { startBrowser } from '../support/browser.js';
import { eventually } from '../support/embedded.js';
import { jupyterEnvironment, type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { nbformatComplains, notebookFile, startRun } from '../support/notebooks.js';
import { PASSWORD, startPrometheus } from '../support/prometheus.js';
import { until } from '../support/until.js';

t.setTimeout(600_000);

const VALUE = 'canary-value-"\'$`{{\\%&;-8841';

let folder: string;
let environment: string;
let jupyter: StockJupyter;

t.before(async () => {
  environment = await jupyterEnvironment();
  folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  jupyter = await startStockJupyter({ basePath: '/user/me' });
});
t.teardown(async () => {
  await jupyter?.close();
  await rm(folder, { recursive: true, force: true });
});

const fronting = (server: StockJupyter) => ({
  SPIN_HOME: join(folder, 'home'),
  SPIN_UPSTREAM: server.url,
  SPIN_UPSTREAM_TOKEN: server.token,
});

async function kernelsOf({ url, token }: StockJupyter): Promise<unknown> {
  return (await fetch(`${url}/api/kernels`, { headers: { authorization: `token ${token}` } })).json();
}

/** Runs a notebook of these cells in front of a Jupyter; gives its outcome and the executed notebook. */
async function runCells(
  name: string,
  cells: Parameters<typeof notebookFile>[0],
  {
    args = [],
    env = {},
    server = jupyter,
  }: { args?: string[]; env?: Record<string, string>; server?: StockJupyter } = {},
) {
  const path = join(folder, `${name}.ipynb`);
  await writeFile(path, notebookFile(cells));
  const outcome = await startRun(['run', path, ...args], { ...fronting(server), ...env }).ended;
  const executed = join(folder, `${name}.executed.ipynb`);
  t.equal(await nbformatComplains(environment, executed), '', `${name} is valid`);
  const saved = await readFile(executed, 'utf8');
  return { ...outcome, saved, cells: parseNotebook(saved).cells };
}

t.test('brokered cells run, and their credential is in nothing that a run leaves', async (t) => {
  const prometheus = await startPrometheus();
  t.teardown(() => prometheus.close());
  const catalogue = join(folder, 'connections.yaml');
  const connection = `type: prometheus, url: "${prometheus.url}", username: ${prometheus.user}, password: "{{runtime_env:PROM}}"`;
  await writeFile(catalogue, `connections:\n  prod: {${connection}}\n`);
  const cells = [
    { cell_type: 'markdown', source: '# Nightly\n**all** targets' },
    '%%prometheus prod --out found\nup',
    '%%prometheus prod --range 5m --step 1s\nup',
    'print(float(found.value[0]), "{{runtime_env:API_KEY}}")',
    '%%html\n<p id="safe">before</p><script>document.getElementById("safe").textContent = "run"</script>' +
      '<img src="x" onerror="document.getElementById(\'safe\').textContent = \'run\'">' +
      '<iframe sandbox="" srcdoc="&lt;p>a stranger’s page&lt;/p>"></iframe>',
    'import base64\nfrom IPython.display import Image\nImage(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))',
  ];
  const env = { PROM: PASSWORD, API_KEY: VALUE, SPIN_CONNECTIONS: catalogue };
  const { status, stdout, stderr, saved } = await runCells('nightly', cells, { env, args: ['-p', 'days=7'] });
  t.equal(status, 0, stderr);
  t.match(stdout, /itself "quoted".*\(1 row\)/s);
  t.match(stdout, /^1\.0 \*\*\*$/m);
  t.same(await kernelsOf(jupyter), [], 'its kernel is ended');

  const html = join(folder, 'nightly.executed.html');
  const left = { stdout, stderr, saved, report: await readFile(html, 'utf8'), log: jupyter.log() };
  for (const [where, text] of Object.entries(left))
    for (const secret of [
      PASSWORD,
      VALUE,
      JSON.stringify(PASSWORD).slice(1, -1),
      'canary-value',
      jupyter.token,
    ])
      if (where !== 'log' || secret !== jupyter.token)
        t.notOk(text.includes(secret), `${secret} in ${where}`);

  t.test('the report is a page that needs nothing else', async (t) => {
    const browser = await startBrowser({ viewport: { width: 1100, height: 1400 } });
    t.teardown(() => browser.close());
    const page = await browser.newPage();
    const elsewhere: Request[] = [];
    page.on('request', (request) => {
      if (!/^(data|file):/.test(request.url())) elsewhere.push(request);
    });
    await page.goto(String(pathToFileURL(html)));
    t.equal(await page.textContent('h1'), 'Nightly¶');
    t.match(await page.textContent('.jp-RenderedHTMLCommon table'), 'itself "quoted"');
    const widths = await page
      .locator('img[src^="data:"]')
      .evaluateAll((images) => images.map((image) => 'naturalWidth' in image && Number(image.naturalWidth)));
    t.match(widths.slice(1), [1]);
    t.ok(Number(widths[0]) > 700, `the chart is a picture: ${widths}`);
    t.equal(await page.locator('img[alt="chart"]').count(), 1);
    t.notMatch(await page.textContent('body'), '<chart of');
    t.equal(await page.textContent('#safe'), 'before', 'no script of an output runs');
    t.match(await page.frameLocator('iframe').locator('p').textContent(), 'a stranger’s page');
    const refused = elsewhere.map((request) => request.failure()?.errorText);
    t.ok(
      refused.every((reason) => reason === 'csp'),
      `what it would load is refused by its own policy: ${refused}`,
    );
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({
        path: `${process.env.SHOTS ?? folder}/report-${colorScheme}.png`,
        fullPage: true,
      });
    }
  });
});

const STUBBORN =
  'import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint("begun", flush=True)\nwhile True: pass';

t.test('a second signal does not wait for the cell, and still ends the kernel', async (t) => {
  const path = join(folder, 'twice.ipynb');
  // Before the kernel has come to heed no signal, the first one would end the cell.
  const deaf = join(folder, 'deaf');
  const mark = `open(${JSON.stringify(deaf)}, "w").close()`;
  await writeFile(path, notebookFile([STUBBORN.replace('while', `${mark}\nwhile`)]));
  const run = startRun(['run', path, '--format', 'urls'], fronting(jupyter));
  await run.told('cell 1 of 1: running');
  await until(() => existsSync(deaf), 30_000);
  run.kill('SIGINT');
  await run.told('stopping; a signal now ends it at once');
  run.kill('SIGINT');
  const { status, stdout, stderr } = await run.ended;
  t.equal(status, 130, stderr);
  const executed = join(folder, 'twice.executed.ipynb');
  t.equal(stdout, `${pathToFileURL(executed)}\n`, 'there is no report');
  const { cells } = parseNotebook(await readFile(executed, 'utf8'));
  t.notMatch(JSON.stringify(cells), 'an interrupt did not stop the cell');
  await eventually('its kernel is ended', async () => isDeepStrictEqual(await kernelsOf(jupyter), []));
});

t.test('MAX_DURATION ends a cell that heeds no interrupt', async (t) => {
  const { status, stdout, stderr, cells } = await runCells('stubborn', [STUBBORN], {
    env: { MAX_DURATION: '10s' },
  });
  t.equal(status, 124, stderr);
  t.match(stdout, /^begun\nInterrupted: /);
  t.match(cells[0]?.outputs?.map(textOf), ['begun\n', /an interrupt did not stop the cell/]);
  t.match(stderr, /cell 1 of 1: interrupted/);
  t.same(await kernelsOf(jupyter), []);
});

t.test('MAX_DURATION counts while there is no Jupyter yet, and the notebook is written', async (t) => {
  const silent = createTcpServer(() => {}).listen(0, '127.0.0.1');
  t.teardown(() => silent.close());
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const { status, cells } = await runCells('late', ['1'], {
    env: { MAX_DURATION: '1s', SPIN_UPSTREAM: `http://127.0.0.1:${port}` },
  });
  t.equal(status, 124);
  t.match(cells, [{ source: '1', outputs: [], execution_count: null }]);
});

t.test('a kernel that dies fails its cell and the run', async (t) => {
  const { status, stderr, cells } = await runCells('dead', ['import os; os.abort()', 'print("never")'], {
    args: ['--continue'],
  });
  t.equal(status, 1, stderr);
  t.match(cells[0]?.outputs, [{ output_type: 'error', ename: 'DeadKernelError' }]);
  t.same(cells[1]?.outputs, []);
});

t.test('--continue runs on, and the status still says that a cell failed', async (t) => {
  const { status, stdout } = await runCells('on', ['1/0', 'print("reached")'], {
    args: ['--continue', '--format', 'json'],
  });
  t.equal(status, 1);
  t.match(stdout, /"status":"error".*\n.*"status":"ok".*"output":"reached\\n"/);
});

t.test('a notebook from the web runs in the working directory, and the urls are where it went', async (t) => {
  const server = createServer((_req, res) => res.end(notebookFile(['print("from the web")']))).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = `http://me:canary@127.0.0.1:${(server.address() as AddressInfo).port}/web.ipynb?token=canary`;
  const { status, stdout, stderr } = await startRun(
    ['run', url, '--format', 'urls'],
    fronting(jupyter),
    folder,
  ).ended;
  t.equal(status, 0, stderr);
  const executed = join(folder, 'web.executed.ipynb');
  t.equal(stdout, `${pathToFileURL(executed)}\n${pathToFileURL(join(folder, 'web.executed.html'))}\n`);
  for (const text of [stdout, stderr, await readFile(executed, 'utf8')]) t.notMatch(text, 'canary');
});

t.test('the old Jupyter of Debian runs one too', async (t) => {
  const server = await startStockJupyter({ command: ['/usr/bin/jupyter-server'] });
  t.teardown(() => server.close());
  const cells = ['print("{{runtime_env:API_KEY}}")', '%%shell\necho shell'];
  const { status, stdout, stderr } = await runCells('old', cells, { server, env: { API_KEY: VALUE } });
  t.equal(status, 0, stderr);
  t.match(stdout, /^\*\*\*\nshell\n/);
});

t.test('without a Jupyter, or without its kernel, nothing is run or written', async (t) => {
  const path = join(folder, 'none.ipynb');
  await writeFile(path, notebookFile(['1'], { kernelspec: { name: 'julia', display_name: 'Julia' } }));
  const nowhere = { ...fronting(jupyter), SPIN_UPSTREAM: 'http://127.0.0.1:9' };
  t.match(await startRun(['run', path], nowhere).ended, {
    status: 69,
    stdout: '',
    stderr: /No Jupyter answers at SPIN_UPSTREAM/,
  });
  const unknown = await startRun(['run', path], fronting(jupyter)).ended;
  t.match(unknown, {
    status: 78,
    stdout: '',
    stderr: /kernel "julia", which this Jupyter doesn't have\. It has: python3\./,
  });
  await t.rejects(readFile(join(folder, 'none.executed.ipynb')), { code: 'ENOENT' });
});
