import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { type Client, connect, execute } from '../support/client.js';
import { complete, inspect } from '../support/completion.js';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { type StockJupyter, startStockJupyter } from '../support/jupyter.js';
import { until } from '../support/until.js';

t.setTimeout(120_000);

let jupyter: StockJupyter;
let gateway: TestGateway;

t.before(async () => {
  jupyter = await startStockJupyter();
  const file = join(
    t.testdir({ secrets: { mounted: 'canary-mounted', cert: 'canary-cert' } }),
    'connections.yaml',
  );
  await writeFile(
    file,
    `secrets: {folder: "${join(file, '..', 'secrets')}"}
connections:
  prod: {type: prometheus, url: "http://127.0.0.1:9", token: "{{runtime_env:PROM}}", default: true}
  stage: {type: prometheus, url: "http://127.0.0.1:9", token: "{{secret:cert}}"}
`,
  );
  gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { PROM: 'canary-prom', API_KEY: 'canary-key' },
    connections: { file, required: true },
  });
});
t.teardown(async () => {
  await gateway?.close();
  await jupyter?.close();
});

for (const wire of ['v1', 'legacy'] as const) {
  t.test(`${wire}: JupyterLab’s own client completes and inspects SPIN cells`, async (t) => {
    const client: Client = connect(gateway, wire);
    t.teardown(() => client.close());
    const kernel = await client.kernels.startNew({ name: 'python3' });
    t.teardown(() => kernel.shutdown());
    const frames: string[] = [];
    kernel.anyMessage.connect((_, { msg }) => void frames.push(JSON.stringify(msg)));
    await execute(kernel, 'import math; dashboards = ["a"]; dashing = {"k": 1}');

    t.same((await complete(kernel, '%%prometheus s')).matches, ['stage']);
    t.same((await complete(kernel, '%%prometheus --list al')).matches, ['alerts']);
    // The kernel's first completion loads a library, and may take longer than an answer waits.
    const withTheKernels = async (code: string, isThere: (matches: readonly string[]) => boolean) => {
      let completed = await complete(kernel, code);
      await until(async () => {
        if (isThere(completed.matches)) return true;
        completed = await complete(kernel, code);
        return false;
      }, 60_000);
      return completed;
    };
    const variables = await withTheKernels('%%prometheus\nup{job="{{das│"}', (matches) => matches.length > 0);
    t.same([...variables.matches].sort(), ['dashboards', 'dashing'], 'variables alone');
    t.same([variables.from, variables.to], [23, 26]);
    // A slow kernel (IPython: 0.4 s) leaves out what kind of thing a name is, which tells modules.
    const names = await withTheKernels('%%shell\necho {{ma', (matches) => !matches.includes('math'));
    t.notOk(names.matches.includes('math'), 'no modules');

    const magics = await withTheKernels('%%p', (matches) => matches.includes('%%prun'));
    t.ok(
      ['%%prometheus', '%%prun', '%%perl'].every((name) => magics.matches.includes(name)),
      'with IPython’s own',
    );
    t.same((await complete(kernel, 'key = "{{runtime_env:│}}"')).matches, ['runtime_env:API_KEY']);
    const secrets = (await complete(kernel, '%%shell\necho {{secret:')).matches;
    t.same(secrets, ['secret:mounted', 'secret:API_KEY'], 'not those that connections reserve');
    t.match((await complete(kernel, 'math.sq')).matches, ['sqrt'], 'Python is the kernel’s');

    t.match(await inspect(kernel, '%%prome│theus prod\nup'), /PromQL.*Connections: prod, stage/s);
    t.match(await inspect(kernel, '%%prometheus prod --ra│nge 6h\nup'), /^--range VALUE/);
    t.match(await inspect(kernel, 'math.sqrt│'), /square root/, 'Python is the kernel’s');

    const cell = kernel.requestExecute({ code: 'input()', allow_stdin: true });
    const asked = new Promise<void>((resolve) => {
      cell.onStdin = () => resolve();
    });
    await asked;
    t.same((await complete(kernel, '%%prometheus pr')).matches, ['prod'], 'while a cell runs');
    // The notebook still shows that the cell runs.
    await until(() => kernel.status === 'busy');
    await kernel.interrupt();
    await cell.done.catch(() => {});
    t.equal((await execute(kernel, 'print(2)')).stdout, '2\n');
    t.notMatch(frames.join('\n'), /canary-/, 'no value in any frame');
  });
}
