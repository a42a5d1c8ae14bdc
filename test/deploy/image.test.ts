import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { connect, execute } from '../support/client.js';
import { freePort } from '../support/free-port.js';
import { startStockJupyter } from '../support/jupyter.js';
import { blocksOf, runBlock } from '../support/page.js';
import { HARDENED, isHealthy, logOf, podman, publishedPort } from '../support/podman.js';
import { until } from '../support/until.js';

t.setTimeout(900_000);

const FULL = 'spin-runtime';
const GATEWAY = 'spin-runtime-gateway';
const NEXT = `spin-runtime-next-${process.pid}`;
const TOKEN = 'image-test-token-0123456789';
const START_MS = 120_000;
const VALUE = 'canary-value-5512';
const SPIN = [`--env=SPIN_TOKEN=${TOKEN}`, `--env=API_KEY=${VALUE}`];

const PAGE = 'docs/deploy/container.md';

t.before(async () => {
  const [build] = await blocksOf(PAGE, 'The image');
  await runBlock(build ?? { language: 'sh', text: 'exit 1' });
});

/**
 * Runs a block below a heading of the page as it stands, but at a free port of 127.0.0.1 and with API_KEY.
 *
 * @param changes what the page tells people to put in
 * @returns what it prints, the login link of that, and where the container is
 */
async function follow(t: Test, heading: string, changes: Readonly<Record<string, string>> = {}) {
  const [block] = await blocksOf(PAGE, heading);
  const port = await freePort();
  const all = {
    '-p 8888:8888': `-p 127.0.0.1:${port}:8888`,
    '-e SPIN_TOKEN': '-e SPIN_TOKEN -e API_KEY',
    ...changes,
  };
  const text = Object.entries(all).reduce(
    (text, [from, to]) => text.replace(from, to),
    block?.text ?? 'exit 1',
  );
  const folder = t.testdir({ 'connections.yaml': CATALOGUE });
  await chmod(join(folder, 'connections.yaml'), 0o644);
  const env = { SPIN_TOKEN: TOKEN, API_KEY: VALUE, PROM_TOKEN: CREDENTIAL };
  const said = await runBlock({ language: 'sh', text }, env, folder);
  const link = /^\S+\/spin\/login\?code=\S+$/m.exec(said)?.[0];
  return {
    said,
    port,
    origin: `http://127.0.0.1:${port}`,
    link: link === undefined ? undefined : new URL(link),
  };
}

/** Opens a login link as a person does. @returns the cookie that it gives */
async function logIn(origin: string, link: URL | undefined): Promise<string> {
  return cookieFrom(await ask(`${origin}${link?.pathname}${link?.search}`, { headers: NAVIGATION }));
}

/** Starts a container that is removed, with the volumes that have no name, after the test. */
async function start(t: Test, image: string, ...args: string[]) {
  const id = await podman('run', '--detach', ...HARDENED, ...SPIN, ...args, image);
  t.teardown(() => podman('rm', '--force', '--volumes', id));
  return id;
}

