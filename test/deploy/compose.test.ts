import { connect as dial } from 'node:net';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { connect, execute } from '../support/client.js';
import { freePort } from '../support/free-port.js';
import { blocksOf, runBlock } from '../support/page.js';
import { buildImage, logOf, podman, publishedPort } from '../support/podman.js';
import { until } from '../support/until.js';

t.setTimeout(900_000);

const START_MS = 120_000;
/** podman-compose calls a project after the folder of its file. */
const GATEWAY = 'docker_spin-runtime_1';
const JUPYTER = 'docker_jupyter_1';

t.before(async () => {
  await buildImage('spin-runtime');
  await buildImage('spin-runtime-gateway', '--target=gateway');
});

/** Runs a page's commands, and takes away what they made after the test. */
async function bringUp(t: Test, page: string, heading: string, nth: number, env: Record<string, string>) {
  const block = (await blocksOf(page, heading))[nth];
  if (block === undefined) throw new Error(`${page} has no block ${nth} below "${heading}"`);
  const file = /-f (docker\/compose\S*)/.exec(block.text)?.[1];
  const unset = { SPIN_TOKEN: 'x', JUPYTER_TOKEN: 'x', TUNNEL_TOKEN: 'x', SPIN_PUBLIC_URL: 'x' };
  const down = { language: 'sh', text: `podman-compose -f ${file} down --volumes` };
  t.teardown(() => runBlock(down, unset));
  await runBlock(block, env);
}

/** Its settings as its process has them: the page's command made the token. */
function settingOf(container: string, name: string): Promise<string> {
  return podman('exec', container, 'node', '-p', `process.env.${name}`);
}

async function isReady(origin: string): Promise<boolean> {
  return ask(`${origin}/readyz`).then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function started(origin: string): Promise<void> {
  await until(() => isReady(origin), START_MS).catch(async (error) => {
    throw new Error(`${error.message}\n${await logOf(GATEWAY)}`);
  });
}

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = dial({ host, port, timeout: 5_000 });
    socket.on('connect', () => resolve(true));
    socket.on('timeout', () => resolve(false));
    socket.on('error', () => resolve(false));
    socket.on('close', () => socket.destroy());
  });
}

function addressOf(container: string): Promise<string> {
  return podman('inspect', '--format', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', container);
}

/** The login link that the container's log shows, used as a person does; the cookie that it gives. */
async function logIn(origin: string): Promise<string> {
  await until(async () => (await logOf(GATEWAY)).includes('/spin/login?code='));
  const link = new URL(/\S+\/spin\/login\?code=\S+/.exec(await logOf(GATEWAY))?.[0] ?? '');
  return cookieFrom(await ask(`${origin}${link.pathname}${link.search}`, { headers: NAVIGATION }));
}

t.test('compose.yml: the runtime alone', async (t) => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  await bringUp(t, 'docker/README.md', 'Compose', 0, {
    PUBLISH: `127.0.0.1:${port}`,
    SPIN_PUBLIC_URL: `http://localhost:${port}`,
  });
  await started(origin);
  t.equal((await ask(`${origin}/api/status`)).status, 401);
  t.match(await logOf(GATEWAY), `http://localhost:${port}/spin/login?code=`, 'the link is for where it is');
  const cookie = await logIn(origin);
  t.equal((await ask(`${origin}/api/status`, { headers: { cookie } })).status, 200, 'the link logs in');

  const client = connect({ origin, token: await settingOf(GATEWAY, 'SPIN_TOKEN') });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew();
  t.match(await execute(kernel, '%%shell\nid -u'), { status: 'ok', stdout: '10001\n' });
});

