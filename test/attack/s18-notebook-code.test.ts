import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Home, homeAt } from '../../gateway/home.js';
import { jupyterUserOf } from '../../gateway/jupyter/user.js';
import { writeState } from '../../gateway/state.js';
import { jupyterUser, processesWith, startEmbedded, startKernel } from '../support/embedded.js';
import { jupyterEnvironment } from '../support/jupyter.js';

t.setTimeout(300_000);

const CANARY = 'spin-canary "\'$`{{\\ 0123456789';

/** SPIN_HOME with credentials in it, as the gateway writes them. */
async function homeWithSecrets() {
  const home = homeAt(await mkdtemp(join(tmpdir(), 'spin-test-')));
  await writeState(home.tokenFile, CANARY);
  await writeState(join(home.tls, 'ca-key.pem'), CANARY);
  await writeState(join(home.sessions, 'revoked.json'), CANARY);
  await mkdir(dirname(home.connections), { recursive: true, mode: 0o700 });
  await writeFile(home.connections, CANARY, { mode: 0o600 });
  await mkdir(home.processors, { recursive: true });
  return home;
}

const attempt = (expression: string) => `
try:
    print("done:", ${expression})
except OSError as error:
    print("refused:", type(error).__name__)
`;
const read = (path: string) => attempt(`open(${JSON.stringify(path)}, "rb").read().decode()`);
const write = (path: string) => attempt(`open(${JSON.stringify(path)}, "ab").close()`);
const create = (folder: string) =>
  attempt(`open(${JSON.stringify(join(folder, 'planted.mjs'))}, "x").close()`);

