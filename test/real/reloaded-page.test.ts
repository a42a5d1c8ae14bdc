import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { startRestServer } from '../processors/rest-server.js';
import { startBrowser } from '../support/browser.js';
import { TOKEN } from '../support/gateway.js';
import { LabNotebook, notebookOf, outputOf, PATIENCE, putNotebook } from '../support/lab.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

t.setTimeout(420_000);

let runtime: Runtime;
let page: Page;
let site: string;
let notebook: LabNotebook;
let release = (): void => {};

t.before(async () => {
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = await startRestServer(t, {
    '/slow': (response) => void released.then(() => response.end('the answer')),
  });
  runtime = await startRuntime(t, [`desk: {type: rest, url: "${slow.origin}", default: true}`], {});
  const browser: BrowserContext = await startBrowser({ viewport: { width: 1280, height: 800 } });
  t.teardown(() => browser.close());
  page = browser.pages()[0] ?? (await browser.newPage());
  site = runtime.gateway.origin.replace('127.0.0.1', 'localhost');
  await putNotebook(runtime.gateway, 'slow.ipynb', notebookOf(['']));
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  await open();
  await notebook.ready();
});

async function open(): Promise<void> {
  await page.goto(`${site}/lab/tree/slow.ipynb`);
  notebook = new LabNotebook(page);
  await notebook.cells.first().waitFor({ timeout: PATIENCE });
}

async function saved(): Promise<string> {
  return readFile(join(runtime.notebooks, 'slow.ipynb'), 'utf8');
}

/** A sentence of that moment, which stays true. */
const TOLD =
  /^At \d\d:\d\d:\d\d UTC: no answer yet, \d+ s\. The result replaces .* before that, look in got, or run the cell again\.$/;

t.test('C5: a page that is loaded again in a running cell, and was saved in it', async (t) => {
  const cell = await notebook.start('%%rest --out got\nGET /slow');
  await cell.locator('.jp-OutputArea-output', { hasText: TOLD }).waitFor({ timeout: PATIENCE });
  await page.keyboard.press('Control+s');
  await until(async () => (await saved()).includes('no answer yet'), PATIENCE);
  await open();
  const first = () => outputOf(notebook.cells.first());
  await until(async () => TOLD.test((await first()).trim()), PATIENCE);
  release();
  // Idle, so that the cell has ended.
  await notebook.ready();
  t.match((await first()).trim(), TOLD, 'JupyterLab shows nothing more of it');
  t.notMatch(await saved(), /waiting/);
  t.match(await outputOf(await notebook.run('got')), /the answer/, 'the variable has the result');
});
