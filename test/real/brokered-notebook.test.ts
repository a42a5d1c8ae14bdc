import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Locator, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { give, startRestServer } from '../processors/rest-server.js';
import { startBrowser, type Watch, watch } from '../support/browser.js';
import { TOKEN } from '../support/gateway.js';
import { ended, LabNotebook, notebookOf, outputOf, PATIENCE, putNotebook } from '../support/lab.js';
import { LLM_TOKEN, startChatService } from '../support/llm.js';
import { startGithubMock } from '../support/prism.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { type Shop, startShop } from '../support/shop.js';
import { until } from '../support/until.js';

t.setTimeout(420_000);

/** What people look at: one cell of each processor that has connections, in JupyterLab, against its service. */
const CELLS = {
  instant: '%%prometheus --out worst\nmax_over_time(step:latency_seconds:p99[6h]) / 3',
  chart: '%%prometheus prod --range 6h\nstep:latency_seconds:p99',
  many: '%%prometheus --range 6h\ncontainer_memory_bytes',
  sql: '%%sql --out releases\nselect * from releases where lines_changed > {{least}} order by id desc',
  rest: '%%rest desk --out found\nGET /alerts',
  github: '%%github --out issues\nGET /repos/octocat/Hello-World/issues?state=open&per_page=2',
  llm: '%%llm\n# Findings\n\n- **payment** is slow since `2026.11.3`\n\n| step | p99 |\n| --- | --- |\n| payment | 1.1 s |',
  error: '%%prometheus\nrate(up[5m)',
};

let shop: Shop;
let runtime: Runtime;
let browser: BrowserContext;
let page: Page;
let site: string;
let watched: Watch;
let notebook: LabNotebook;

t.before(async () => {
  const alerts = {
    status: 'firing',
    alerts: [{ name: 'HighLatency', labels: { step: 'payment' } }],
    silenced: null,
  };
  const desk = await startRestServer(t, { '/alerts': give('application/json', JSON.stringify(alerts)) });
  const [chat, github] = await Promise.all([startChatService(), startGithubMock(t)]);
  t.teardown(() => chat.close());
  shop = await startShop();
  t.teardown(() => shop.close());
  runtime = await startRuntime(
    t,
    [
      ...shop.connections,
      `desk: {type: rest, url: "${desk.origin}", token: "{{runtime_env:DESK}}"}`,
      `hub: {type: github, url: "${github.url}", token: "{{runtime_env:HUB}}", default: true}`,
      `model: {type: llm, url: "${chat.url}", token: "{{runtime_env:LLM}}", model: echo, default: true}`,
    ],
    { ...shop.env, DESK: 'canary-desk-token', HUB: 'ghp_canary-token', LLM: LLM_TOKEN },
  );
  browser = await startBrowser({ viewport: { width: 1280, height: 1000 } });
  t.teardown(() => browser.close());
  page = browser.pages()[0] ?? (await browser.newPage());
  watched = watch(page);
  site = runtime.gateway.origin.replace('127.0.0.1', 'localhost');
  await putNotebook(runtime.gateway, 'incident.ipynb', notebookOf(['']));
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  await open('incident.ipynb');
  await notebook.run('least = 300');
});

async function open(name: string): Promise<void> {
  await page.goto(`${site}/lab/tree/${name}`);
  notebook = new LabNotebook(page);
  await notebook.ready();
}

/** By where it stands: below the cell that sets the variable. */
function cellOf(name: keyof typeof CELLS): Locator {
  return notebook.cells.nth(1 + Object.keys(CELLS).indexOf(name));
}

interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly caption: string;
}

async function tableIn(cell: Locator): Promise<Table> {
  // The table of a chart's lines has no caption.
  const shown = cell.locator('.jp-RenderedHTML', { has: page.locator('p') });
  await shown.locator('p').waitFor({ timeout: PATIENCE });
  // In one look: JupyterLab renders some outputs of a file twice.
  return shown.evaluate((element: unknown) => {
    const within = (part: unknown, selector: string) => [...(part as Part).querySelectorAll(selector)];
    const texts = (parts: readonly Part[]) => parts.map(({ textContent }) => textContent ?? '');
    return {
      head: texts(within(element, 'th')),
      rows: within(element, 'tbody tr').map((row) => texts(within(row, 'td'))),
      caption: texts(within(element, 'p')).join(),
    };
  });
}

/** As much of the browser's Element as is needed: the tests are compiled without its types. */
interface Part {
  readonly textContent: string | null;
  querySelectorAll(selector: string): Iterable<Part>;
}

