import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { type Home, homeAt } from '../../gateway/home.js';
import { Secret } from '../../processors/core/secret.js';
import { startBrowser, type Watch, watch } from '../support/browser.js';
import { startTestGateway, type TestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { ended, LabNotebook, notebookOf, outputOf, PATIENCE, putNotebook } from '../support/lab.js';
import { until } from '../support/until.js';

t.setTimeout(300_000);

const CANARY = 'canary-"\'$`{{\\%&;-8841';
/** JupyterLab uploads what is larger than a megabyte in pieces. */
const FILE = randomBytes(2_500_000);

let home: Home;
let gateway: TestGateway;
let site: string;
let browser: BrowserContext;
let page: Page;
let watched: Watch;
let notebook: LabNotebook;

t.before(async () => {
  home = homeAt(await mkdtemp(join(tmpdir(), 'spin-test-')));
  const environment = await jupyterEnvironment();
  // Makes the certificate that the browser is to trust, so that the browser is there before Jupyter is.
  const before = await startTestGateway({
    home,
    upstream: upstreamOf({ url: 'http://127.0.0.1:9', token: '' }),
  });
  browser = await startBrowser({
    trust: [Number(before.gateway.url.port)],
    viewport: { width: 1280, height: 1000 },
  });
  await before.close();
  page = browser.pages()[0] ?? (await browser.newPage());
  watched = watch(page);
  notebook = new LabNotebook(page);
  gateway = await startTestGateway({
    home,
    upstream: { kind: 'embedded', environment },
    env: { API_KEY: CANARY },
  });
  site = gateway.origin.replace('http://127.0.0.1', 'https://localhost');
});
t.teardown(async () => {
  await browser.close();
  await gateway.close();
  await rm(home.root, { recursive: true, force: true });
});

t.test('a person is logged in by the link, waits for Jupyter, and is in JupyterLab', async (t) => {
  const began = await page.goto(await loginUrl(site, new Secret(TOKEN)));
  t.equal(began?.status(), 503);
  t.equal(await page.textContent('h1'), 'Jupyter is starting');
  t.equal(page.url(), `${site}/`, 'over TLS, without the code');
  await page.locator('.jp-Launcher').waitFor({ timeout: PATIENCE });
  t.equal(page.url(), `${site}/lab`, 'the page moved on by itself');
  t.match(gateway.lines('Jupyter is ready'), [{}]);
});

t.test('A3: the File menu has Log Out, which leads to the page that ends the session', async (t) => {
  await page.locator('.lm-MenuBar-item', { hasText: /^File$/ }).click();
  const entries = page.locator('.lm-Menu-item:visible .lm-Menu-itemLabel');
  await entries.filter({ hasText: /^Log Out$/ }).waitFor({ timeout: PATIENCE });
  t.notOk((await entries.allTextContents()).includes('Shut Down'), 'and nothing that ends the server');
  await page.screenshot({ path: `${process.env.SHOTS ?? home.root}/file-menu.png` });
  await entries.filter({ hasText: /^Log Out$/ }).click();
  await page.getByRole('heading', { name: 'Log out?' }).waitFor({ timeout: PATIENCE });
  t.equal(new URL(page.url()).pathname, '/spin/logout');
  await page.getByRole('link', { name: 'Back to Jupyter' }).click();
  await page.locator('.jp-Launcher').waitFor({ timeout: PATIENCE });
});

t.test('opens a notebook from the file browser', async (t) => {
  await putNotebook(gateway, 'incident.ipynb', notebookOf(['']));
  await page.locator('.jp-FileBrowser [data-jp-item-name="refresh"]').click();
  await page.locator('.jp-DirListing-item[title*="incident.ipynb"]').dblclick();
  await notebook.ready();
  t.equal(page.url(), `${site}/lab/tree/incident.ipynb`);
});

t.test('a Python cell computes with a value that it does not show', async (t) => {
  const computed = await notebook.run("key = '{{runtime_env:API_KEY}}'\nlen(key), key.startswith('canary-')");
  t.equal(await outputOf(computed), `(${CANARY.length}, True)`);
  t.equal((await outputOf(await notebook.run('print(key)'))).trim(), '***');
});

t.test('a %%shell cell shows its output as it comes', async (t) => {
  const cell = await notebook.start(
    '%%shell\necho first {{runtime_env:API_KEY}}\nuntil [ -e go ]; do sleep 0.05; done\necho second',
  );
  await cell.locator('.jp-OutputArea-output', { hasText: 'first ***' }).waitFor({ timeout: PATIENCE });
  t.equal(await cell.locator('.jp-InputPrompt').textContent(), '[*]:', 'it is still running');
  await writeFile(join(home.notebooks, 'go'), '');
  await ended(cell);
  t.equal((await outputOf(cell)).trim(), 'first ***\nsecond');
});

t.test('a %%rest cell shows JSON as a tree', async (t) => {
  let authorization: string | undefined;
  const service = createServer((req, res) => {
    authorization = req.headers.authorization;
    res.setHeader('content-type', 'application/json');
    res.end(JSON.stringify({ status: 'firing', alerts: [{ name: 'HighLatency' }], sent: authorization }));
  }).listen(0, '127.0.0.1');
  await once(service, 'listening');
  t.teardown(() => service.close());
  const { port } = service.address() as AddressInfo;
  const cell = await notebook.run(
    `%%rest --out found\nGET http://127.0.0.1:${port}/alerts\nAuthorization: Bearer {{runtime_env:API_KEY}}`,
  );
  t.match(await outputOf(cell), 'HTTP 200 OK');
  t.equal(authorization, `Bearer ${CANARY}`);
  const tree = cell.locator('.jp-RenderedJSON');
  await tree.locator('li', { hasText: 'status"firing"' }).first().waitFor();
  await tree.getByText('alerts').click();
  await tree.getByText('1 item').first().waitFor();
  t.match(await tree.textContent(), 'Bearer ***');
  t.equal(await outputOf(await notebook.run("found['alerts'][0]['name']")), "'HighLatency'");
});

t.test('a slider moved in the browser moves in the kernel', async (t) => {
  const shown = await notebook.run('import ipywidgets\nslider = ipywidgets.IntSlider(20, max=100)\nslider');
  await shown.locator('.noUi-handle').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await shown.locator('.widget-readout', { hasText: /^22$/ }).waitFor();
  // The second step is sent when the kernel has done with the first one: maybe after the cell.
  let value = '';
  await until(async () => {
    value = await outputOf(await notebook.run('slider.value'));
    return value !== '20' && value !== '21';
  }, PATIENCE);
  t.equal(value, '22');
  await notebook.run('slider.value = 77');
  await shown.locator('.widget-readout', { hasText: /^77$/ }).waitFor();
});

t.test('a mistake in a cell is explained in the cell', async (t) => {
  const cell = await notebook.run('%%shell --tiemout 3\necho never > never');
  t.match(await outputOf(cell), 'SpinError: %%shell has no option --tiemout. Did you mean --timeout?');
});

t.test('a terminal', async (t) => {
  await page.locator('.lm-TabBar-addButton:visible').first().click();
  await page.locator('.jp-LauncherCard[title="Start a new terminal session"]:visible').click();
  await page.locator('.jp-Terminal:visible .xterm-screen').click();
  // The terminal paints on a canvas: what it was sent can be read, what it painted can't.
  const printed = (text: RegExp) => until(() => watched.received.some((message) => text.test(message)));
  // JupyterLab forgets what is typed before the terminal is connected.
  await printed(/"stdout".*\$ /);
  await page.keyboard.type('echo made-by-$((6*7)) | tee made\n');
  await printed(/"stdout".*made-by-42/);
  // tee writes to the terminal first.
  const made = () => readFile(join(home.notebooks, 'made'), 'utf8');
  await until(async () => (await made()) !== '');
  t.equal(await made(), 'made-by-42\n');
});

t.test('a file goes up and comes down unchanged', async (t) => {
  const chooser = page.waitForEvent('filechooser');
  await page.locator('.jp-FileBrowser [data-jp-item-name="uploader"]').click();
  await (await chooser).setFiles({ name: 'data.bin', mimeType: 'application/octet-stream', buffer: FILE });
  const item = page.locator('.jp-DirListing-item[title*="data.bin"]');
  await item.waitFor({ timeout: PATIENCE });
  await until(async () => FILE.equals(await readFile(join(home.notebooks, 'data.bin'))));
  await item.click({ button: 'right' });
  const download = page.waitForEvent('download');
  await page.locator('.lm-Menu-item[data-command="filebrowser:download"]').click();
  const down = await readFile(await (await download).path());
  t.ok(FILE.equals(down), `${down.length} bytes`);
});

t.test('what is saved is there after a reload, and holds no value', async (t) => {
  await page.locator('.lm-DockPanel-tabBar .lm-TabBar-tab', { hasText: 'incident.ipynb' }).click();
  await notebook.cells.last().locator('.cm-content').click();
  await page.keyboard.press('Control+s');
  const path = join(home.notebooks, 'incident.ipynb');
  await until(async () => (await readFile(path, 'utf8')).includes('tiemout'));
  const saved = await readFile(path, 'utf8');
  t.match(saved, '{{runtime_env:API_KEY}}');
  t.notOk(holdsCanary(saved), 'the .ipynb');
  const checkpoint = join(home.notebooks, '.ipynb_checkpoints', 'incident-checkpoint.ipynb');
  // It is made after the file is saved; the one that is there until then holds no cell yet.
  await until(async () => (await readFile(checkpoint, 'utf8')).includes('tiemout'));
  t.notOk(holdsCanary(await readFile(checkpoint, 'utf8')), 'its checkpoint');
  await page.reload();
  await notebook.ready();
  await page.locator('.jp-OutputArea-output', { hasText: 'first ***' }).waitFor({ timeout: PATIENCE });
  t.match(await page.locator('.jp-Notebook').textContent(), /HTTP 200 OK[\s\S]*SpinError/);
  t.equal(await outputOf(await notebook.run('slider.value')), '77', 'the same kernel');
});

t.test('no value reached the browser, and nothing failed on the way', async (t) => {
  t.ok(watched.received.length > 100, 'websocket messages were seen');
  t.notOk(watched.received.some(holdsCanary), 'a websocket message');
  t.notOk(holdsCanary(await page.content()), 'the page');
  t.equal(watched.failed[0], '503 /', 'the page that waits');
  t.strictSame(
    watched.failed.filter((failure) => failure !== '503 /'),
    [],
  );
  t.strictSame(watched.errors, []);
});

t.test("Jupyter's own way out leads to the gateway's, and then every tab is refused", async (t) => {
  const other = await browser.newPage();
  await other.goto(`${site}/logout`);
  t.equal(other.url(), `${site}/spin/logout`);
  await other.getByRole('button', { name: 'Log out' }).click();
  await other.waitForURL(`${site}/spin/login`);
  t.equal(await page.evaluate(`fetch('/api/contents').then(({ status }) => status)`), 401);
  await page.goto(`${site}/lab/tree/incident.ipynb`);
  t.equal(page.url(), `${site}/spin/login?next=%2Flab%2Ftree%2Fincident.ipynb`);
});

/** The value itself, or as JSON and HTML write it. */
function holdsCanary(text: string): boolean {
  const json = JSON.stringify(CANARY).slice(1, -1);
  const html = CANARY.replaceAll('&', '&amp;');
  return [CANARY, json, html].some((spelling) => text.includes(spelling));
}