async function isReady(origin: string): Promise<boolean> {
  return ask(`${origin}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** Waits until its Jupyter answers; gives where. @param id a container's id or name */
async function started(id: string): Promise<string> {
  const origin = `http://127.0.0.1:${await publishedPort(id)}`;
  await until(() => isReady(origin), START_MS).catch(async (error) => {
    throw new Error(`${error.message}\n${await logOf(id)}`);
  });
  return origin;
}

/** A Dockerfile of the next release, as far as a volume is concerned: all the same with another number. */
async function nextRelease(t: Test): Promise<string> {
  const number = `RUN sed -i 's/"version": "[^"]*"/"version": "99.0.0"/' /opt/spin/lib/spin-runtime/package.json`;
  return `${t.testdir({ Dockerfile: `FROM ${FULL}\nUSER 0\n${number}\nUSER 10001:10001\n` })}/Dockerfile`;
}

/** The authority that people have told their browsers to trust; a certificate for a new host name is another. */
function authority(id: string): Promise<string> {
  return podman('exec', id, 'cat', '/opt/spin/var/tls/ca.pem');
}

/** `NoNewPrivs`, `CapEff` … of the gateway's process. */
async function processStatus(id: string): Promise<Record<string, string>> {
  const text = await podman('exec', id, 'node', '-p', 'fs.readFileSync("/proc/1/status", "utf8")');
  return Object.fromEntries(text.split('\n').map((line) => line.split(/:\s+/) as [string, string]));
}

/** @returns the exit status: 137 when it had to be killed after the ten seconds that `docker stop` gives */
async function stop(id: string): Promise<string> {
  await podman('stop', '--time=10', id);
  return podman('inspect', '--format', '{{.State.ExitCode}}', id);
}

t.test('the image with its Jupyter', async (t) => {
  const [id, volume] = ['spin-runtime', 'spin-runtime-data'];
  t.teardown(() => podman('volume', 'rm', '--force', volume));
  t.teardown(() => podman('rm', '--force', '--volumes', id));

  await t.test('by the page’s first commands it is there, for whoever has the link', async (t) => {
    const { origin, link } = await follow(t, 'Run');
    t.equal(link?.origin, 'http://localhost:8888');
    await started(id);
    const cookie = await logIn(origin, link);
    t.equal((await ask(`${origin}/api/status`, { headers: { cookie } })).status, 200);
    t.ok(await isHealthy(id));
  });

  const HARDEN = 'Hardened, and over TLS for other machines';
  const { origin, port, link } = await follow(t, HARDEN);
  await started(id);

  t.test('over TLS it has the name that other machines know, and a certificate to be trusted', async (t) => {
    const name = 'notebooks.example.com';
    t.equal(link?.origin, `https://${name}:8888`);
    const folder = t.testdir();
    const [, certificate] = await blocksOf(PAGE, HARDEN);
    await runBlock(certificate ?? { language: 'sh', text: 'exit 1' }, {}, folder);
    const where = ['--connect-to', `${name}:8888:127.0.0.1:${port}`, `https://${name}:8888/readyz`];
    const curl = [
      '--silent',
      '--show-error',
      '--fail',
      '--cacert',
      join(folder, 'spin-runtime-ca.crt'),
      ...where,
    ];
    t.equal((await promisify(execFile)('curl', curl)).stdout, 'ready\n');
  });

  t.test('is healthy, and runs as nobody in particular with nothing that it could do', async (t) => {
    t.ok(await isHealthy(id));
    const status = await processStatus(id);
    t.match(status, { Name: 'tini', Uid: /^10001\s/, CapEff: '0000000000000000', NoNewPrivs: '1' });
    const search = ['/', '-xdev', '-path', '/opt/spin/var', '-prune', '-o', '-perm', '/6000', '-print'];
    t.equal(await podman('exec', '--user=0', id, 'find', ...search), '', 'nothing gets other rights');
  });

  t.test('says at start that notebook code can read the credentials (S18)', async (t) => {
    t.match(await logOf(id), /Notebook code can read the credentials of the gateway.*compose\.front\.yml/);
  });

  t.test('its labels say what it is, with the version of the package', async (t) => {
    const labels = JSON.parse(await podman('image', 'inspect', '--format', '{{json .Labels}}', FULL));
    const { version, license, description } = JSON.parse(await readFile('package.json', 'utf8'));
    const image = 'org.opencontainers.image';
    t.match(labels, {
      [`${image}.title`]: 'SPIN Runtime',
      [`${image}.version`]: version,
      [`${image}.licenses`]: license,
      [`${image}.description`]: description,
    });
  });

  t.test('collects what cells leave behind: no zombie stays', async (t) => {
    const client = connect({ origin, token: TOKEN });
    t.teardown(() => client.close());
    const kernel = await client.kernels.startNew();
    const { stdout } = await execute(kernel, ORPHAN);
    const orphan = stdout.trim();
    t.match(orphan, /^\d+$/);
    const there = 'fs.existsSync("/proc/" + process.argv[1])';
    await until(async () => (await podman('exec', id, 'node', '-p', there, orphan)) === 'false');
    await kernel.shutdown();
  });

  let cookie = '';
  const trusted = await authority(id);

  t.test('runs cells, and installs packages, for whoever logs in', async (t) => {
    t.equal((await ask(`${origin}/api/status`)).status, 401);
    cookie = cookieFrom(await postForm(`${origin}/spin/login`, { token: TOKEN }));
    t.equal((await ask(`${origin}/api/status`, { headers: { cookie } })).status, 200);
    const client = connect({ origin, token: TOKEN });
    t.teardown(() => client.close());
    const kernel = await client.kernels.startNew();
    t.match(await execute(kernel, '%%shell\nid -u; echo {{runtime_env:API_KEY}} | tee /dev/stderr | wc -c'), {
      status: 'ok',
      stdout: '10001\n18\n',
      stderr: '***\n',
    });
    t.match(await execute(kernel, 'open("kept.txt", "w").write("kept")'), { status: 'ok' });
    await execute(kernel, WHEEL);
    const { stdout } = await execute(kernel, '%pip install --no-index ./spinprobe-1.0-py3-none-any.whl');
    t.match(stdout, /Successfully installed spinprobe-1\.0/);
    await kernel.shutdown();
  });

  t.test('stops in time while a cell runs that will not end', async (t) => {
    const client = connect({ origin, token: TOKEN });
    t.teardown(() => client.close());
    const kernel = await client.kernels.startNew();
    const future = kernel.requestExecute({
      code: 'import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint("busy", flush=True)\nwhile True: time.sleep(1)',
    });
    future.done.catch(() => {});
    await new Promise<void>((resolve) => {
      future.onIOPub = ({ header }) => {
        if (header.msg_type === 'stream') resolve();
      };
    });
    t.equal(await stop(id), '0');
  });

  t.test(
    'a container of another release with the same volume keeps authority, sessions, notebooks and packages',
    async (t) => {
      // An upgrade: another image, whatever its release is called.
      await podman('build', '--quiet', '--format=docker', '--tag', NEXT, '--file', await nextRelease(t), '.');
      t.teardown(() => podman('rmi', '--force', NEXT));
      const next = await start(t, NEXT, '--publish=127.0.0.1::8888', `--volume=${volume}:/opt/spin/var`);
      const origin = await started(next);
      t.equal(await authority(next), trusted);
      // Its name holds the port that a browser uses, which is another one here.
      const moved = cookie.replace(/spin-\d+=/, `spin-${new URL(origin).port}=`);
      const kept = await ask(`${origin}/api/contents/kept.txt`, { headers: { cookie: moved } });
      t.equal(kept.status, 200);
      const client = connect({ origin, token: TOKEN });
      t.teardown(() => client.close());
      const kernel = await client.kernels.startNew();
      t.match(await execute(kernel, 'import spinprobe; print(spinprobe.__version__)'), { stdout: '1.0\n' });
    },
  );

  t.test('refuses a volume that a newer release wrote, and leaves it alone', async (t) => {
    const mount = `--volume=${volume}:/opt/spin/var`;
    await podman('run', '--rm', '--entrypoint=sh', mount, FULL, '-c', 'echo 999 >/opt/spin/var/layout');
    const refused = await podman('run', '--rm', ...HARDENED, ...SPIN, mount, FULL).catch((error) => error);
    t.match(refused, { code: 78, stderr: /SPIN_HOME: \/opt\/spin\/var was written by a newer version/ });
  });

  t.test('started as root it gives Jupyter a user of its own, where it may (S18)', async (t) => {
    const allowed = ['SETUID', 'SETGID', 'CHOWN', 'FOWNER', 'DAC_OVERRIDE', 'KILL'].map(
      (name) => `--cap-add=${name}`,
    );
    const id = await start(t, FULL, '--user=0', ...allowed, '--publish=127.0.0.1::8888');
    const client = connect({ origin: await started(id), token: TOKEN });
    t.teardown(() => client.close());
    const kernel = await client.kernels.startNew();
    t.match(await execute(kernel, '%%shell\nid -u; ls /opt/spin/var/tls'), {
      stdout: '60888\n',
      stderr: /Permission denied/,
    });
    t.notMatch(await logOf(id), /Notebook code can read/);
  });

  t.test('as root without rights it says so and goes on', async (t) => {
    const id = await start(t, FULL, '--user=0', '--publish=127.0.0.1::8888');
    await started(id);
    t.match(
      await logOf(id),
      /Notebook code can read the credentials.*this root user cannot switch to another user/,
    );
  });

  t.test('starts without any network, as any user number', async (t) => {
    const alone = await start(t, FULL, '--network=none', '--user=1234567', '--passwd=false');
    const asks =
      'fetch("http://127.0.0.1:8888/readyz").then(({ status }) => process.exit(status === 200 ? 0 : 1))';
    await until(
      () =>
        podman('exec', alone, 'node', '-e', asks).then(
          () => true,
          () => false,
        ),
      START_MS,
    );
    t.match(await processStatus(alone), { Uid: /^1234567\s/, Gid: /^0\s/ });
    t.ok(await isHealthy(alone));
  });

  t.test(
    'a credential in a file is read where the page puts it, and the engine shows it to nobody',
    async (t) => {
      t.teardown(() => podman('secret', 'rm', 'PROM_TOKEN'));
      await podman('volume', 'rm', '--force', volume);
      const { said } = await follow(t, 'Secrets');
      t.match(said, /^prod\tprometheus/m);
      t.equal(await podman('exec', id, 'cat', '/run/secrets/PROM_TOKEN'), CREDENTIAL);
      t.notMatch(await podman('inspect', id), CREDENTIAL);
    },
  );
});

t.test('the gateway-only image in front of a Jupyter that runs already', async (t) => {
  const jupyter = await startStockJupyter();
  t.teardown(() => jupyter.close());
  const port = await freePort();
  const id = GATEWAY;
  t.teardown(() => podman('volume', 'rm', '--force', 'spin-runtime-gateway-data'));
  t.teardown(() => podman('rm', '--force', '--volumes', id));
  const { link } = await follow(t, 'In front of a Jupyter of the host', {
    'SPIN_PORT=8888': `SPIN_PORT=${port}`,
    'http://127.0.0.1:8889': jupyter.url,
    SPIN_UPSTREAM_TOKEN: `SPIN_UPSTREAM_TOKEN=${jupyter.token}`,
  });
  const origin = `http://127.0.0.1:${port}`;
  t.equal(link?.origin, `http://localhost:${port}`);
  await until(() => isReady(origin), START_MS);

  t.ok(await isHealthy(id));
  const client = connect({ origin, token: TOKEN });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew();
  t.match(await execute(kernel, '%%shell\necho {{runtime_env:API_KEY}}'), { status: 'ok', stdout: '***\n' });
  t.match(await execute(kernel, 'import os; print("SPIN_TOKEN" in os.environ)'), { stdout: 'False\n' });
  for (const program of ['python3', 'sh', 'bash']) {
    await t.rejects(podman('exec', id, program, '-c', ''), /not found|no such file/i, `no ${program}`);
  }
  const bytes = Number(await podman('image', 'inspect', '--format', '{{.Size}}', GATEWAY));
  t.ok(bytes < 200_000_000, `${Math.round(bytes / 1e6)} MB`);
  t.equal(await stop(id), '0');
});

t.test('both base images can be pinned by digest', async (t) => {
  const digests = ['node:24-bookworm-slim', 'debian:bookworm-slim'].map(async (name) => {
    const image = ['image', 'inspect', '--format', '{{.Digest}}', `docker.io/library/${name}`];
    return `${name.replace(/:.*/, '')}@${await podman(...image)}`;
  });
  const [node = '', debian = ''] = await Promise.all(digests);
  const [block] = await blocksOf(PAGE, 'Pinned');
  const text = block?.text.replace('node@sha256:…', node).replace('debian@sha256:…', debian) ?? 'exit 1';
  await runBlock({ language: 'sh', text });
  t.notMatch(text, '…');
});

/** A connection, and the credential that it names. */
const CATALOGUE = `
connections:
  prod:
    type: prometheus
    url: http://127.0.0.1:9
    token: "{{secret:PROM_TOKEN}}"
`;
const CREDENTIAL = 'canary-credential-7731';

/** Leaves a process to process 1 that ends at once. */
const ORPHAN = `
import subprocess
print(subprocess.run(["sh", "-c", "sleep 0.1 & echo $!"], capture_output=True, text=True).stdout)
`;

/** Writes a wheel with one module: no index is needed. */
const WHEEL = `
import zipfile
info = "spinprobe-1.0.dist-info"
with zipfile.ZipFile("spinprobe-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("spinprobe.py", "__version__ = '1.0'\\n")
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: spinprobe\\nVersion: 1.0\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;
