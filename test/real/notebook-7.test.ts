import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { startBrowser, watch } from '../support/browser.js';
import { startTestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { LabNotebook, notebookOf, outputOf, PATIENCE, putNotebook } from '../support/lab.js';
import { until } from '../support/until.js';

t.setTimeout(180_000);

t.test('Notebook 7 in front of a Jupyter that already runs', async (t) => {
  const jupyter = await startStockJupyter();
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { API_KEY: 'canary-value-8841' },
  });
  const browser = await startBrowser();
  t.teardown(async () => {
    await browser.close();
    await gateway.close();
    await jupyter.close();
  });
  await putNotebook(gateway, 'incident.ipynb', notebookOf(['']));
  const site = gateway.origin.replace('127.0.0.1', 'localhost');
  const page = browser.pages()[0] ?? (await browser.newPage());
  const tree = watch(page);
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  await page.goto(`${site}/tree`);
  const item = page.locator('.jp-DirListing-item[title*="incident.ipynb"]');
  await item.waitFor({ timeout: PATIENCE });
  const popup = page.waitForEvent('popup', { timeout: PATIENCE });
  await item.dblclick();
  const tab = await popup;
  const opened = watch(tab);
  const notebook = new LabNotebook(tab);
  await notebook.cells.first().waitFor({ timeout: PATIENCE });
  t.equal(tab.url(), `${site}/notebooks/incident.ipynb`);
  // Notebook 7 has no status bar that says when the kernel is there.
  await until(() => opened.received.some((text) => /"execution_state": ?"idle"/.test(text)), PATIENCE);

  const python = await notebook.run("len('{{runtime_env:API_KEY}}')");
  t.equal(await outputOf(python), '17');
  const shell = await notebook.run('%%shell\necho {{runtime_env:API_KEY}}');
  t.match(await outputOf(shell), /^\*\*\*\n/);
  // Its scripts throw two exceptions of their own, also without the gateway: only requests are looked at.
  t.strictSame([...tree.failed, ...opened.failed], []);
  for (const secret of [jupyter.token, 'canary-value-8841']) t.notOk((await tab.content()).includes(secret));

  await tab.getByText('File', { exact: true }).click();
  await tab.locator('.lm-Menu-item[data-command="filemenu:logout"]').click();
  await tab.waitForURL(`${site}/spin/logout`);
});
