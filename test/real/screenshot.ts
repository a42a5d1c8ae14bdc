import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/secret.js';
import { startBrowser } from '../support/browser.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { ended, LabNotebook, notebookOf, PATIENCE, putNotebook } from '../support/lab.js';

/**
 * Takes the README's picture: `node dist/test/real/screenshot.js [file]` (default `screenshot.png`).
 */
const cells = [
  '# Slow checkouts\nWhich step is slow since the release of 14:05?',
  'key = "{{runtime_env:SHOP_API_KEY}}"\nprint(f"a key of {len(key)} characters: {key}")',
  `%%shell
curl -sS -H @- {{runtime_env:SHOP_API}}/health <<EOF
Authorization: Bearer {{runtime_env:SHOP_API_KEY}}
EOF`,
  `%%rest --out report
GET {{runtime_env:SHOP_API}}/latency?service=checkout
Authorization: Bearer {{runtime_env:SHOP_API_KEY}}`,
  `import pandas, ipywidgets

steps = pandas.DataFrame(report["steps"]).set_index("step")
ipywidgets.interact(lambda above: steps[steps.p99_ms > above], above=(0, 800, 50));`,
];
const report = {
  service: 'checkout',
  release: '2026.11.3',
  steps: [
    { step: 'cart', calls: 48_210, p50_ms: 21, p99_ms: 88 },
    { step: 'stock', calls: 47_962, p50_ms: 64, p99_ms: 412 },
    { step: 'payment', calls: 31_077, p50_ms: 187, p99_ms: 934 },
    { step: 'invoice', calls: 30_845, p50_ms: 92, p99_ms: 655 },
    { step: 'mail', calls: 30_840, p50_ms: 33, p99_ms: 140 },
  ],
};

const shop = createServer((req, res) => {
  if (req.url === '/health') {
    res.end('checkout: degraded, 3 of 4 replicas ready\n');
    return;
  }
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify(report));
}).listen(0, '127.0.0.1');
await once(shop, 'listening');
const { port } = shop.address() as AddressInfo;
const gateway = await startTestGateway({
  upstream: { kind: 'embedded', environment: await jupyterEnvironment() },
  env: { SHOP_API: `http://127.0.0.1:${port}`, SHOP_API_KEY: 'shop-3f9a1c7e5b2d8046' },
});
const browser = await startBrowser({
  trust: [Number(gateway.gateway.url.port)],
  viewport: { width: 1280, height: 900 },
  deviceScaleFactor: 1,
});
try {
  const site = gateway.origin.replace('http://127.0.0.1', 'https://localhost');
  const page = browser.pages()[0] ?? (await browser.newPage());
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  await page.locator('.jp-Launcher').waitFor({ timeout: PATIENCE });
  await putNotebook(gateway, 'slow-checkouts.ipynb', notebookOf(cells));
  await page.goto(`${site}/lab/tree/slow-checkouts.ipynb`);
  const notebook = new LabNotebook(page);
  await notebook.ready();
  await page.keyboard.press('Control+b');
  await page.locator('.jp-Notebook .jp-MarkdownCell .jp-InputPrompt').first().click();
  for (const _ of cells) await page.keyboard.press('Shift+Enter');
  for (let at = 0; at < cells.length - 1; at++) await ended(notebook.cells.nth(at));
  // The table of the last cell is the picture's end; the empty cell that comes after it isn't part of it.
  await page.locator('.widget-interact table').waitFor({ timeout: PATIENCE });
  await page.keyboard.press('Escape');
  await page.keyboard.press('d');
  await page.keyboard.press('d');
  await page.keyboard.press('Control+s');
  await page.locator('.jp-Notebook .jp-MarkdownCell').first().scrollIntoViewIfNeeded();
  await page.mouse.move(640, 10);
  await page.screenshot({ path: process.argv[2] ?? 'screenshot.png' });
} finally {
  await browser.close();
  await gateway.close();
  shop.close();
}
