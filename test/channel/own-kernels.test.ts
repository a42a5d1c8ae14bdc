import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startTestGateway, type TestGateway, upstreamOf } from '../support/gateway.js';
import { startStockJupyter } from '../support/jupyter.js';
import { type Answered, openRawClient, type RawClient, startKernel } from '../support/raw-client.js';

t.setTimeout(240_000);

const KEY = 'canary-value-7f3a';
const MB = 1024 * 1024;

/** A kernel that isn't Python's: it runs bash, or R's comments. */
const BASH_KERNEL = `
import subprocess
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

class Bash(Kernel):
    implementation = "little-bash"
    implementation_version = "1"
    banner = "bash"
    language_info = {"name": "bash", "mimetype": "text/x-sh", "file_extension": ".sh"}

    def do_execute(self, code, silent, *_, **__):
        text = "magic " + code if code.startswith("%%") else subprocess.run(["bash", "-c", code], capture_output=True, text=True).stdout
        self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": text})
        return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}

IPKernelApp.launch_instance(kernel_class=Bash)
`;

let gateway: TestGateway;

t.before(async () => {
  const folder = t.testdir({});
  const specs: Readonly<Record<string, object>> = {
    bash: { argv: ['python3', join(folder, 'bash.py'), '-f', '{connection_file}'], language: 'bash' },
    sage: { argv: ['python3', '-m', 'ipykernel_launcher', '-f', '{connection_file}'], language: 'sage' },
  };
  await writeFile(join(folder, 'bash.py'), BASH_KERNEL);
  for (const [name, spec] of Object.entries(specs)) {
    await mkdir(join(folder, 'kernels', name), { recursive: true });
    const text = JSON.stringify({ display_name: name, ...spec });
    await writeFile(join(folder, 'kernels', name, 'kernel.json'), text);
  }
  const jupyter = await startStockJupyter({
    env: { JUPYTER_PATH: folder },
    args: [`--ServerApp.tornado_settings={"websocket_max_message_size":${64 * MB}}`],
  });
  t.teardown(() => jupyter.close());
  gateway = await startTestGateway({
    upstream: upstreamOf(jupyter),
    env: { KEY },
    maxMessage: 32 * MB,
  });
  t.teardown(() => gateway.close());
});

async function clientsOf(t: Test, name?: string, count = 1): Promise<RawClient[]> {
  const id = await startKernel(gateway, name);
  const clients: RawClient[] = [];
  for (let each = 0; each < count; each++) {
    const client = await openRawClient(gateway, id, each % 2 === 0 ? 'v1' : 'legacy');
    t.teardown(() => client.close());
    await client.listens();
    clients.push(client);
  }
  return clients;
}

const errorOf = ({ reply }: Answered) => String(reply.evalue);

t.test('J9: every history shows the cell as it was typed, and no value', async (t) => {
  const [client, other] = (await clientsOf(t, 'python3', 2)) as [RawClient, RawClient];
  const cells = [
    '%%shell\necho {{runtime_env:KEY}} | wc -c',
    '%%shell --nope\nls',
    '%%spin shell\necho 2 {{x}}',
    'len("{{runtime_env:KEY}}")',
    '%%prometheus\nup',
    '%%shell?',
  ];
  await client.execute('x = 1');
  for (const cell of cells) {
    const { id } = await client.execute(cell);
    for (const each of [client, other]) {
      const input = await each.hears(({ type, parent }) => type === 'execute_input' && parent === id);
      t.equal(input.content.code, cell);
    }
  }
  const look = [
    'import json',
    'h = get_ipython().history_manager',
    'h.writeout_cache()',
    'h.save_thread.save_flag.set() if h.save_thread else None',
    'rows = [list(r) for r in h.get_range(0, 2, 8, raw=True)]',
    'print(json.dumps([In[2:8], _ih[2:8], h.input_hist_raw[2:8], [r[2] for r in rows], _i2]))',
  ].join('\n');
  const [In, ih, raw, range, second] = JSON.parse((await client.execute(look)).stdout);
  for (const shown of [In, ih, raw, range]) t.same(shown, cells);
  t.equal(second, cells[0]);
  // The file itself, from a process of its own.
  const file = await client.execute(
    'import subprocess, sys\nprint(subprocess.run([sys.executable, "-c", "import sqlite3, json, sys; print(json.dumps([r for r in sqlite3.connect(sys.argv[1]).execute(\'select source, source_raw from history where session = ? and line between 2 and 7 order by line\', (sys.argv[2],))]))", h.hist_file, str(h.session_number)], capture_output=True, text=True).stdout)',
  );
  t.same(
    JSON.parse(file.stdout),
    cells.map((cell) => [cell, cell]),
  );
  t.match((await client.execute('%history -n 2')).stdout, cells[0]?.split('\n')[1]);
  t.notMatch((await client.execute('%history -t')).stdout, /__spin__|lambda|canary/);
  const { reply } = await client.execute('%recall 2');
  t.match(reply, { payload: [{ source: 'set_next_input', text: cells[0] }] });
  t.notMatch(Buffer.concat([...client.frames, ...other.frames]).toString('latin1'), KEY);
});

