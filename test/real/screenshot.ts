import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { startBrowser } from '../support/browser.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { ended, LabNotebook, notebookOf, PATIENCE, putNotebook } from '../support/lab.js';
import { startShop } from '../support/shop.js';

/**
 * Takes the README's picture: `node dist/test/real/screenshot.js [file]` (default `screenshot.png`).
 */
const cells = [
  '# Slow checkouts\nWhich step is slow, since when, and what was released just before?',
  '%%prometheus prod --range 6h --out latency\nstep:latency_seconds:p99',
  `slow = latency[latency.value > 0.5]
first, steps = slow.time.min(), sorted(slow.step.unique())
print(f"{', '.join(steps)} since {first:%H:%M} UTC")`,
  `%%sql shop
select id, service, version, at, lines_changed, risk, rolled_back_at from releases
where service in ({{steps}}) and at between {{first}} - interval '1 hour' and {{first}} order by at`,
];

const shop = await startShop();
const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
const file = join(folder, 'connections.yaml');
await writeFile(file, `connections:\n${shop.connections.map((line) => `  ${line}\n`).join('')}`);
const gateway = await startTestGateway({
  upstream: { kind: 'embedded', environment: await jupyterEnvironment() },
  connections: { file, required: true },
  env: shop.env,
});
const browser = await startBrowser({
  trust: [Number(gateway.gateway.url.port)],
  viewport: { width: 1280, height: 1180 },
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
  await page.locator('.jp-RenderedVegaCommon5 canvas').waitFor({ timeout: PATIENCE });
  // The table of the last cell is the picture's end; the empty cell that comes after it isn't part of it.
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
  await shop.close();
  await rm(folder, { recursive: true, force: true });
}