/** The colours that a chart has somewhere pure, in hexadecimal; its background among them. */
async function coloursOf(cell: Locator): Promise<Set<string>> {
  const canvas = cell.locator('.jp-RenderedVegaCommon5 canvas');
  await canvas.waitFor({ timeout: PATIENCE });
  return new Set(
    await canvas.evaluate((element: unknown) => {
      const { width, height, getContext } = element as Canvas;
      const { data } = getContext.call(element, '2d').getImageData(0, 0, width, height);
      const found = new Set<string>();
      for (let at = 0; at < data.length; at += 4) {
        const [red = 0, green = 0, blue = 0, alpha = 0] = data.slice(at, at + 4);
        const hex = ((red << 16) | (green << 8) | blue).toString(16).padStart(6, '0');
        if (alpha === 255) found.add(hex);
      }
      return [...found];
    }),
  );
}

/** The same of its HTMLCanvasElement. */
interface Canvas {
  readonly width: number;
  readonly height: number;
  getContext(kind: '2d'): {
    getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
  };
}

/** The first five of Vega's scheme tableau10: https://vega.github.io/vega/docs/schemes/ */
const FIVE_LINES = ['4c78a8', 'f58518', 'e45756', '72b7b2', '54a24b'];

/** What each cell shows: after it has run as when it was read from the file. */
const looksRight: Readonly<Record<keyof typeof CELLS, (t: Test) => Promise<void>>> = {
  async instant(t) {
    const { head, rows, caption } = await tableIn(cellOf('instant'));
    t.strictSame(head, ['time', 'step', 'value']);
    t.equal(caption, '5 rows');
    for (const [time = '', step = '', value = ''] of rows) {
      t.match(time, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?Z$/);
      t.match(value, /^0\.0*[1-9]\d{0,5}$/, `${step}: at most six digits`);
    }
  },
  async chart(t) {
    const cell = cellOf('chart');
    const colours = await coloursOf(cell);
    for (const colour of FIVE_LINES) t.ok(colours.has(colour), `a line in ${colour}`);
    const { head, rows, caption } = await tableIn(cell);
    t.strictSame(head, ['time', 'metric', 'step', 'value']);
    t.equal(rows.length, 5, 'the chart shows the others');
    t.match(rows[0]?.[0], /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$/, 'a time in whole seconds');
    t.match(caption, /^first 5 of 9\d\d rows$/);
  },
  async many(t) {
    const cell = cellOf('many');
    t.ok((await coloursOf(cell)).size > 20);
    t.match(
      (await tableIn(cell)).caption,
      /^first 5 of 7,\d{3} rows × 6 columns\. The chart shows 20 of 40 series, by highest value\.$/,
    );
  },
  async sql(t) {
    const cell = cellOf('sql');
    const { head, rows, caption } = await tableIn(cell);
    t.strictSame(head, [
      'id',
      'service',
      'version',
      'at',
      'lines_changed',
      'risk',
      'rolled_back_at',
      'labels',
    ]);
    t.strictSame(
      rows.map(([id, service, , , lines, risk, rolledBack, labels]) => [
        id,
        service,
        lines,
        risk,
        rolledBack,
        labels,
      ]),
      [
        ['4182', 'payment', '1204', '0.72', 'None', '{"team": "checkout"}'],
        ['4181', 'invoice', '318', '0.40', 'None', '{"team": "checkout"}'],
        ['4150', 'stock', '12980', '0.91', 'None', '{"team": "supply"}'],
      ],
    );
    t.equal(caption, '3 rows × 8 columns. risk: floats, no value has changed (--exact keeps Decimals).');
    const style = (text: string, property: string) =>
      cell.locator('td', { hasText: text }).first().evaluate(computed, property);
    t.equal(await style('1204', 'textAlign'), 'right', 'numbers');
    t.equal(await style('payment', 'textAlign'), 'left', 'texts');
    t.equal(await cell.locator('td span').first().evaluate(computed, 'opacity'), '0.5', 'a missing value');
  },
  async rest(t) {
    const tree = cellOf('rest').locator('.jp-RenderedJSON');
    await tree.locator('li', { hasText: 'status"firing"' }).first().waitFor({ timeout: PATIENCE });
    t.match(await tree.textContent(), /alerts.*1 item/);
    t.match(await outputOf(cellOf('rest')), 'HTTP 200 OK');
  },
  async github(t) {
    const { head, rows, caption } = await tableIn(cellOf('github'));
    t.strictSame(head.slice(0, 5), ['id', 'html_url', 'number', 'state', 'title']);
    t.match(rows[0]?.slice(2, 5), ['1347', 'open', 'Found a bug']);
    t.match(
      caption,
      /^1 row × \d+ columns, the first 30 of them shown\. There are more pages: fetch all with --paginate\.$/,
    );
  },
  async llm(t) {
    const answer = cellOf('llm').locator('.jp-RenderedMarkdown');
    t.match(await answer.locator('h1').textContent(), 'Findings');
    t.equal(await answer.locator('strong').textContent(), 'payment');
    t.equal(await answer.locator('td').first().textContent(), 'payment');
    t.match(await outputOf(cellOf('llm')), 'echo-2026: 1,234 tokens in, 56 out.');
  },
  async error(t) {
    // A notebook that is opened draws the cells out of sight later.
    await cellOf('error').getByText('SpinError').waitFor({ timeout: PATIENCE });
    const [line = '', ...pointer] = (await outputOf(cellOf('error'))).trimEnd().split('\n');
    t.match(line, /^SpinError: Prometheus: parse error: .* \(line 1, column 11\)$/);
    t.strictSame(pointer, ['  rate(up[5m)', `  ${' '.repeat(10)}^`], 'and where; no traceback');
  },
};

