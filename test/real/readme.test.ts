import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ask, cookieFrom, NAVIGATION } from '../support/ask.js';
import { connect, execute } from '../support/client.js';
import { startRuntime } from '../support/commands.js';
import { freePort } from '../support/free-port.js';
import { startTestGateway, upstreamOf } from '../support/gateway.js';
import { jupyterEnvironment, startStockJupyter } from '../support/jupyter.js';
import { notebookFile } from '../support/notebooks.js';
import { blocksOf, runBlock } from '../support/page.js';
import { until } from '../support/until.js';

/** What the README and other pages tell people to type, typed: each with its ports and files changed. */

t.setTimeout(300_000);

const TOKEN = 'readme-token-0123456789';

const jupyter = await startStockJupyter();
t.teardown(() => jupyter.close());
const fronting = { SPIN_UPSTREAM: jupyter.url, SPIN_UPSTREAM_TOKEN: jupyter.token };

/** The lines of a block, without what stands behind `#`. */
async function linesOf(page: string, heading: string, at = 0): Promise<string[]> {
  const block = (await blocksOf(page, heading))[at];
  if (block === undefined) throw new Error(`${page} has lost a block below "${heading}".`);
  return block.text.split('\n').map((line) => line.replace(/ +#.*$/, ''));
}

/** Puts values where the page has ports, addresses and dots. @throws {Error} when the page has one of them no more */
function changed(line: string, ...changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`“${from}” is not in “${text}”.`);
    return text.replace(from, to);
  }, line);
}

async function runsCells(t: Test, origin: string): Promise<void> {
  const client = connect({ origin, token: TOKEN });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.match(await execute(kernel, 'print(6 * 7)'), { status: 'ok', stdout: '42\n' });
  await kernel.shutdown();
}

t.test('Start: npm start, the link that it prints, and another one', async (t) => {
  const [start = '', another = ''] = await linesOf('README.md', 'Start');
  t.same(await linesOf('docs/guide/start.md', 'Start'), [start], 'the guide says the same');
  t.equal(start, 'npm start');
  const port = String(await freePort());
  const env = { SPIN_PORT: port, SPIN_TOKEN: TOKEN, SPIN_JUPYTER: await jupyterEnvironment() };
  const { home, link, said } = await startRuntime(t, start, env);
  t.match(link, `http://localhost:${port}/`);
  await until(() => said().includes('Jupyter is ready'), 60_000);
  const printed = await runBlock({ language: 'sh', text: another }, { ...env, SPIN_HOME: home });
  for (const url of [link, printed.trim()]) {
    const answer = await ask(url, { headers: NAVIGATION });
    t.equal(answer.status, 303);
    const lab = await ask(`http://localhost:${port}/lab`, { headers: { cookie: cookieFrom(answer) } });
    t.match(lab.body, '<title>JupyterLab</title>');
    t.equal((await ask(url, { headers: NAVIGATION })).status, 403, 'once');
  }
  await runsCells(t, `http://localhost:${port}`);
});

for (const [page, heading, at] of [
  ['docs/guide/start.md', 'In front of your own Jupyter', 0],
  ['docs/deploy/enterprise-gateway.md', 'Enterprise Gateway', 3],
] as const) {
  t.test(`${page}: in front of a Jupyter`, async (t) => {
    const [line = ''] = await linesOf(page, heading, at);
    const port = String(await freePort());
    const command = changed(
      line,
      ['http://127.0.0.1:8889', jupyter.url],
      ['UPSTREAM_TOKEN=…', `UPSTREAM_TOKEN=${jupyter.token}`],
      ['SPIN_TOKEN=…', `SPIN_TOKEN=${TOKEN}`],
    );
    await startRuntime(t, command, { SPIN_PORT: port });
    await runsCells(t, `http://localhost:${port}`);
  });
}