t.test('compose.front.yml: Jupyter in a container of its own', async (t) => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  await bringUp(t, 'docker/README.md', 'Compose', 1, { PUBLISH: `127.0.0.1:${port}` });
  await started(origin);
  const token = await settingOf(GATEWAY, 'SPIN_TOKEN');
  const client = connect({ origin, token });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew();
  t.match(await execute(kernel, '%%shell\necho of-the-kernel'), { status: 'ok', stdout: 'of-the-kernel\n' });

  t.equal(await publishedPort(GATEWAY), port);
  t.equal(await podman('port', JUPYTER), '', 'Jupyter is published nowhere');
  t.equal(await settingOf(GATEWAY, 'SPIN_UPSTREAM_TOKEN'), await settingOf(JUPYTER, 'JUPYTER_TOKEN'));

  t.test('a cell finds nothing of the gateway: no setting, process or file (S18)', async (t) => {
    const everything = await execute(kernel, SEARCH);
    t.match(everything, { status: 'ok', stdout: /JUPYTER_TOKEN=/ }, 'it reads what there is to read');
    t.notMatch(everything.stdout, token);
    t.notMatch(everything.stdout, /SPIN_(TOKEN|UPSTREAM)/);
    t.notMatch(everything.stdout, /sessions|ca-key|spin-runtime start|gateway\/cli\.js/);
    const unknown =
      'import urllib.request as r\nprint(r.urlopen("http://spin-runtime:8888/api/status").status)';
    t.match((await execute(kernel, unknown)).status, 'error', 'the gateway asks it for the token too');
  });
});

t.test('compose.cloudflare.yml: the gateway behind a tunnel, and published nowhere', async (t) => {
  const standIn = `spin-runtime-tunnel-${process.pid}`;
  const text = `FROM spin-runtime\nCOPY --chmod=644 tunnel.mjs /tunnel.mjs\nENTRYPOINT ["node", "/tunnel.mjs"]\n`;
  const folder = fileURLToPath(new URL('../../../test/deploy', import.meta.url));
  const context = t.testdir({ Dockerfile: text });
  await podman(
    'build',
    '--quiet',
    '--format',
    'docker',
    '--tag',
    standIn,
    '--file',
    `${context}/Dockerfile`,
    folder,
  );
  t.teardown(() => podman('rmi', '--force', standIn));

  await bringUp(t, 'docker/cloudflare.md', 'On the Internet through a Cloudflare Tunnel', 0, {
    CLOUDFLARED_IMAGE: `localhost/${standIn}`,
  });
  const address = await addressOf(GATEWAY);
  const origin = `http://${address}:8080`;
  await started(origin);
  for (const container of [GATEWAY, JUPYTER, 'docker_cloudflared_1'])
    t.equal(await podman('port', container), '', `${container} is published nowhere`);
  t.notOk(
    await answers(address, 8888),
    'not even its own network reaches the gateway but through the tunnel',
  );

  const link = /\S+\/spin\/login\?code=/.exec(await logOf(GATEWAY))?.[0];
  t.equal(link, 'https://notebooks.example.com/spin/login?code=');
  const token = await settingOf(GATEWAY, 'SPIN_TOKEN');
  const site = { origin: 'https://notebooks.example.com' };
  const login = await postForm(`${origin}/spin/login`, { token }, site);
  const cookie = cookieFrom(login);
  t.match(cookie, /^__Host-spin-443=/, 'the cookie is that of the public address');
  t.equal((await ask(`${origin}/api/status`, { headers: { cookie } })).status, 200);

  const client = connect({ origin, token });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew();
  t.match(await execute(kernel, '%%shell\necho through'), { status: 'ok', stdout: 'through\n' });

  const forged = { ...site, 'x-forwarded-for': '198.51.100.9' };
  t.equal((await postForm(`${origin}/spin/login`, { token: 'wrong' }, forged)).status, 403);
  const log = await logOf(GATEWAY);
  t.match(log, /203\.0\.113\.7/, "the log has the client's address");
  t.notMatch(log, /198\.51\.100\.9/, 'and not what the client made up');
});

/** All that notebook code can read of the processes and files around it. */
const SEARCH = `
import glob, os
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        print(open(path).read().replace("\\0", "\\n"))
    except OSError:
        pass
for folder, _, files in os.walk("/opt/spin/var"):
    print(folder, *files)
`;