/** Runs in the page. */
function computed(element: unknown, property: string): string {
  const { getComputedStyle } = globalThis as unknown as {
    getComputedStyle(of: unknown): Record<string, string>;
  };
  return getComputedStyle(element)[property] ?? '';
}

/** By how many pixels something is wider than its place. */
function overhang(element: unknown): number {
  const { scrollWidth, clientWidth } = element as { scrollWidth: number; clientWidth: number };
  return scrollWidth - clientWidth;
}

for (const name of Object.keys(CELLS) as (keyof typeof CELLS)[]) {
  t.test(`${name}: what its cell shows`, async (t) => {
    await notebook.run(CELLS[name]);
    await looksRight[name](t);
  });
}

t.test('an answer of a language model is shown while it comes', async (t) => {
  const cell = await notebook.start('%%llm --model endless\ntell me');
  const text = cell.locator('.jp-RenderedMarkdown');
  await text.getByText('more more').waitFor({ timeout: PATIENCE });
  const { length } = (await text.textContent()) ?? '';
  await until(async () => ((await text.textContent()) ?? '').length > length);
  t.equal(await cell.locator('.jp-InputPrompt').textContent(), '[*]:', 'it still comes');
  await page.locator('.jp-Toolbar-item[data-jp-item-name="interrupt"]').click();
  await ended(cell);
  t.match(await text.textContent(), 'more more', 'what has come stays');
});

t.test('C5: a slow cell tells its progress, and ends by the stop button, in the database too', async (t) => {
  const cell = await notebook.start('%%sql\nselect pg_sleep(600)');
  // A page that is loaded again in the middle keeps this, so that it has to say what then holds.
  const told = cell.locator('.jp-OutputArea-output', {
    hasText:
      /^At \d\d:\d\d:\d\d UTC: no answer yet, \d+ s\. The result replaces .* before that, run the cell again\.$/,
  });
  await told.waitFor({ timeout: PATIENCE });
  const first = (await told.textContent()) ?? '';
  await until(async () => (await told.count()) === 1 && (await told.textContent()) !== first);
  await page.locator('.jp-Toolbar-item[data-jp-item-name="interrupt"]').click();
  await ended(cell);
  t.equal((await outputOf(cell)).trim(), 'KeyboardInterrupt: the cell was interrupted');
  const left = await notebook.run(
    "%%sql --out left\nselect count(*) as n from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()",
  );
  t.strictSame((await tableIn(left)).rows, [['0']]);
});

t.test('200 columns and long texts make their own table scroll, never the notebook', async (t) => {
  const columns = Array.from({ length: 200 }, (_, at) =>
    at % 10 === 3
      ? `repeat('long words ', 80) as words_${at}`
      : at % 10 === 5
        ? `repeat('x', 3000) as unbroken_${at}`
        : `${at} * 1.5 as c${at}`,
  );
  const cell = await notebook.run(`%%sql\nselect\n${columns.join(',\n')}\nfrom generate_series(1, 3)`);
  const { head, caption } = await tableIn(cell);
  t.equal(head.length, 30);
  t.equal(caption, '3 rows × 200 columns, the first 30 of them shown');
  const frame = cell.locator('.jp-RenderedHTML > div');
  t.ok((await frame.evaluate(overhang)) > 500, 'the table is wider than its place');
  t.equal(
    await frame.evaluate(computed, 'overflowX'),
    'auto',
    'and scrolls in it, also where a client gives outputs no bar',
  );
  t.equal(await page.locator('.jp-Notebook:visible .jp-WindowedPanel-outer').evaluate(overhang), 0);
  t.equal(await page.locator('html').evaluate(overhang), 0);
  const row = await cell.locator('tbody tr').first().boundingBox();
  t.ok((row?.height ?? 1_000) < 150, `a row of long texts is ${row?.height} pixels high`);
});