t.test('J6: a magic that somebody gave the kernel is kept, and %%spin NAME is the gateway’s', async (t) => {
  const [client] = (await clientsOf(t)) as [RawClient];
  t.match((await client.execute('%%shell\necho spin')).stdout, 'spin\n');
  t.match(
    errorOf(await client.execute('%%shell sqlite://\nls')),
    /load or register it first\. Then %%shell is that magic/,
  );
  const own = (name: string) =>
    `from IPython.core.magic import register_cell_magic\n@register_cell_magic\ndef ${name}(line, cell): print("own ${name}", line, cell)`;
  for (const name of ['shell', 'sql', 'shel', 'rest']) await client.execute(own(name));
  t.equal((await client.execute('%%shell a\necho {{x}}')).stdout, 'own shell a echo {{x}}\n\n');
  t.equal((await client.execute('%%sql sqlite://\nselect 1')).stdout, 'own sql sqlite:// select 1\n\n');
  t.equal((await client.execute('%%shel\nx')).stdout, 'own shel  x\n\n', 'C3: untouched');
  t.equal((await client.execute('%%rest\nGET http://x')).stdout, 'own rest  GET http://x\n\n');
  t.equal((await client.execute('%%spin shell\necho spin')).stdout, 'spin\n');
  const refused = await client.execute('%%shell\necho {{runtime_env:KEY}}');
  t.match(errorOf(refused), /\{\{runtime_env:KEY\}\} can't be used in a magic/);
  await client.execute('del get_ipython().magics_manager.magics["cell"]["shell"]');
  t.match((await client.execute('%%shell\necho spin')).stdout, 'spin\n');
});

t.test('C3: a kernel without such a magic says what to add and where, or what was meant', async (t) => {
  const [client] = (await clientsOf(t)) as [RawClient];
  const said = async (cell: string) => errorOf(await client.execute(cell));
  t.match(
    await said('%%prometheus\nup'),
    /^There is no connection of type prometheus\. Add one to etc\/connections\.yaml/,
  );
  const helped = await client.execute('%%prometheus --help');
  t.match(
    helped,
    { status: 'ok', stdout: /^%%prometheus \[CONNECTION\][\s\S]*\nExample:\n/ },
    'C2: help comes before',
  );
  t.match(await said('%%Shell\nls'), /^There is no cell magic %%Shell\. Did you mean %%shell\?$/);
  t.match(await said('%%shel\nls'), /Did you mean %%shell\?$/);
  t.match(await said('%%nothing_like_it\nls'), /Cell magic `%%nothing_like_it` not found/);
});

t.test(
  'J6, J7: a kernel of another language keeps its own cells, and an escape means the text',
  async (t) => {
    const [client] = (await clientsOf(t, 'bash')) as [RawClient];
    t.equal((await client.execute('%%shell\nls {{x}}')).stdout, 'magic %%shell\nls {{x}}');
    t.equal((await client.execute(String.raw`echo '\{{runtime_env:KEY}}'`)).stdout, '{{runtime_env:KEY}}\n');
    t.equal((await client.execute(String.raw`echo 1 # \{{runtime_env:KEY}}`)).stdout, '1\n');
    t.match(
      errorOf(await client.execute('echo 1 # {{runtime_env:KEY}}')),
      /^\{\{runtime_env:KEY\}\} can be given to Python kernels only, and this kernel.s language is bash\. Write \\\{\{runtime_env:KEY\}\} for the text/,
    );
    t.match(errorOf(await client.execute('%%spin shell\nls')), /^%%spin cells need a Python kernel/);
  },
);

t.test('J10: a kernel that calls its language sage and is IPython runs SPIN cells', async (t) => {
  const [client] = (await clientsOf(t, 'sage')) as [RawClient];
  t.match(await client.execute('%%shell --out x\necho {{runtime_env:KEY}} | wc -c'), { status: 'ok' });
  t.match(await client.execute('print(len("{{runtime_env:KEY}}"))'), { stdout: `${KEY.length}\n` });
});

t.test('J8: a message passes that Jupyter takes by the setting', async (t) => {
  const [client] = (await clientsOf(t)) as [RawClient];
  const large = await client.execute(`print(len("${'x'.repeat(12 * MB)}"))`);
  t.equal(large.stdout, `${12 * MB}\n`);
  t.match(
    errorOf(await client.execute(`#${'x'.repeat(33 * MB)}`)),
    /larger than 32 MiB.*SPIN_MAX_MESSAGE_MB/,
  );
});
