import type { BrowserContext } from 'playwright-core';
import t from 'tap';
import { GatewayError } from '../../gateway/errors.js';
import { startBrowser } from '../support/browser.js';
import { type Gatehouse, type GatehouseOptions, startGatehouse, TOKEN } from '../support/gatehouse.js';

/** A gatehouse and a Chromium with an empty profile; `localhost`, since that is what people open. */
async function open(
  t: { teardown(end: () => Promise<void>): void },
  options: GatehouseOptions & { javaScriptEnabled?: boolean } = {},
): Promise<{ gatehouse: Gatehouse; browser: BrowserContext; site: string }> {
  const gatehouse = await startGatehouse(options);
  const browser = await startBrowser({ javaScriptEnabled: options.javaScriptEnabled ?? true });
  t.teardown(async () => {
    await browser.close();
    await gatehouse.close();
  });
  return { gatehouse, browser, site: gatehouse.origin.replace('127.0.0.1', 'localhost') };
}

t.test('a person logs in by keyboard, without JavaScript, after a mistake, and out again', async (t) => {
  const { browser, site } = await open(t, { javaScriptEnabled: false });
  const page = await browser.newPage();
  await page.goto(`${site}/lab/tree/a%20b.ipynb?x=1`);
  await page.keyboard.type('mistyped');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}/spin/login`);
  t.match(await page.getByRole('alert').textContent(), 'That token is wrong');
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}/lab/tree/a%20b.ipynb?x=1`);
  t.match(await page.textContent('body'), '"carrier":"cookie"');
  await page.goto(`${site}/spin/logout`);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(`${site}/spin/login`);
  t.same(await browser.cookies(), []);
});

t.test('plain http://localhost takes the Secure cookie, and no script can read it', async (t) => {
  const { gatehouse, browser, site } = await open(t);
  const page = await browser.newPage();
  await page.goto((await gatehouse.loginUrl()).replace(gatehouse.origin, site));
  t.equal(page.url(), `${site}/`);
  t.match(await page.textContent('body'), '"carrier":"cookie"');
  t.equal(await page.evaluate('document.cookie'), '');
  t.match(await browser.cookies(), [
    { name: `__Host-spin-${gatehouse.port}`, secure: true, sameSite: 'Lax' },
  ]);
});

t.test('the pages break none of their own content rules, in light and dark', async (t) => {
  const { browser, site } = await open(t);
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  const ground = () => page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor");
  await page.goto(`${site}/lab`);
  t.equal(await ground(), 'rgb(255, 255, 255)');
  await page.emulateMedia({ colorScheme: 'dark' });
  t.equal(await ground(), 'rgb(24, 31, 43)');
  t.same(complaints, []);
});

t.test('while Jupyter starts, a person sees a page that moves on by itself', async (t) => {
  let refusal: GatewayError | undefined = new GatewayError('UPSTREAM_STARTING');
  const { gatehouse, browser, site } = await open(t, {
    javaScriptEnabled: false,
    refusal: () => refusal,
  });
  const page = await browser.newPage();
  await page.goto((await gatehouse.loginUrl()).replace(gatehouse.origin, site));
  t.match(await page.textContent('h1'), 'Jupyter is starting');
  refusal = undefined;
  await page.getByText('"carrier":"cookie"').waitFor({ timeout: 10_000 });
  t.equal(page.url(), `${site}/`);
});
