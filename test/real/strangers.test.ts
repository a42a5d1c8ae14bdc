import type { BrowserContext, Locator, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { give, type RestServer, startRestServer } from '../processors/rest-server.js';
import { startBrowser } from '../support/browser.js';
import { TOKEN } from '../support/gateway.js';
import { LabNotebook, notebookOf, outputOf, PATIENCE, putNotebook } from '../support/lab.js';
import { type Runtime, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

t.setTimeout(420_000);

/** What a service may answer, in JupyterLab as people see it: none of it may run, load, or lead anywhere but to http. */
let tracker: RestServer;
let service: RestServer;
let runtime: Runtime;
let browser: BrowserContext;
let page: Page;
let notebook: LabNotebook;
/** What the model says next. */
let said = '';

const run = 'window.pwned=1';

/** One fragment for each way that is known. */
function attacks(remote: string): string[] {
  return [
    `<img src=x onerror="${run}">`,
    `<ImG/SrC=x/OnErRoR=${run}>`,
    `<script>${run}</script>`,
    `<svg onload="${run}"><script>${run}</script></svg>`,
    `<svg><image href="${remote}/svg-image"/></svg>`,
    `<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
    `<iframe src="javascript:parent.pwned=1"></iframe>`,
    `<meta http-equiv="refresh" content="0;url=${remote}/refresh">`,
    `<base href="${remote}/base/">`,
    `<style>@import "${remote}/import.css"; *{background:url(${remote}/style)}</style>`,
    `<link rel="stylesheet" href="${remote}/link.css">`,
    `<link rel="preconnect" href="${remote}">`,
    `<form action="${remote}/form"><button autofocus formaction="javascript:${run}">ok</button></form>`,
    `<object data="${remote}/object"></object><embed src="${remote}/embed">`,
    `<video src="${remote}/video" poster="${remote}/poster" onerror="${run}"></video>`,
    `<math><mtext href="javascript:${run}">x</mtext></math>`,
    `<details open ontoggle="${run}"><summary>x</summary></details>`,
    `<input onfocus="${run}" autofocus>`,
    `<a href="javascript:${run}">x</a> <a href=" jav&#x09;ascript:${run}">x</a>`,
    `&lt;img src=x onerror="${run}"&gt; &#60;img src=x onerror="${run}"&#62;`,
    `![x](${remote}/image?q=1) ![x][ref] ![ref] [![x](${remote}/badge)](${remote}/behind)`,
    `![x](data:image/svg+xml,<svg/onload="${run}">) ![x](//127.0.0.1/scheme-less)`,
    `[x](javascript:${run}) [x](JaVaScRiPt:${run}) [x]( javascript:${run} ) [x](<javascript:${run}>)`,
    `[x](&#106;avascript:${run}) [x](java&Tab;script:${run}) [x](javascript&colon;${run}) [x](\\javascript:${run})`,
    `[x](data:text/html,<script>${run}</script>) [x](vbscript:${run}) [x](file:///etc/passwd) [x](/spin/)`,
    `[x][bad] [bad] [bad][]\n\n[bad]: javascript:${run}\n[ref]: ${remote}/ref.png "title"`,
    `<javascript:${run}> <data:text/html,x> <ftp://127.0.0.1/x> ftp://127.0.0.1/x`,
    `[x](https://a.example/"onmouseover="${run}) [x](https://a.example/ "t\\" onmouseover=\\"${run}")`,
    `[x](https://a.example/@@0@@) $" onmouseover=${run} x="$ @@0@@`,
    `footnote[^1]\n\n[^1]: <img src=x onerror="${run}">`,
    String.raw`\(\href{javascript:window.pwned=1}{x}\) $\href{javascript:window.pwned=1}{y}$ $$\href{data:text/html,x}{z}$$`,
    String.raw`\[\require{html}\style{background:url(${remote}/tex)}{x}\] \begin{equation}\href{javascript:1}{x}\end{equation}`,
    String.raw`&#92;(\href{javascript:window.pwned=1}{x}&#92;) &#36;\href{javascript:1}{x}&#36; \\(\href{javascript:1}{x}\\)`,
    String.raw`$\bbox[background:url(${remote}/bbox)]{x}$ $\mmlToken{mi}[href="javascript:1"]{x}$ $\def\x{\href}\x{javascript:1}{x}$`,
    `\`\`\`html\n<img src=x onerror="${run}"><script>${run}</script>\n\`\`\``,
    `- a\n  - b\n    \`\`\`\n    <img src=x onerror="${run}">\n    \`\`\`\n- c <img src=x onerror="${run}">`,
    `> \`\`\`\n> <img src=x onerror="${run}">\n<img src=x onerror="${run}">`,
    `~~~ \`x\n<img src=x onerror="${run}">\n~~~`,
    `\`\`\`mermaid\ngraph TD; A["<img src='${remote}/mermaid' onerror='${run}'>"]; click A href "javascript:${run}"\n\`\`\``,
    `a\n\n    <img src=x onerror="${run}">\n\n- list\n\n      <img src=x onerror="${run}">`,
    `| a | b |\n| --- | --- |\n| <img src=x onerror="${run}"> | \`|<script>${run}</script>\` |`,
    `<!-- --><img src=x onerror="${run}"><!-- ]]> <![CDATA[<script>${run}</script>]]>`,
    `\`<img src=x onerror="${run}">\` \`\`<b>\` <img src=x onerror="${run}">\`\``,
  ];
}

t.before(async () => {
  tracker = await startRestServer(t);
  const hostile = attacks(tracker.origin).join('\n\n');
  const records = attacks(tracker.origin).map((text, at) => ({
    [`col ${at % 20} ${text}`]: text,
    name: text,
  }));
  const refusal = { error: { message: `It failed: ${attacks(tracker.origin)[0]}`, code: 'x' } };
  service = await startRestServer(t, {
    '/chat/completions': (response, { body }) => {
      const { model } = JSON.parse(body) as { model: string };
      if (model.startsWith('no'))
        return void response
          .writeHead(400, { 'content-type': 'application/json' })
          .end(JSON.stringify(refusal));
      const choices = [{ index: 0, delta: { content: said }, finish_reason: 'stop' }];
      give(
        'text/event-stream',
        `data: ${JSON.stringify({ model: `m ${hostile.slice(0, 60)}`, choices })}\n\n`,
      )(response, {} as never);
    },
    '/html': give('text/html', hostile),
    '/svg': give(
      'image/svg+xml',
      `<svg xmlns="http://www.w3.org/2000/svg" onload="${run}"><script>${run}</script><image href="${tracker.origin}/svg"/></svg>`,
    ),
    '/markdown': give('text/markdown', hostile),
    '/xml': give('application/xml', `<?xml-stylesheet href="${tracker.origin}/x.xsl"?><x>${hostile}</x>`),
    '/xhtml': give(
      'application/xhtml+xml',
      `<html xmlns="http://www.w3.org/1999/xhtml"><script>${run}</script></html>`,
    ),
    '/js': give('application/javascript', run),
    '/records': give('application/json', JSON.stringify(records)),
    '/tree': give('application/json', JSON.stringify({ [hostile]: hostile, a: attacks(tracker.origin) })),
  });
  runtime = await startRuntime(
    t,
    [
      `desk: {type: rest, url: "${service.origin}", default: true}`,
      `hub: {type: github, url: "${service.origin}", token: "{{runtime_env:HUB}}", default: true}`,
      `model: {type: llm, url: "${service.origin}", model: m, default: true}`,
    ],
    { HUB: 'ghp_canary-token' },
  );
  browser = await startBrowser({ viewport: { width: 1280, height: 1000 } });
  t.teardown(() => browser.close());
  page = browser.pages()[0] ?? (await browser.newPage());
  notebook = new LabNotebook(page);
  const site = runtime.gateway.origin.replace('127.0.0.1', 'localhost');
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  await putNotebook(runtime.gateway, 'strangers.ipynb', notebookOf(['']));
  await page.goto(`${site}/lab/tree/strangers.ipynb`);
  await notebook.ready();
});

/** In the page's own words: the tests are compiled without a browser's types. */
const LOOK = `(() => {
  const outputs = [...document.querySelectorAll('.jp-OutputArea-output')];
  const all = (selector) => outputs.flatMap((output) => [...output.querySelectorAll(selector)]);
  const active = all('script, iframe:not([sandbox=""]), object, embed, form, meta, base, link, style, video, audio, svg image, details')
    .concat(all('.jp-RenderedMarkdown input, .jp-RenderedHTML input'));
  const pictures = all('img').filter((each) => !each.getAttribute('src')?.startsWith('data:'));
  // JupyterLab itself makes links of what looks like one in plain text, also of some kinds that browsers don't follow.
  const allowed = (link) => (link.closest('.jp-RenderedText') ? /^(https?|ftp|file|data):$/ : /^https?:$/);
  const links = all('[href]').filter((each) => !allowed(each).test(new URL(each.getAttribute('href'), location.href).protocol));
  const handlers = all('*').filter((each) => [...each.attributes].some(({ name }) => name.startsWith('on')));
  const elements = [...active, ...pictures, ...links, ...handlers, ...all('[style*="url("]')];
  return { pwned: 'pwned' in window, elements: elements.map((each) => each.outerHTML.slice(0, 200)) };
})()`;

/** Fails for whatever ran, was loaded, or could lead elsewhere than to http. */
async function isHarmless(t: Test, what: string): Promise<void> {
  const found = await page.evaluate(LOOK);
  t.same(found, { pwned: false, elements: [] }, what);
  t.same(
    tracker.asked.map(({ url }) => url),
    [],
    `${what}: nothing was loaded from elsewhere`,
  );
}

async function shown(code: string): Promise<Locator> {
  return await notebook.run(code);
}

t.test(
  'X4: nothing of a model’s answer runs, loads or links, however its Markdown is put together',
  async (t) => {
    const fragments = attacks(tracker.origin);
    said = fragments.join('\n\n');
    const cell = await shown('%%llm\nhello');
    t.match(await outputOf(cell), 'onerror', 'it is shown as text');
    await isHarmless(t, 'all of it');
    // The same pieces in each other's middle: what one parser takes for code another may not.
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return (seed >> 8) % below;
    };
    const glue = [
      '\n',
      '\n\n',
      ' ',
      '\n    ',
      '\n> ',
      '\n- ',
      '\n```\n',
      '`',
      '$',
      '\n~~~\n',
      '\n$$\n',
      '\n  1. ',
      '\t',
      '\n<pre>\n',
      '\\',
      '|',
    ];
    for (let round = 1; round <= 3; round++) {
      said = Array.from({ length: 150 }, () => {
        const fragment = fragments[random(fragments.length)] ?? '';
        const whole = random(3) > 0;
        return (whole ? fragment : fragment.slice(random(fragment.length))) + glue[random(glue.length)];
      }).join('');
      await shown(`%%llm\nround ${round}`);
      await isHarmless(t, `round ${round}`);
    }
  },
);

t.test('L1: dollars are money where they are, formulas where they are, and code is left alone', async (t) => {
  said = [
    'It costs $5 per month, and $10 per year. Set $HOME/$PATH, 5$ or 6$.',
    String.raw`Inline \(a^2\) and $b_1$, display \[c \lt 1\] and`,
    String.raw`$$\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix}$$`,
    'Code: `echo $A and \\(x\\) $B` and',
    '```sh\necho "$A" \\[x\\] "$B" <b>\n```',
    '1. In a list:\n   ```sh\n   echo $C <i> \\(y\\) $D\n   ```',
  ].join('\n\n');
  const cell = await shown('%%llm --out answer\nhello');
  const output = cell.locator('.jp-OutputArea-output').first();
  await output.locator('mjx-container').nth(3).waitFor({ timeout: PATIENCE });
  t.equal(await output.locator('mjx-container').count(), 4, 'the four formulas');
  const text = (await output.textContent()) ?? '';
  t.match(text, 'It costs $5 per month, and $10 per year. Set $HOME/$PATH, 5$ or 6$.');
  t.same(
    (await output.locator('code').allTextContents()).map((each) => each.trim()),
    ['echo $A and \\(x\\) $B', 'echo "$A" \\[x\\] "$B" <b>', 'echo $C <i> \\(y\\) $D'],
  );
  const kept = await shown('print(answer)');
  t.equal((await outputOf(kept)).trim(), said, 'the variable is what the model said');
});

t.test('L2: a picture of an answer is a link', async (t) => {
  said = `![a chart](${tracker.origin}/chart.png?q=secret)`;
  const cell = await shown('%%llm\nhello');
  const link = cell.locator('.jp-OutputArea-output a').first();
  t.equal(await link.textContent(), 'a chart');
  t.equal(await link.getAttribute('href'), `${tracker.origin}/chart.png?q=secret`);
  await isHarmless(t, 'a picture');
});

t.test(
  'X4, X21: nor does anything of other answers: pages, drawings, tables, trees, errors, names',
  async (t) => {
    const direct = service.origin;
    const cells = [
      ...['html', 'svg', 'markdown', 'xml', 'xhtml', 'js', 'records', 'tree'].flatMap((path) => [
        `%%rest\nGET /${path}`,
        `%%rest\nGET ${direct}/${path}`,
        `%%github\nGET /${path}`,
      ]),
      `%%llm --model "no <img src=x onerror=${run}>"\nhello`,
      `%%llm --model "<img src=x onerror=${run}> \\(\\href{javascript:1}{x}\\)"\nhello`,
    ];
    for (const cell of cells) {
      await shown(cell);
      await isHarmless(t, cell);
    }
    t.ok((await page.locator('iframe[sandbox=""]').count()) >= 2, 'pages are shown');
    t.equal(await page.locator('td mjx-container, th mjx-container').count(), 0, 'a table holds no formulas');
  },
);

t.test('the page would have told: a picture that is loaded is seen', async () => {
  await page.evaluate(`new Image().src = ${JSON.stringify(`${tracker.origin}/control`)}`);
  await until(() => tracker.asked.some(({ url }) => url === '/control'));
});
