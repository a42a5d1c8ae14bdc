import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import WebSocket from 'ws';
import { environmentOf } from '../../gateway/config/runtime-env.js';
import { homeAt } from '../../gateway/home.js';
import { run } from '../../gateway/jupyter/command.js';
import { createEmbeddedJupyter } from '../../gateway/jupyter/embedded.js';
import { withLock } from '../../gateway/jupyter/install-lock.js';
import { findPython } from '../../gateway/jupyter/python.js';
import {
  ask,
  eventually,
  jupyterUser,
  processesWith,
  startEmbedded,
  startKernel,
} from '../support/embedded.js';
import { jupyterEnvironment } from '../support/jupyter.js';

t.setTimeout(300_000);

t.test('an embedded Jupyter', async (t) => {
  const embedded = await startEmbedded();
  t.teardown(() => embedded.close());
  const { jupyter, home } = embedded;
  const { socketPath = '' } = jupyter.source();

  t.test('is ready, on a unix socket and without a token', async (t) => {
    t.equal(jupyter.state, 'ready');
    t.match(jupyter.source(), { origin: 'http://localhost', basePath: '', token: undefined });
    t.ok(Buffer.byteLength(socketPath) <= 107);
    t.equal((await ask(socketPath, 'GET', '/api/status')).status, 200);
  });

  t.test('has no network port', async (t) => {
    const pids = await processesWith(`--ServerApp.sock=${socketPath}`);
    t.equal(pids.length, 2, 'keeper and server');
    const listening = await listeningInodes();
    for (const pid of pids) {
      const sockets = await socketInodes(pid);
      t.strictSame(
        sockets.filter((inode) => listening.has(inode)),
        [],
      );
    }
  });

  t.test('answers an API client that sends neither a token nor an XSRF cookie', async (t) => {
    t.equal((await ask(socketPath, 'POST', '/api/contents', { type: 'notebook' })).status, 201);
    t.ok(existsSync(join(home.notebooks, 'Untitled.ipynb')), 'notebooks live under var/notebooks');
  });

  t.test('C9: a sanitized export keeps tables as they are, and nothing that runs or fetches', async (t) => {
    const table =
      '<div style="overflow-x:auto"><table><thead><tr><th style="text-align:left;white-space:pre">id</th></tr></thead>' +
      '<tbody><tr><td style="text-align:right;position:fixed;background:url(http://far/x)" title="a">7</td></tr></tbody>' +
      '</table></div><p>1 row</p><script>alert(1)</script><img src="http://far/x" onerror="alert(1)">' +
      '<a href="javascript:alert(1)" onclick="x()">link</a>';
    const output = { output_type: 'display_data', metadata: {}, data: { 'text/html': table } };
    const code = { cell_type: 'code', metadata: {}, source: '', execution_count: 1, outputs: [output] };
    const head = {
      cell_type: 'markdown',
      metadata: {},
      source: '# Title\n\n| a | b |\n| --- | --- |\n| 1 | 2 |',
    };
    const content = { nbformat: 4, nbformat_minor: 4, metadata: {}, cells: [head, code] };
    const put = { type: 'notebook', format: 'json', content };
    t.equal((await ask(socketPath, 'PUT', '/api/contents/export.ipynb', put)).status, 201);
    const exported = async (isSanitized: boolean) => {
      const path = `/nbconvert/html/export.ipynb?sanitize_html=${isSanitized}`;
      return (await ask(socketPath, 'GET', path)).body.split('<main>')[1] ?? '';
    };
    const safe = await exported(true);
    t.match(safe, '<th style="text-align:left;white-space:pre;">id</th></tr></thead>');
    t.match(safe, '<td style="text-align:right;" title="a">7</td>');
    t.match(safe, '<p>1 row</p>');
    t.match(safe, /<h1[^>]*>Title</);
    t.match(safe, /<thead>\s*<tr>\s*<th>a<\/th>/);
    t.match(safe, '<a>link</a>');
    t.notMatch(safe, /<img|<script|position|url\(/);
    t.match(
      await exported(false),
      '<td style="text-align:right;position:fixed;',
      'only where it is asked for',
    );
  });

  t.test('shows JupyterLab first, without news or updates', async (t) => {
    const root = await ask(socketPath, 'GET', '/');
    t.match(root.location, /\/lab/);
    const page = (await ask(socketPath, 'GET', '/lab')).body;
    const config = JSON.parse(/<script id="jupyter-config-data"[^>]*>([^<]*)</.exec(page)?.[1] ?? '{}');
    t.match(config, { news: { disabled: true }, quitButton: true, terminalsAvailable: true, token: '' });
    t.match(config, { extensionManager: { can_install: false } }, 'asks no registry for extensions');
    t.ok(config.disabledExtensions.includes('@jupyterlab/apputils-extension:announcements'), 'asks nobody');
  });

  t.test('A3: Log Out is in the menu, and what ends the server is not', async (t) => {
    const { body } = await ask(socketPath, 'GET', '/lab/api/settings/@jupyterlab/mainmenu-extension:plugin');
    const { menus } = JSON.parse(body).schema.properties;
    t.match(menus.default, [
      { id: 'jp-mainmenu-file', items: [{ command: 'filemenu:shutdown', disabled: true }] },
    ]);
  });

  t.test('serves Notebook 7 too', async (t) => {
    t.equal((await ask(socketPath, 'GET', '/tree')).status, 200);
  });

  t.test('lets more than a megabyte of output a second pass', async (t) => {
    const kernel = await startKernel(socketPath);
    t.teardown(() => kernel.close());
    const printed = await kernel.run('for _ in range(6): print("x" * 1_000_000)');
    t.equal(printed.length, 6_000_005);
  });

  t.test('encrypts what kernels send over loopback', async (t) => {
    const kernel = await startKernel(socketPath);
    t.teardown(() => kernel.close());
    const read =
      'import json; print("curve_publickey" in json.load(open(get_ipython().kernel.parent.connection_file)))';
    t.equal(await kernel.run(read), 'True');
  });

  t.test('has terminals with the commands that users installed first on PATH', async (t) => {
    const { body } = await ask(socketPath, 'POST', '/api/terminals');
    const socket = new WebSocket(`ws+unix:${socketPath}:/terminals/websocket/${JSON.parse(body).name}`);
    t.teardown(() => socket.terminate());
    let text = '';
    socket.on('message', (data) => {
      const [kind, content] = JSON.parse(String(data));
      if (kind === 'stdout') text += content;
    });
    await once(socket, 'open');
    socket.send(JSON.stringify(['stdin', 'echo "<$(command -v pip)|$(command -v python3)|$PWD>"\r']));
    const bin = join(home.python, 'bin');
    await eventually('the terminal answers', () =>
      text.includes(`<${bin}/pip|${bin}/python3|${home.notebooks}>`),
    );
  });

  t.test('keeps the history and settings of its user under var/jupyter', async (t) => {
    const kernel = await startKernel(socketPath);
    t.teardown(() => kernel.close());
    t.equal(
      await kernel.run('import os; print(get_ipython().history_manager.hist_file)'),
      join(home.jupyterHome, '.ipython', 'profile_default', 'history.sqlite'),
    );
  });

  t.test(
    "logs errors as warnings and the rest for debugging, and nothing that a kernel's processes write",
    async (t) => {
      const kernel = await startKernel(socketPath);
      t.teardown(() => kernel.close());
      const out = await kernel.run(
        'import os; os.write(os.open("/proc/self/fd/1", os.O_WRONLY), b"one"); print(os.getppid())',
      );
      t.match(out, /\d/);
      const stray = `import os; [os.write(int(fd), b"stray-output\\n") for fd in os.listdir("/proc/self/fd") if os.readlink(f"/proc/self/fd/{fd}") == "/dev/null"]`;
      await kernel.run(stray);
      t.notMatch(embedded.lines.join(''), /stray-output/);
      t.match(embedded.lines.join(''), /"level":20.*"source":"jupyter".*extension was successfully loaded/);
    },
  );
});

t.test('while Jupyter is not there, the source says what goes on', async (t) => {
  const jupyter = createEmbeddedJupyter({
    inherited: environmentOf(process.env),
    home: homeAt(t.testdir({})),
    environment: await jupyterEnvironment(),
    log: pino({ level: 'silent' }),
    progress: () => {},
  });
  t.equal(jupyter.state, 'installing');
  t.throws(() => jupyter.source(), { code: 'UPSTREAM_STARTING', message: /^Jupyter is starting/ });
  await jupyter.stop();
  t.equal(jupyter.state, 'stopped');
  t.throws(() => jupyter.source(), { code: 'UPSTREAM_DOWN' });
  await t.resolves(jupyter.ready);
});

t.test('while Jupyter is installed, the source says so, and how far it is', async (t) => {
  const home = homeAt(t.testdir({ lib: {} }));
  const path = `${home.jupyter}.lock`;
  const python = await findPython(environmentOf(process.env), undefined);
  await withLock({ python, path, onWait: () => {}, signal: undefined }, async () => {
    const jupyter = createEmbeddedJupyter({
      inherited: environmentOf(process.env),
      home,
      environment: home.jupyter,
      log: pino({ level: 'silent' }),
      progress: () => {},
    });
    const says = () => {
      try {
        return JSON.stringify(jupyter.source());
      } catch (error) {
        return String(error);
      }
    };
    await eventually('it waits for the other installation', () =>
      says().includes('is installing it; waiting'),
    );
    t.match(says(), /being installed; this happens once and takes a few minutes/);
    await jupyter.stop();
  });
});

t.test('an environment that has no Jupyter ends the attempt with what is wrong', async (t) => {
  const folder = t.testdir({ empty: {} });
  const jupyter = createEmbeddedJupyter({
    inherited: environmentOf(process.env),
    home: homeAt(join(folder, 'home')),
    environment: join(folder, 'empty'),
    log: pino({ level: 'silent' }),
    progress: () => {},
  });
  await t.rejects(jupyter.ready, { name: 'JupyterSetupError', message: /has no bin\/jupyter/ });
  t.equal(jupyter.state, 'stopped');
});

t.test('a server that does not answer any more is restarted', async (t) => {
  const { jupyter, close } = await startEmbedded({ checkEveryMs: 200, hungAfterMs: 1_000, firstDelayMs: 50 });
  t.teardown(close);
  const { socketPath = '' } = jupyter.source();
  for (const pid of await processesWith(`--ServerApp.sock=${socketPath}`)) {
    if (!(await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('keeper.py')) process.kill(pid, 'SIGSTOP');
  }
  await eventually(
    'it was restarted',
    () => jupyter.state === 'ready' && jupyter.source().socketPath !== socketPath,
  );
  t.notOk(existsSync(dirname(socketPath)), 'the old socket is gone');
});

t.test('a server that cannot start is tried again, later and later', async (t) => {
  const home = homeAt(t.testdir({}));
  const environment = join(home.root, 'environment');
  const lines: { msg: string; delay_ms?: number; output?: string }[] = [];
  await brokenEnvironment(environment);
  const jupyter = createEmbeddedJupyter({
    inherited: environmentOf(process.env),
    home,
    environment,
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    progress: () => {},
    timing: { firstDelayMs: 20, longestDelayMs: 50 },
  });
  t.teardown(() => jupyter.stop());
  const delays = () => lines.flatMap(({ delay_ms }) => delay_ms ?? []);
  await eventually('four attempts', () => delays().length >= 4);
  t.strictSame(delays().slice(0, 4), [20, 40, 50, 50]);
  t.equal(jupyter.state, 'starting');
  t.match(lines.find(({ msg }) => msg === 'Jupyter did not start')?.output, /this Jupyter is broken/);
});

/** A virtual environment that passes for Jupyter's until its server is started. */
async function brokenEnvironment(folder: string): Promise<void> {
  const python = await findPython(environmentOf(process.env), await jupyterUser());
  await run(python, ['-I', '-m', 'venv', '--without-pip', folder]);
  await writeFile(join(folder, 'bin', 'jupyter'), '');
  const asked = await run(join(folder, 'bin', 'python3'), [
    '-I',
    '-c',
    'import site; print(site.getsitepackages()[0])',
  ]);
  const packages = asked.stdout.trim();
  for (const name of ['jupyter_server', 'ipykernel']) {
    await mkdir(join(packages, name));
    await writeFile(join(packages, name, '__init__.py'), '');
  }
  await writeFile(
    join(packages, 'jupyter_server', '__main__.py'),
    'raise SystemExit("this Jupyter is broken")',
  );
}

async function listeningInodes(): Promise<Set<string>> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  // proc_pid_net(5): the fourth column is the state, 0A is LISTEN, the tenth is the inode.
  const rows = tables
    .join('\n')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return new Set(rows.filter((row) => row[3] === '0A').map((row) => row[9] ?? ''));
}

async function socketInodes(pid: number): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}
