import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BrowserContext, Page } from 'playwright-core';
import t from 'tap';
import { loginUrl } from '../../gateway/edge/login-codes.js';
import { Secret } from '../../processors/core/secret.js';
import { startBrowser } from '../support/browser.js';
import { type ExtendedJupyter, startExtendedJupyter } from '../support/extensions.js';
import { startTestGateway, type TestGateway, TOKEN, upstreamOf } from '../support/gateway.js';
import { LabNotebook, notebookOf, outputOf, PATIENCE, putNotebook } from '../support/lab.js';

// The environment is made at its first use.
t.setTimeout(900_000);

const PROGRAM = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));
const CANARY = 'canary-value-8841';
const WHAT_TO_DO = /jupyter-server-nbmodel.*jupyter labextension disable @datalayer\/jupyter-server-nbmodel/s;

let jupyter: ExtendedJupyter;
let gateway: TestGateway;
let page: Page;
let site: string;
/** Paths of the requests that send a cell. */
const posts: string[] = [];
let notebook: LabNotebook;

t.before(async () => {
  jupyter = await startExtendedJupyter();
  t.teardown(() => jupyter.close());
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: { API_KEY: CANARY } });
  t.teardown(() => gateway.close());
  const browser: BrowserContext = await startBrowser({ viewport: { width: 1280, height: 1000 } });
  t.teardown(() => browser.close());
  page = browser.pages()[0] ?? (await browser.newPage());
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (request.method() === 'POST' && pathname.endsWith('/execute')) posts.push(pathname);
  });
  site = gateway.origin.replace('127.0.0.1', 'localhost');
  await putNotebook(gateway, 'incident.ipynb', notebookOf(['']));
  await page.goto(await loginUrl(site, new Secret(TOKEN)));
  await open();
});

async function open(): Promise<void> {
  await page.goto(`${site}/lab/tree/incident.ipynb`);
  notebook = new LabNotebook(page);
  await notebook.ready();
}

/** Runs a cell, and waits until this is in its output. */
async function shows(code: string, wanted: RegExp): Promise<void> {
  const cell = await notebook.start(code);
  await cell
    .locator('.jp-OutputArea-output', { hasText: wanted })
    .first()
    .waitFor({ timeout: PATIENCE })
    .catch(async () => {
      throw new Error(`${code} shows: ${await outputOf(cell)}`);
    });
}

/** What a command says until it ends, or has said where it listens. */
function said(...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: jupyter.home,
    SPIN_HOME: join(jupyter.home, 'spin'),
    SPIN_PORT: '0',
    SPIN_TOKEN: TOKEN,
    SPIN_UPSTREAM: jupyter.url,
    SPIN_UPSTREAM_TOKEN: jupyter.token,
  };
  return new Promise((resolve) => {
    let all = '';
    const options = { env, timeout: PATIENCE };
    const child = execFile(process.execPath, [PROGRAM, ...args], options, () => resolve(all));
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text) => {
        all += text;
        // A gateway that has started goes on after it has said this.
        if (args.length === 0 && all.includes('SPIN Runtime is at') && WHAT_TO_DO.test(all)) child.kill();
      });
  });
}

t.test('J1: in JupyterLab with jupyter-server-nbmodel a plain cell runs', async (t) => {
  await shows('print(6 * 7)', /^42/);
  t.equal(posts.length, 1, 'by POST');
});

t.test('J1: a SPIN cell there says which extension to turn off, and how', async () => {
  await shows('%%rest\nGET http://127.0.0.1:9/', WHAT_TO_DO);
});

t.test('J1: so does a reference', async () => {
  await shows('x = "{{runtime_env:API_KEY}}"', WHAT_TO_DO);
});

t.test('J1: start-up and doctor say it', async (t) => {
  t.match(await said('doctor'), /^warning +extensions +Jupyter has jupyter-server-nbmodel/m);
  t.match(await said('doctor'), /→ Turn it off: jupyter labextension disable/);
  t.match(await said(), WHAT_TO_DO);
});

t.test('J1: what they say to do helps', async (t) => {
  const [, command = ''] = /(jupyter labextension disable \S+),/.exec(await said('doctor')) ?? [];
  // For this test's Jupyter alone: others share its environment.
  const args = [...command.split(' ').slice(1), '--level=user'];
  const env = { PATH: process.env.PATH ?? '', HOME: jupyter.home };
  await promisify(execFile)(jupyter.program, args, { env });
  await open();
  const before = posts.length;
  await shows('x = "{{runtime_env:API_KEY}}"; len(x)', new RegExp(`^${CANARY.length}$`));
  await shows('%%shell\necho $((6 * 7))', /^42/);
  t.equal(posts.length, before, 'nothing by POST any more');
});