if ((await jupyterUser()) !== undefined) {
  t.test('S18: started as root, the gateway gives notebook code a user of its own', async (t) => {
    const home = await homeWithSecrets();
    const embedded = await startEmbedded({}, home.root);
    t.teardown(async () => {
      await embedded.close();
      await rm(home.root, { recursive: true, force: true });
    });
    const { jupyter } = embedded;
    const { socketPath = '' } = jupyter.source();
    t.strictSame(jupyter.isolation, { kind: 'own-user', user: jupyterUserOf(home) });
    const kernel = await startKernel(socketPath);
    t.teardown(() => kernel.close());

    t.test('S18: kernel, server and keeper run as that user, without groups of root', async (t) => {
      t.equal(
        await kernel.run('import os; print(os.getresuid(), os.getresgid(), os.getgroups())'),
        ids(home),
      );
      for (const pid of await processesWith(dirname(socketPath))) {
        const { uid } = jupyterUserOf(home);
        t.match(await readFile(`/proc/${pid}/status`, 'utf8'), `\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
      }
    });

    for (const path of [
      home.tokenFile,
      join(home.tls, 'ca-key.pem'),
      join(home.sessions, 'revoked.json'),
      home.connections,
    ]) {
      t.test(`S18: it cannot read ${path.slice(home.root.length + 1)}`, async (t) => {
        t.equal(await kernel.run(read(path)), 'refused: PermissionError');
      });
    }

    t.test("S18: it can't read the gateway's environment or memory", async (t) => {
      t.equal(await kernel.run(read(`/proc/${process.pid}/environ`)), 'refused: PermissionError');
      t.equal(await kernel.run(read(`/proc/${process.pid}/mem`)), 'refused: PermissionError');
    });

    t.test("S18: it can't list var/", async (t) => {
      t.equal(
        await kernel.run(`import os${attempt(`os.listdir(${JSON.stringify(home.var)})`)}`),
        'refused: PermissionError',
      );
    });

    t.test("S18: it can't plant or change code that the gateway or the server runs", async (t) => {
      const environment = await jupyterEnvironment();
      for (const path of [
        process.execPath,
        join(environment, 'bin', 'jupyter'),
        fileURLToPath(new URL('../../gateway/jupyter/embedded.js', import.meta.url)),
        join(dirname(dirname(socketPath)), 'jupyter_server_config.py'),
      ]) {
        t.match(await kernel.run(write(path)), /^refused: (PermissionError|OSError)/, path);
      }
      for (const folder of [
        home.processors,
        home.root,
        home.var,
        environment,
        dirname(dirname(socketPath)),
      ]) {
        t.equal(await kernel.run(create(folder)), 'refused: PermissionError', folder);
      }
    });

    t.test('S18: it can work in its own folders', async (t) => {
      for (const folder of [home.notebooks, home.jupyterHome, home.python]) {
        t.equal(await kernel.run(create(folder)), 'done: None', folder);
      }
    });

    t.test('S18: no other user can pass into the folder of its socket', async (t) => {
      t.equal((await stat(dirname(socketPath))).mode & 0o777, 0o700);
      t.equal((await stat(dirname(dirname(socketPath)))).mode & 0o007, 0);
    });
  });

  t.test('S18: a credential that is open to notebook code stops the start, with its path', async (t) => {
    const home = await homeWithSecrets();
    t.teardown(() => rm(home.root, { recursive: true, force: true }));
    await chmod(home.tokenFile, 0o644);
    await t.rejects(startEmbedded({}, home.root), {
      name: 'JupyterSetupError',
      message: `can read ${home.tokenFile}: prevent this with chmod go-rwx`,
    });
  });

  t.test(
    'A2: a folder of notebooks that is somebody else’s keeps its owner, and has to be open',
    async (t) => {
      const home = await homeWithSecrets();
      const notebooks = join(home.root, '..', `${basename(home.root)}-notebooks`);
      await mkdir(notebooks, { mode: 0o755 });
      await writeFile(join(notebooks, 'mine.ipynb'), '{}');
      t.teardown(() =>
        Promise.all([home.root, notebooks].map((path) => rm(path, { recursive: true, force: true }))),
      );
      const { uid } = jupyterUserOf(home);
      await t.rejects(startEmbedded({}, home.root, notebooks), {
        name: 'JupyterSetupError',
        message: `cannot write into ${notebooks}: change the owner with chown -R ${uid}:${uid}`,
      });
      await t.rejects(startEmbedded({}, home.root, notebooks), { message: `setfacl -R -m u:${uid}:rwX` });
      await chmod(notebooks, 0o777);
      const embedded = await startEmbedded({}, home.root, notebooks);
      t.teardown(() => embedded.close());
      const kernel = await startKernel(embedded.jupyter.source().socketPath ?? '');
      t.teardown(() => kernel.close());
      t.match(await kernel.run('import os; print(os.getcwd(), os.listdir())'), `${notebooks} ['mine.ipynb'`);
      t.equal((await stat(join(notebooks, 'mine.ipynb'))).uid, 0);
    },
  );

  t.test('S18: code of the gateway that notebook code could change stops the start', async (t) => {
    const home = await homeWithSecrets();
    t.teardown(() => rm(home.root, { recursive: true, force: true }));
    await chmod(dirname(home.processors), 0o755);
    await chmod(home.processors, 0o777);
    await t.rejects(startEmbedded({}, home.root), { message: `can change ${home.processors}` });
  });

  t.test('X12: each SPIN_HOME has a user of its own, and keeps it when it is moved', async (t) => {
    const [one, other] = [await homeWithSecrets(), await homeWithSecrets()];
    t.teardown(() => Promise.all([one, other].map(({ root }) => rm(root, { recursive: true, force: true }))));
    const users = [one, other, homeAt('/opt/spin')].map((home) => jupyterUserOf(home).uid);
    t.equal(new Set(users).size, 3);
    t.ok(users.every((uid) => uid >= 60_578 && uid <= 61_183));
    t.equal(jupyterUserOf(homeAt('/opt/spin')).uid, 60_888);
    await mkdir(one.jupyterHome);
    await chown(one.jupyterHome, 60_999, 60_999);
    t.equal(jupyterUserOf(one).uid, 60_999, 'the owner of the folders decides');
  });

  t.test('X12: a second gateway is refused a user that runs the Jupyter of another home', async (t) => {
    const [one, other] = [await homeWithSecrets(), await homeWithSecrets()];
    for (const home of [one, other]) {
      await mkdir(home.jupyterHome);
      await chown(home.jupyterHome, 60_990, 60_990);
    }
    const first = await startEmbedded({}, one.root);
    t.teardown(async () => {
      await first.close();
      for (const { root } of [one, other]) await rm(root, { recursive: true, force: true });
    });
    await t.rejects(startEmbedded({}, other.root), {
      name: 'JupyterSetupError',
      message: /Another gateway .* \(60990\): .*chown -R \$N:\$N /,
    });
    const same = await startEmbedded({}, one.root);
    t.equal(same.jupyter.state, 'ready', 'of the same home there may be two: a run beside a gateway');
    await same.close();
    await first.close();
    const second = await startEmbedded({}, other.root);
    t.equal(second.jupyter.state, 'ready', 'it is free when the first has ended');
    await second.close();
  });

  t.test("S18: a folder with somebody else's files is not taken over", async (t) => {
    const home = await homeWithSecrets();
    t.teardown(() => rm(home.root, { recursive: true, force: true }));
    await mkdir(home.notebooks);
    await writeFile(join(home.notebooks, 'mine.ipynb'), '{}');
    await t.rejects(startEmbedded({}, home.root), {
      message: /notebooks belongs to user 0.*chown -R 6\d{4}:6\d{4} /,
    });
  });
} else {
  t.test(
    'S18: not started as root, the gateway says that notebook code can read its credentials',
    async (t) => {
      const home = await homeWithSecrets();
      const embedded = await startEmbedded({}, home.root);
      t.teardown(async () => {
        await embedded.close();
        await rm(home.root, { recursive: true, force: true });
      });
      const warnings = embedded.lines.filter((line) => line.includes('"level":40'));
      t.equal(warnings.length, 1);
      t.match(warnings[0], /Notebook code can read the credentials of the gateway/);
      t.match(embedded.jupyter.isolation, { kind: 'same-user', warning: /SPIN_UPSTREAM/ });
      const { socketPath = '' } = embedded.jupyter.source();
      t.equal((await stat(dirname(socketPath))).mode & 0o777, 0o700);
      t.equal((await stat(dirname(dirname(socketPath)))).mode & 0o777, 0o700);
    },
  );
}

const ids = (home: Home) => {
  const { uid, gid } = jupyterUserOf(home);
  return `(${uid}, ${uid}, ${uid}) (${gid}, ${gid}, ${gid}) []`;
};