t.test('docs/deploy/operations.md: traces', async (t) => {
  let asked = 0;
  const collector = createTcpServer((socket) => {
    asked++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.teardown(() => collector.close());
  const [line = ''] = await linesOf('docs/deploy/operations.md', 'Traces');
  const command = changed(line, ['4318', String((collector.address() as AddressInfo).port)]);
  const port = String(await freePort());
  await startRuntime(t, command, { SPIN_PORT: port, SPIN_TOKEN: TOKEN, ...fronting });
  await ask(`http://localhost:${port}/healthz`);
  await until(() => asked > 0, 20_000);
  t.pass('a span was brought to where the command says');
});

t.test('One run', async (t) => {
  const folder = t.testdir({ 'report.ipynb': notebookFile(['print(days * 6)']) });
  const [line = ''] = await linesOf('docs/guide/one-run.md', 'In a checkout');
  const run = (cells: readonly string[]) =>
    writeFile(join(folder, 'report.ipynb'), notebookFile(cells)).then(() =>
      runBlock(
        {
          language: 'sh',
          text: changed(
            line,
            ['report.ipynb', join(folder, 'report.ipynb')],
            ['weekly.ipynb', join(folder, 'weekly.ipynb')],
          ),
        },
        { ...fronting, SPIN_HOME: join(folder, 'home') },
      ),
    );
  t.match(await run(['print(days * 6)']), /^42$/m);
  t.match(await readFile(join(folder, 'weekly.ipynb'), 'utf8'), '42');
  await t.rejects(run(['1 / 0']), { code: 1 });
});

t.test('Cells, as they stand there', async (t) => {
  const asked: string[] = [];
  const api = createServer((req, res) => {
    asked.push(`${req.method} ${req.url} ${req.headers.authorization ?? ''}`);
    res.setHeader('content-type', 'application/json');
    res.end(req.url?.startsWith('/issues') ? '[{"title": "a"}]' : '{"me": "ada"}');
  }).listen(0, '127.0.0.1');
  await once(api, 'listening');
  t.teardown(() => api.close());
  const at = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const key = 'canary-"key"-8472';
  const gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: { API_KEY: key } });
  t.teardown(() => gateway.close());
  const client = connect(gateway);
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(() => kernel.shutdown());
  const written = await blocksOf('docs/guide/cells.md', 'Cells');
  t.match(await blocksOf('README.md', 'A cell'), [written[1]], 'the README shows the second one');
  const blocks = written.map(({ text }) => changed(text, ['https://api.example.com', at]));
  t.equal(blocks.length, 2);
  await execute(kernel, 'state = "open & new"');
  for (const block of blocks) t.match(await execute(kernel, block), { status: 'ok' });
  t.same(asked, [`GET /me Bearer ${key}`, `GET /issues?state=open%20%26%20new Bearer ${key}`]);
  t.match(await execute(kernel, 'print(list(issues["title"]))'), { stdout: "['a']\n" }, 'a DataFrame');
});

t.test('Connections, as they stand there', async (t) => {
  const folder = t.testdir({});
  const [block] = await blocksOf('docs/guide/connections.md', 'Connections');
  await mkdir(join(folder, 'etc'), { mode: 0o700 });
  await writeFile(join(folder, 'etc', 'connections.yaml'), block?.text ?? '', { mode: 0o600 });
  const env = { SPIN_HOME: folder, PROM_TOKEN: 'x', SHOP_PASSWORD: 'y', ...fronting };
  const run = (text: string) => runBlock({ language: 'sh', text }, env);
  t.match(await run('node dist/gateway/cli.js connections list'), /^prod\tprometheus\tdefault\nshop\tsql/);
  // Nothing of example.com is there.
  await t.rejects(run('node dist/gateway/cli.js connections test'), {
    code: 69,
    stdout: /^prod\tfailed\t.*\nshop\tfailed\t/,
  });
});

t.test('CONTRIBUTING.md: a processor of one’s own, as it stands there', async (t) => {
  const [block] = await blocksOf('CONTRIBUTING.md', 'Adding a processor');
  const gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    addOns: { 'shout.mjs': block?.text ?? '' },
  });
  t.teardown(() => gateway.close());
  const client = connect(gateway);
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew({ name: 'python3' });
  t.teardown(() => kernel.shutdown());
  t.match(await execute(kernel, '%%shout --times 2\nhello'), { status: 'ok', stdout: 'HELLO\nHELLO\n' });
  t.match(await execute(kernel, '%%spin shout?'), {
    status: 'ok',
    stdout: /prints the cell in capitals/,
  });
});
