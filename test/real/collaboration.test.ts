import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { startBrowser } from '../support/browser.js';
import { type ExtendedJupyter, startExtendedJupyter } from '../support/extensions.js';
import { startTestGateway, type TestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { notebookOf, PATIENCE } from '../support/lab.js';
import { until } from '../support/until.js';

// The environment is made at its first use.
t.setTimeout(900_000);

let jupyter: ExtendedJupyter;
let gateway: TestGateway;
let site: string;
let file: string;

/** Somebody with a browser of their own, logged in. */
interface Person {
  readonly page: Page;
  /** What Jupyter says who this is: somebody anonymous, with a number and a name. */
  who(): Promise<string>;
}
let first: Person;
let second: Person;

t.before(async () => {
  jupyter = await startExtendedJupyter();
  t.teardown(() => jupyter.close());
  file = join(jupyter.rootDir, 'sub', 'inner.ipynb');
  await mkdir(join(jupyter.rootDir, 'sub'));
  await writeFile(file, JSON.stringify(notebookOf(['x = 0'])));
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter) });
  t.teardown(() => gateway.close());
  site = gateway.origin.replace('127.0.0.1', 'localhost');
  first = await enter();
  second = await enter();
});

async function enter(): Promise<Person> {
  const browser: BrowserContext = await startBrowser({ viewport: { width: 1280, height: 800 } });
  t.teardown(() => browser.close());
  const page = browser.pages()[0] ?? (await browser.newPage());
  // JupyterLab may say that a document takes its time, in front of everything.
  const patience = page.locator('.jp-Dialog').getByRole('button', { name: /^(?:Ok|Dismiss|Close)$/i });
  await page.addLocatorHandler(patience, (button) => button.click());
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  return {
    page,
    async who() {
      const answer = await page.request.get(`${site}/api/me`);
      const { identity } = (await answer.json()) as { identity: Readonly<Record<string, string>> };
      return `${identity.username} ${identity.display_name}`;
    },
  };
}

t.test('W1: who somebody is in jupyter-collaboration stays, and two people are two', async (t) => {
  const names: string[] = [];
  for (let turn = 0; turn < 5; turn++) names.push(await first.who());
  t.same(new Set(names).size, 1, names.join());
  t.not(await second.who(), names[0]);
});

t.test('W1: two people write in one notebook in a folder, and it is saved', async () => {
  for (const { page } of [first, second]) {
    await page.goto(`${site}/lab/tree/sub/inner.ipynb`);
    await page
      .locator('.jp-Notebook:visible .cm-content', { hasText: 'x = 0' })
      .waitFor({ timeout: PATIENCE });
  }
  const write = async ({ page }: Person, text: string) => {
    await page.locator('.jp-Notebook:visible .cm-content').first().click();
    await page.keyboard.press('Control+End');
    await page.keyboard.insertText(text);
  };
  const reads = ({ page }: Person, text: string) =>
    page.locator('.jp-Notebook:visible .cm-content', { hasText: text }).waitFor({ timeout: PATIENCE });
  await write(first, ' + 111');
  await reads(second, 'x = 0 + 111');
  await write(second, ' + 222');
  await reads(first, 'x = 0 + 111 + 222');
  await until(async () => (await readFile(file, 'utf8')).includes('x = 0 + 111 + 222'), PATIENCE);
  for (const [at, { page }] of [first, second].entries())
    await page.screenshot({ path: `${process.env.SHOTS ?? '/tmp/cl'}/collab-${at}.png` });
});
