import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { homeAt } from '../../gateway/home.js';
import { Secret } from '../../processors/core/secret.js';
import { startTestGateway, TOKEN } from '../support/gateway.js';
import { jupyterEnvironment } from '../support/jupyter.js';
import { notebookOf, PATIENCE, putNotebook } from '../support/lab.js';
import { until } from '../support/until.js';
import { type Engine, engines } from '../support/webdriver.js';

t.setTimeout(900_000);

/** Waits until an expression is true in the page, which may be on its way to another one. */
const shows = async (engine: Engine, script: string) => {
  try {
    await until(async () => (await engine.evaluate(script).catch(() => false)) === true, PATIENCE);
  } catch (error) {
    const seen = await engine.evaluate("location.href + ' ' + document.body.innerText").catch(String);
    throw new Error(`never true: ${script} on ${String(seen).slice(0, 2_000)}`, { cause: error });
  }
};

/** JupyterLab opens again what was open before, out of sight. */
const NOTEBOOK = '.jp-NotebookPanel:not(.lm-mod-hidden)';

/** Its toolbar acts when a button is pressed, so that a notebook keeps the focus. */
const RUN = `[...document.querySelectorAll('${NOTEBOOK} [data-jp-item-name="run"] jp-button, ${NOTEBOOK} [data-jp-item-name="run"] button')]
  .slice(0, 1)
  .map((button) => button.dispatchEvent(new MouseEvent('mousedown', { bubbles: true, button: 0 }))).length`;

const status = "fetch('/api/status').then((answer) => answer.status)";

for (const [name, start] of Object.entries(engines)) {
  t.test(`W2: ${name} logs in, runs a cell and logs out, by http and https`, async (t) => {
    const home = homeAt(await mkdtemp(join(tmpdir(), 'spin-test-')));
    const gateway = await startTestGateway({
      home,
      upstream: { kind: 'embedded', environment: await jupyterEnvironment() },
      env: { API_KEY: 'canary-0123456789' },
    });
    t.teardown(async () => {
      await gateway.close();
      await rm(home.root, { recursive: true, force: true });
    });
    await gateway.gateway.ready;
    const engine = await start();
    t.teardown(() => engine.close());

    for (const scheme of ['http', 'https']) {
      const site = `${scheme}://localhost:${gateway.gateway.url.port}`;
      const notebook = `${scheme}.ipynb`;
      await putNotebook(gateway, notebook, notebookOf(["len('{{runtime_env:API_KEY}}') * 1000"]));

      await engine.goto(await loginUrl(site, new Secret(TOKEN)));
      await shows(engine, "location.pathname.startsWith('/lab')");
      await shows(engine, `${status}.then((answer) => answer === 200)`);
      t.pass(`${scheme}: the link logs in`);
      t.equal(await engine.evaluate('document.cookie.includes("spin-")'), false, 'out of reach of scripts');

      await engine.goto(`${site}/lab/tree/${notebook}`);
      await shows(engine, `document.querySelector('${NOTEBOOK} .jp-CodeCell') !== null`);
      await shows(
        engine,
        `fetch('/api/sessions').then((answer) => answer.json()).then((all) => all.some(({ path, kernel }) => path === '${notebook}' && kernel.execution_state === 'idle'))`,
      );
      await shows(engine, `${RUN} === 1`);
      await shows(
        engine,
        `/17000/.test(document.querySelector('${NOTEBOOK} .jp-OutputArea-output')?.textContent)`,
      );
      t.pass(`${scheme}: a cell runs over the kernel's websocket`);

      await engine.goto(`${site}/spin/logout`);
      await engine.evaluate("document.querySelector('form button').click()");
      await shows(engine, "location.pathname === '/spin/login'");
      // That page may ask for nothing by script.
      await engine.goto(`${site}/lab`);
      await shows(engine, "location.pathname === '/spin/login'");
      t.pass(`${scheme}: logged out`);

      await engine.goto(`${site}/spin/login?next=/api/status`);
      await engine.evaluate(
        `(document.querySelector('#token').value = ${JSON.stringify(TOKEN)}, document.querySelector('form button').click())`,
      );
      await shows(engine, "location.pathname === '/api/status'");
      t.pass(`${scheme}: the form logs in`);
      // A first look by https is the other cookie's business.
      await engine.goto(`${site}/spin/logout`);
      await engine.evaluate("document.querySelector('form button').click()");
      await shows(engine, "location.pathname === '/spin/login'");
    }
  });
}
