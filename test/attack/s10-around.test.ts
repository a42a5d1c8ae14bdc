import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { MASK } from '../../gateway/channel/hidden/masked.js';
import { ENV, filesWithLeak, leakIn, REF } from '../support/canary.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { openRawClient, startKernel } from '../support/raw-client.js';
import { until } from '../support/until.js';

let jupyter: StockJupyter;
let gateway: TestGateway;

t.before(async () => {
  jupyter = await startStockJupyter();
  gateway = await startTestGateway({ upstream: upstreamOf(jupyter), env: ENV });
});
t.teardown(async () => {
  await gateway?.close();
  await jupyter?.close();
});

async function ask(method: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `token ${gateway.token}`, 'content-type': 'application/json' };
  return fetch(`${gateway.origin}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

/** @returns what a file of every process says, by process id */
async function processes(file: 'cmdline' | 'environ'): Promise<Map<string, Buffer>> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = async (id: string): Promise<[string, Buffer]> => [
    id,
    await readFile(join('/proc', id, file)).catch(() => Buffer.alloc(0)),
  ];
  return new Map(await Promise.all(ids.map(read)));
}

t.test('S10: nothing of a value lies around while a cell runs, nor when all is over', async (t) => {
  const kernel = await startKernel(gateway);
  const client = await openRawClient(gateway, kernel, 'v1');
  t.teardown(() => client.close());

  const shown = await client.execute(`v = "${REF}"\nprint(v)\nv`);
  const failed = await client.execute('int(v)');
  const pid = (await client.execute('import os; print(os.getpid())')).stdout.trim();

  t.test(
    'in no command line and no environment of Jupyter and its kernel, while a script runs',
    async (t) => {
      const marker = 'marks-the-script';
      const script = `%%shell\nx="${REF}"\nexec -a ${marker} sleep 60 < <(printf %s "$x")`;
      const id = client.begin(script);
      const scriptRuns = async () => {
        const lines = await processes('cmdline');
        return [...lines.values()].some((line) => line.includes(marker));
      };
      await until(scriptRuns, 30_000);
      for (const line of (await processes('cmdline')).values())
        t.equal(leakIn(line), undefined, String(line));
      const environments = await processes('environ');
      for (const process of [String(jupyter.pid), pid]) {
        const environment = environments.get(process) ?? Buffer.alloc(0);
        t.ok(environment.length > 0, 'the environment can be read');
        t.equal(leakIn(environment), undefined);
      }
      const environment = [...(await processes('cmdline'))].find(([, line]) => line.includes(marker));
      t.ok(environment, 'the script still runs');
      t.equal(leakIn(environments.get(environment?.[0] ?? '') ?? ''), undefined, 'nor in its own');
      await ask('POST', `/api/kernels/${kernel}/interrupt`);
      t.match(await client.answer(id), { status: 'error' });
    },
  );

  await t.test('in no notebook that was saved with its output, nor in its checkpoint', async (t) => {
    const outputs = [shown, failed].map(({ messages }) =>
      messages
        .filter(({ type }) => ['stream', 'execute_result', 'error'].includes(type))
        .map(({ type, content }) => ({ output_type: type, ...content })),
    );
    const cells = outputs.map((each) => ({
      cell_type: 'code',
      id: `c${each.length}`,
      execution_count: 1,
      metadata: {},
      source: `v = "${REF}"`,
      outputs: each,
    }));
    const content = { cells, metadata: {}, nbformat: 4, nbformat_minor: 5 };
    t.match(await ask('PUT', '/api/contents/a.ipynb', { type: 'notebook', format: 'json', content }), {
      status: 201,
    });
    t.match(await ask('POST', '/api/contents/a.ipynb/checkpoints'), { status: 201 });
    const saved = await readFile(join(jupyter.rootDir, 'a.ipynb'), 'utf8');
    t.match(saved, MASK);
    t.equal(leakIn(saved), undefined);
    const checkpoint = await readFile(
      join(jupyter.rootDir, '.ipynb_checkpoints', 'a-checkpoint.ipynb'),
      'utf8',
    );
    t.match(checkpoint, MASK);
    t.equal(leakIn(checkpoint), undefined);
  });

  await ask('DELETE', `/api/kernels/${kernel}`);
  const history = join(jupyter.home, '.ipython', 'profile_default', 'history.sqlite');
  const names = (await readdir(join(history, '..'))).filter((name) => name.startsWith('history.sqlite'));
  const bytes = Buffer.concat(await Promise.all(names.map((name) => readFile(join(history, '..', name)))));
  t.ok(bytes.includes('runtime_env:KEY'), 'the history was written, with the reference');
  t.equal(leakIn(bytes), undefined, 'in no history');

  for (const folder of [join(jupyter.home, '..'), gateway.home]) {
    const { leaks, searched } = await filesWithLeak(folder);
    t.same(leaks, [], `in no file below ${folder}`);
    t.ok(searched > 0);
  }
  t.match(gateway.log(), kernel);
  t.equal(leakIn(gateway.log()), undefined, "in no line of the gateway's log");
  t.equal(leakIn(jupyter.log()), undefined, "in no line of Jupyter's");
});
