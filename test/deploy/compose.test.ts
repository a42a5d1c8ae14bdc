import { writeFile } from 'node:fs/promises';
import { connect as dial } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ask, cookieFrom, NAVIGATION, postForm } from '../support/ask.js';
import { connect, execute } from '../support/client.js';
import { bringUp } from '../support/compose.js';
import { freePort } from '../support/free-port.js';
import { runBlock } from '../support/page.js';
import { buildImage, logOf, podman, publishedPort } from '../support/podman.js';
import { until } from '../support/until.js';

t.setTimeout(900_000);

const START_MS = 120_000;

t.before(async () => {
  await buildImage('spin-runtime');
  await buildImage('spin-runtime-gateway', '--target=gateway');
});

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

async function started(origin: string, gateway: string): Promise<void> {
  await until(() => isReady(origin), START_MS).catch(async (error) => {
    throw new Error(`${error.message}\n${await logOf(gateway)}`);
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

/** Opens a login link as a person does. @returns the cookie that it gives */
async function logIn(origin: string, { pathname, search }: URL): Promise<string> {
  return cookieFrom(await ask(`${origin}${pathname}${search}`, { headers: NAVIGATION }));
}

/** Asks over TLS, for the public name, trusting the gateway's authority. @returns the status */
async function overTls(folder: string, gateway: string, name: string, port: number): Promise<string> {
  await writeFile(
    join(folder, 'spin-runtime-ca.crt'),
    await podman('exec', gateway, 'spin-runtime', 'cert', 'ca'),
  );
  const text = `curl --silent --show-error --output /dev/null --write-out '%{http_code}' --cacert spin-runtime-ca.crt \\
      --connect-to ${name}:8888:127.0.0.1:${port} https://${name}:8888/readyz`;
  return runBlock({ language: 'sh', text }, {}, folder);
}

t.test('compose.yml: the runtime alone', async (t) => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const env = { PUBLISH: `127.0.0.1:${port}`, SPIN_PUBLIC_URL: 'https://notebooks.example.com:8888' };
  const { folder, container, link } = await bringUp(t, 'docs/deploy/compose.md', 'Alone', { env });
  const gateway = container('spin-runtime');
  await started(origin, gateway);
  t.equal((await ask(`${origin}/api/status`)).status, 401);
  t.equal(link.origin, 'https://notebooks.example.com:8888', 'the link is for where it is');
  t.equal(await overTls(folder, gateway, 'notebooks.example.com', port), '200');
  const cookie = await logIn(origin, link);
  t.equal((await ask(`${origin}/api/status`, { headers: { cookie } })).status, 200, 'the link logs in');

  const client = connect({ origin, token: await settingOf(gateway, 'SPIN_TOKEN') });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew();
  t.match(await execute(kernel, '%%shell\nid -u'), { status: 'ok', stdout: '10001\n' });
});

t.test('compose.front.yml: Jupyter in a container of its own', async (t) => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const env = { PUBLISH: `127.0.0.1:${port}` };
  const heading = 'With Jupyter in a container of its own';
  const { folder, container, link } = await bringUp(t, 'docs/deploy/compose.md', heading, { env });
  const [gateway, jupyter] = [container('spin-runtime'), container('jupyter')];
  await started(origin, gateway);
  t.equal(await overTls(folder, gateway, 'localhost', port), '200');
  const cookie = await logIn(origin, link);
  t.equal((await ask(`${origin}/api/status`, { headers: { cookie } })).status, 200, 'the link logs in');
  const token = await settingOf(gateway, 'SPIN_TOKEN');
  const client = connect({ origin, token });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew();
  t.match(await execute(kernel, '%%shell\necho of-the-kernel'), { status: 'ok', stdout: 'of-the-kernel\n' });

  t.equal(await publishedPort(gateway), port);
  t.equal(await podman('port', jupyter), '', 'Jupyter is published nowhere');
  t.equal(await settingOf(gateway, 'SPIN_UPSTREAM_TOKEN'), await settingOf(jupyter, 'JUPYTER_TOKEN'));

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

  const page = 'docs/deploy/cloudflare.md';
  const heading = 'On the Internet through a Cloudflare Tunnel';
  const env = { CLOUDFLARED_IMAGE: `localhost/${standIn}` };
  const { container, link } = await bringUp(t, page, heading, { env });
  const [gateway, jupyter] = [container('spin-runtime'), container('jupyter')];
  const address = await addressOf(gateway);
  const origin = `http://${address}:8080`;
  await started(origin, gateway);
  for (const each of [gateway, jupyter, container('cloudflared')])
    t.equal(await podman('port', each), '', `${each} is published nowhere`);
  t.notOk(
    await answers(address, 8888),
    'not even its own network reaches the gateway but through the tunnel',
  );

  t.equal(link.origin, 'https://notebooks.example.com');
  const token = await settingOf(gateway, 'SPIN_TOKEN');
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
  const log = await logOf(gateway);
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
