import type { BrowserContext, Page } from 'playwright-core';
import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { startBrowser } from '../support/browser.js';
import { type Carrier, type ForeignSite, startForeignSite, useFrom } from '../support/foreign-page.js';
import { startTestGateway, type TestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';

t.setTimeout(180_000);

const WORKS = { list: '200', start: '201', socket: 'printed 17 ***' };
/** A browser tells a page nothing about why. */
const NOTHING = { list: 'TypeError', start: 'TypeError', socket: 'closed 1006' };

let jupyter: StockJupyter;
let listed: ForeignSite;
let unlisted: ForeignSite;
let gateway: TestGateway;
let port: number;
let known: string;

t.before(async () => {
  jupyter = await startStockJupyter();
  [listed, unlisted] = await Promise.all([startForeignSite(), startForeignSite()]);
  gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    allowedOrigins: [listed.origin],
    env: { CANARY: 'canary-value-8841' },
  });
  port = Number(gateway.gateway.url.port);
  const started = await fetch(`${gateway.origin}/api/kernels`, {
    method: 'POST',
    headers: { authorization: `token ${TOKEN}` },
    body: '{"name":"python3"}',
  });
  ({ id: known } = (await started.json()) as { id: string });
});
t.teardown(async () => {
  await gateway.close();
  await jupyter.close();
  listed.close();
  unlisted.close();
});

for (const scheme of ['https', 'http'] as const) {
  t.test(
    `${scheme}: by the token, a page of a listed origin uses the runtime and another can't`,
    async (t) => {
      const { page } = await openBrowser(t);
      for (const carrier of ['subprotocol', 'query'] as const) {
        t.strictSame(await use(page, listed, carrier, scheme), WORKS, `listed, ${carrier}`);
        t.strictSame(await use(page, unlisted, carrier, scheme), NOTHING, `unlisted, ${carrier}`);
      }
    },
  );

  t.test(`${scheme}: by the user's cookie, a page of no other origin can`, async (t) => {
    const { page, browser } = await openBrowser(t);
    const site = `${scheme}://localhost:${port}`;
    await page.goto(await loginUrl(site, new Secret(TOKEN)));
    t.equal((await browser.cookies(site)).length > 0, true, 'logged in');
    const before = await kernels();
    t.strictSame(await use(page, unlisted, 'cookie', scheme), NOTHING);
    // It may read that it is refused. To https the page's own scheme is another site, and no cookie is sent.
    const refused = scheme === 'https' ? '401' : '403';
    t.strictSame(await use(page, listed, 'cookie', scheme), { ...NOTHING, list: refused, start: refused });
    t.equal(await kernels(), before, 'no kernel was started unseen');
  });
}

t.test('a page from the internet needs the permission for this machine', async (t) => {
  const { page, browser } = await openBrowser(t, [
    `--ip-address-space-overrides=127.0.0.1:${listed.port}=public`,
  ]);
  const session = await browser.newCDPSession(page);
  const permit = (setting: 'granted' | 'denied') =>
    session.send('Browser.setPermission', {
      permission: { name: 'loopback-network' },
      setting,
      origin: listed.origin,
    });
  await permit('denied');
  const before = await answered();
  t.strictSame(await use(page, listed, 'subprotocol', 'https'), NOTHING, 'denied');
  t.equal(await answered(), before, 'the gateway sees nothing of it');
  await permit('granted');
  t.strictSame(await use(page, listed, 'subprotocol', 'https'), WORKS, 'granted');
  t.ok((await answered()) > before, 'as it does where it may come');
});

/** Requests and upgrades for Jupyter that the gateway has answered, preflights and refusals among them. */
async function answered(): Promise<number> {
  const headers = { authorization: `token ${TOKEN}` };
  const metrics = await (await fetch(`${gateway.origin}/spin/metrics`, { headers })).text();
  const counts = metrics.matchAll(/^spin_http_requests_total\{route="(?:jupyter|websocket)",.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function openBrowser(
  t: { teardown(end: () => Promise<void>): void },
  args: readonly string[] = [],
): Promise<{ browser: BrowserContext; page: Page }> {
  const browser = await startBrowser({ trust: [port], args });
  t.teardown(() => browser.close());
  return { browser, page: browser.pages()[0] ?? (await browser.newPage()) };
}

async function use(page: Page, from: ForeignSite, carrier: Carrier, scheme: string) {
  await page.goto(from.origin);
  return useFrom(page, `${scheme}://localhost:${port}`, TOKEN, carrier, known);
}

/** How many kernels Jupyter runs. */
async function kernels(): Promise<number> {
  const response = await fetch(`${jupyter.url}/api/kernels`, {
    headers: { authorization: `token ${jupyter.token}` },
  });
  return ((await response.json()) as unknown[]).length;
}
