import type { BrowserContext, Page } from 'playwright-core';
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
  // The browser gives the field the focus when it draws the page, which may be after its load.
  const focused = page.locator('#token:focus');
  await page.goto(`${site}/lab/tree/a%20b.ipynb?x=1`);
  await focused.waitFor();
  await page.keyboard.type('mistyped');
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}/spin/login`);
  t.match(await page.getByRole('alert').textContent(), 'That token is wrong');
  await focused.waitFor();
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await page.waitForURL(`${site}/lab/tree/a%20b.ipynb?x=1`);
  t.match(await page.textContent('body'), '"carrier":"cookie"');
  await page.goto(`${site}/spin/logout`);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(`${site}/spin/login`);
  t.same(await browser.cookies(), []);
});

t.test(
  'plain http://localhost takes a cookie that every browser keeps, and no script can read it',
  async (t) => {
    const { gatehouse, browser, site } = await open(t);
    const page = await browser.newPage();
    await page.goto((await gatehouse.loginUrl()).replace(gatehouse.origin, site));
    t.equal(page.url(), `${site}/`);
    t.match(await page.textContent('body'), '"carrier":"cookie"');
    t.equal(await page.evaluate('document.cookie'), '');
    t.match(await browser.cookies(), [
      { name: `spin-${gatehouse.port}`, secure: false, httpOnly: true, sameSite: 'Lax' },
    ]);
  },
);

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

t.test('the login page has its labels, its order and enough contrast, in light and dark', async (t) => {
  const { browser, site } = await open(t);
  const page = await browser.newPage();
  await page.goto(`${site}/lab`);
  const field = page.getByLabel('Access token');
  await field.fill('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  t.equal(await page.locator('html').getAttribute('lang'), 'en');
  t.match(await page.title(), 'Login failed');
  t.equal(await field.getAttribute('aria-invalid'), 'true');
  const described = (await field.getAttribute('aria-describedby'))?.split(' ') ?? [];
  t.match(await Promise.all(described.map((id) => page.locator(`#${id}`).textContent())), [
    'That token is wrong',
    'SPIN_TOKEN',
  ]);
  const focused = () => page.evaluate('document.activeElement.id || document.activeElement.textContent');
  await page.locator('#token:focus').waitFor();
  t.equal(await focused(), 'token', 'the field has the focus');
  await page.keyboard.press('Tab');
  t.equal(await focused(), 'Log in', 'then the button');
  t.notSame(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none');

  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const element of ['h1', '.brand', 'label', '.alert', '.quiet', 'code', 'input', 'button']) {
      const [text, ground] = await coloursOf(page, element);
      const ratio = contrast(text, ground);
      t.ok(ratio >= 4.5, `${colorScheme} ${element}: ${ratio.toFixed(1)}:1 (WCAG 2.2, 1.4.3)`);
    }
    const edge = await page.evaluate<string>("getComputedStyle(document.querySelector('input')).borderColor");
    const [, card] = await coloursOf(page, 'main');
    // The field with the focus has no border but an outline; this one hasn't.
    t.ok(contrast(edge, card) >= 3, `${colorScheme}: the field can be seen (WCAG 2.2, 1.4.11)`);
  }
});

/** Computed colours of an element's text and of the nearest ground below it that isn't transparent. */
function coloursOf(page: Page, selector: string): Promise<[text: string, ground: string]> {
  return page.evaluate(`(() => {
    let element = document.querySelector(${JSON.stringify(selector)});
    const { color } = getComputedStyle(element);
    const ground = () => getComputedStyle(element).backgroundColor;
    while (ground() === 'rgba(0, 0, 0, 0)') element = element.parentElement;
    return [color, ground()];
  })()`);
}

/** Contrast ratio of two `rgb(…)` colours (WCAG 2.2, “contrast ratio”). */
function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((channel) => {
    const value = Number(channel) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