t.test('Tab offers processors, connections and options, metrics and variables', async (t) => {
  const cell = notebook.cells.last();
  const editor = cell.locator('.cm-content');
  const type = async (text: string) => {
    await editor.click();
    await page.keyboard.press('Control+a');
    await page.keyboard.insertText(text);
  };
  const offered = page.locator('.jp-Completer:visible .jp-Completer-item');
  /** @returns what is offered; empty when nothing is yet */
  const tab = async () => {
    await page.keyboard.press('Tab');
    await offered
      .first()
      .waitFor({ timeout: 2_000 })
      .catch(() => {});
    return (await offered.allTextContents()).join('\n');
  };
  const offers = async (...texts: readonly string[]) => {
    let all = '';
    // What a service or a kernel says may come too late for one Tab: JupyterLab offers what it has by then.
    await until(async () => {
      all = await tab();
      const isWhole = texts.every((text) => all.includes(text));
      if (all !== '' && !isWhole) await page.keyboard.press('Escape');
      return isWhole;
    }, PATIENCE);
    for (const text of texts) t.match(all, text);
    await page.keyboard.press('Escape');
    await offered.first().waitFor({ state: 'hidden' });
    return all;
  };

  await type('%%pr');
  await offers('%%prometheus', '%%prun');
  await type('%%prometheus ');
  await offers('prod', '--range', '--out');
  await type('%%prometheus\ncontainer_mem');
  await offers('container_memory_bytes');
  await type('%%prometheus\nup > {{');
  t.notMatch(await offers('least', 'releases', 'worst'), /Error|_i\b|print/, 'nothing that every kernel has');
  await type('');
  await page.keyboard.press('Delete');
});

t.test('a chart and a table can be read in the dark theme', async (t) => {
  const theme = async (name: string) => {
    await page.locator('.lm-MenuBar-item', { hasText: 'Settings' }).click();
    await page.locator('.lm-Menu-item', { hasText: 'Theme' }).first().hover();
    await page.locator('.lm-Menu-item').getByText(name, { exact: true }).click();
  };
  await theme('JupyterLab Dark');
  await page.locator('body[data-jp-theme-light="false"]').waitFor({ state: 'attached', timeout: PATIENCE });
  const chart = await notebook.run(CELLS.chart);
  const colours = await coloursOf(chart);
  t.ok(colours.has('333333'), 'a dark background');
  for (const colour of FIVE_LINES) t.ok(colours.has(colour), `a line in ${colour}`);
  t.match(await chart.locator('td').first().evaluate(computed, 'color'), /^rgba?\(2\d\d, 2\d\d, 2\d\d/);
  await theme('JupyterLab Light');
  await page.locator('body[data-jp-theme-light="true"]').waitFor({ state: 'attached', timeout: PATIENCE });
});

t.test('saved, closed and reopened it looks the same; also where JupyterLab does not trust it', async (t) => {
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+s');
  // A mark on its tab says what isn't saved.
  await page.locator('.lm-TabBar-tab.jp-mod-dirty').waitFor({ state: 'detached', timeout: PATIENCE });
  const saved = JSON.parse(await readFile(join(runtime.notebooks, 'incident.ipynb'), 'utf8'));
  for (const cell of saved.cells) delete cell.metadata.trusted;
  await putNotebook(runtime.gateway, 'from-somebody-else.ipynb', saved);
  await page
    .locator('.lm-DockPanel-tabBar .lm-TabBar-tab', { hasText: 'incident.ipynb' })
    .locator('.lm-TabBar-tabCloseIcon')
    .click();
  await notebook.cells.first().waitFor({ state: 'detached' });
  for (const name of ['incident.ipynb', 'from-somebody-else.ipynb']) {
    await t.test(name, async (t) => {
      await open(name);
      for (const looks of Object.values(looksRight)) await looks(t);
    });
  }
});

t.test('nothing failed on the way, and no credential came to the browser', (t) => {
  t.strictSame(watched.errors, []);
  t.strictSame(watched.failed, []);
  t.ok(watched.received.length > 100, 'websocket messages were seen');
  for (const secret of [...Object.values(shop.env), 'canary-desk-token', 'ghp_canary-token', LLM_TOKEN]) {
    const forms = [secret, JSON.stringify(secret).slice(1, -1)];
    t.notOk(watched.received.some((text) => forms.some((form) => text.includes(form))));
  }
  t.end();
});
