import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContext, Locator, Page, WebSocket } from 'playwright-core';
import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { startBrowser } from '../support/browser.js';
import { startTestGateway, type TestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { jupyterEnvironment, startStockJupyter } from '../support/jupyter.js';
import { ended, LabNotebook, notebookOf, PATIENCE, putNotebook } from '../support/lab.js';
import { type Link, startLink } from '../support/link.js';
import { until } from '../support/until.js';

t.setTimeout(420_000);

let gateway: TestGateway;
let link: Link;
let page: Page;
let notebook: LabNotebook;
/** The page's connections with its kernel, in their order. */
const connections: WebSocket[] = [];

t.before(async () => {
  const jupyter = await startStockJupyter({ command: [`${await jupyterEnvironment()}/bin/jupyter-lab`] });
  t.teardown(() => jupyter.close());
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter) });
  t.teardown(() => gateway.close());
  link = await startLink(gateway.origin);
  t.teardown(() => link.close());
  const browser: BrowserContext = await startBrowser({ viewport: { width: 1280, height: 800 } });
  t.teardown(() => browser.close());
  page = browser.pages()[0] ?? (await browser.newPage());
  // "Server Connection Error" comes when a question of JupyterLab's own falls into the break.
  const dialog = page.locator('.jp-Dialog').getByRole('button').last();
  await page.addLocatorHandler(dialog, (button) => button.click());
  page.on('websocket', (socket) => {
    if (socket.url().includes('/channels')) connections.push(socket);
  });
  await putNotebook(gateway, 'ask.ipynb', notebookOf(['']));
  const site = link.origin.replace('127.0.0.1', 'localhost');
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  await page.goto(`${site}/lab/tree/ask.ipynb`);
  notebook = new LabNotebook(page);
  await notebook.ready();
});

/** Runs a cell that asks, and breaks the link for three seconds while its box is open. */
async function ask(number: number, meanwhile: (box: Locator) => Promise<void>): Promise<Locator> {
  const cell = await notebook.start(`x = input("name ${number}? ")\nprint("hello", x)`);
  const box = cell.locator('.jp-Stdin-input');
  await box.waitFor({ timeout: PATIENCE });
  const connection = connections.at(-1);
  link.break();
  await until(() => connection?.isClosed() === true, PATIENCE);
  const before = connections.length;
  await meanwhile(box);
  await sleep(3000);
  link.mend();
  await until(() => connections.length > before && connections.at(-1)?.isClosed() === false, PATIENCE);
  return cell;
}

async function answer(box: Locator, text: string): Promise<void> {
  await box.fill(text);
  await box.press('Enter');
}

/** Waits until a cell has ended, and this stands below its question: its output is drawn after its number. */
async function shows(cell: Locator, text: string): Promise<void> {
  await ended(cell);
  await cell.locator('.jp-OutputArea-output', { hasText: text }).waitFor({ timeout: PATIENCE });
}

t.test('W3: the link breaks while a cell asks, and is mended before the answer', async () => {
  const cell = await ask(1, async () => {});
  await answer(cell.locator('.jp-Stdin-input'), 'Ada');
  await shows(cell, 'hello Ada');
});

t.test('W3: the answer is given while the link is broken', async () => {
  const cell = await ask(2, (box) => answer(box, 'Grace'));
  await shows(cell, 'hello Grace');
});

t.test('W3: and the next cell runs', async () => {
  await shows(await notebook.start('print(x)'), 'Grace');
});
