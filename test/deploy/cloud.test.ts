import { execFile } from 'node:child_process';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { type Answer, ask, cookieFrom, NAVIGATION } from '../support/ask.js';
import { linesOf, platformServices, settingsOf } from '../support/cloud.js';
import { freePort } from '../support/free-port.js';
import { blocksOf, runBlock } from '../support/page.js';
import { buildImage, HARDENED, logOf, podman, publishedPort } from '../support/podman.js';
import { pythonPeer } from '../support/python-peer.js';
import { until } from '../support/until.js';

t.setTimeout(900_000);

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const USER_DATA = join(ROOT, 'deploy/cloud/cloud-init.yaml');
const IMAGE = 'spin-runtime';
const TOKEN = 'cloud-test-token-0123456789';
const START_MS = 120_000;
const run = promisify(execFile);

t.before(() => buildImage(IMAGE));

/** Settings as arguments of `podman run`. */
const asArguments = (settings: Readonly<Record<string, string>>) =>
  Object.entries(settings).map(([name, value]) => `--env=${name}=${value}`);

/** The exit status of a container that ends by itself. */
async function statusOf(
  t: Test,
  settings: Readonly<Record<string, string>>,
): Promise<{ status: string; log: string }> {
  const id = await podman('run', '--detach', ...HARDENED, ...asArguments(settings), IMAGE);
  t.teardown(() => podman('rm', '--force', '--volumes', id));
  return { status: await podman('wait', id), log: await logOf(id) };
}

t.test('cloud-init takes the user data', async (t) => {
  const { stdout } = await run('cloud-init', ['schema', '--config-file', USER_DATA]);
  t.match(stdout, /^Valid/m);
});

t.test('cfn-lint finds nothing wrong with the template for AWS', async (t) => {
  const folder = await pythonPeer('cfn-lint', ['cfn-lint==1.58.0']);
  const { stdout } = await run(join(folder, 'bin/cfn-lint'), [join(ROOT, 'deploy/cloud/aws.yaml')]);
  t.equal(stdout, '');
});

/** What cloud-init itself writes, taken out of the container that it wrote into. @returns where its /etc and /usr are */
async function written(t: Test): Promise<string> {
  const folder = t.testdir();
  const places = ['etc/spin-runtime', 'etc/systemd/system', 'usr/local/sbin'];
  for (const place of places) await mkdir(join(folder, place), { recursive: true });
  const mounts = [
    ...['/usr:/usr:ro', '/etc/cloud:/etc/cloud:ro', `${USER_DATA}:/user-data:ro`],
    ...places.map((place) => `${join(folder, place)}:/${place}`),
  ];
  await podman(
    ...[
      'run',
      '--rm',
      ...mounts.map((mount) => `--volume=${mount}`),
      'docker.io/library/debian:bookworm-slim',
    ],
    ...['cloud-init', '--file', '/user-data', 'single', '--name', 'write_files', '--frequency', 'always'],
  );
  return folder;
}

t.test(
  'what the machine’s user data says brings up a runtime that its page’s commands log in to',
  async (t) => {
    const folder = await written(t);
    // systemd runs nothing here, and the files are below the folder.
    const here = (text: string) => text.replaceAll(/\/(?=etc\/spin-runtime|usr\/local\/sbin)/g, `${folder}/`);
    const unitFile = join(folder, 'etc/systemd/system/spin-runtime.service');
    const maker = join(folder, 'usr/local/sbin/spin-runtime-token');
    await writeFile(maker, here(await readFile(maker, 'utf8')));
    await writeFile(unitFile, here(await readFile(unitFile, 'utf8')));
    await run('systemd-analyze', ['verify', unitFile]);

    const unit = await readFile(unitFile, 'utf8');
    const [makeToken = 'exit 1'] = linesOf(unit, 'ExecStartPre');
    const [start = 'exit 1'] = linesOf(unit, 'ExecStart');
    const tokenFile = join(folder, 'etc/spin-runtime/token.env');
    await runBlock({ language: 'sh', text: makeToken });
    const token = settingsOf(await readFile(tokenFile, 'utf8')).SPIN_TOKEN ?? '';
    t.match(token, /^[0-9a-f]{48}$/);
    t.equal((await stat(tokenFile)).mode & 0o777, 0o600);
    await runBlock({ language: 'sh', text: makeToken });
    t.match(await readFile(tokenFile, 'utf8'), token, 'the second start has the same token');

    const settingsFile = join(folder, 'etc/spin-runtime/settings.env');
    const settings = await readFile(settingsFile, 'utf8');
    const refused = await statusOf(t, { ...settingsOf(settings), SPIN_TOKEN: token });
    t.equal(refused.status, '78', 'until the terms are agreed to');
    t.match(refused.log, /SPIN_ACME_TERMS/);

    // Another authority, which does not answer: none is to be asked for a certificate by a test.
    const agreed = settings
      .replace('TERMS=', 'TERMS=agreed')
      .replace('=letsencrypt', '=https://127.0.0.1:9/directory');
    await writeFile(settingsFile, agreed);
    const [https, http] = [await freePort(), await freePort()];
    t.teardown(() => podman('volume', 'rm', '--force', 'spin-runtime-data'));
    t.teardown(() => podman('rm', '--force', 'spin-runtime'));
    const text = start
      .replace('--publish=443:', `--publish=127.0.0.1:${https}:`)
      .replace('--publish=80:', `--publish=127.0.0.1:${http}:`)
      .replace('podman run', 'podman run --detach');
    await runBlock({ language: 'sh', text }, { IMAGE });

    const name = 'notebooks.example.com';
    const authority = join(folder, 'ca.pem');
    const curl = async (path: string, ...args: string[]) => {
      const place = [
        '--cacert',
        authority,
        '--connect-to',
        `${name}:443:127.0.0.1:${https}`,
        `https://${name}${path}`,
      ];
      return (await run('curl', ['--silent', '--show-error', '--fail', ...args, ...place])).stdout;
    };
    await until(async () => {
      await writeFile(
        authority,
        await podman('exec', 'spin-runtime', 'spin-runtime', 'cert', 'ca').catch(() => ''),
      );
      return curl('/readyz').then(
        (answer) => answer === 'ready\n',
        () => false,
      );
    }, START_MS).catch(async (error) => {
      throw new Error(`${error.message}\n${await logOf('spin-runtime')}`);
    });
    const onward = await ask(`http://127.0.0.1:${http}/lab`, { headers: { host: name } });
    t.match([onward.status, onward.headers.location], [302, `https://${name}/lab`]);

    const [logIn] = await blocksOf('docs/deploy/cloud-machine.md', 'Log in');
    const said = await runBlock({
      language: 'sh',
      text: here(logIn?.text ?? 'exit 1').replaceAll('sudo ', ''),
    });
    t.match(said, `https://${name}/spin/login?code=`);
    t.match(said, `SPIN_TOKEN=${token}`);
    t.match(await curl('/api/status', '--header', `Authorization: token ${token}`), /"kernels"/);
  },
);

/** What the platform's proxy, which ends TLS, adds to a request. */
const PROXIED = { host: 'spin.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '198.51.100.7' };

for (const { file, port, variables } of platformServices()) {
  t.test(`${file}: behind a proxy of its addresses, people log in and websockets open`, async (t) => {
    const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined));
    const settings = { ...(given as Record<string, string>), SPIN_PUBLIC_URL: 'https://spin.example' };
    const refused = await statusOf(t, settings);
    t.match([refused.status, refused.log], ['78', /SPIN_TOKEN/], 'no token, no runtime');

    // podman's bridge is the proxy: its address is one of the private ones that the file trusts.
    const all = asArguments({ ...settings, SPIN_TOKEN: TOKEN });
    const id = await podman('run', '--detach', ...HARDENED, `--publish=127.0.0.1::${port}`, ...all, IMAGE);
    t.teardown(() => podman('rm', '--force', '--volumes', id));
    const origin = `http://127.0.0.1:${await publishedPort(id)}`;
    const statusAt = (path: string, headers = {}) =>
      ask(`${origin}${path}`, { headers }).then(
        ({ status }) => status,
        () => 0,
      );
    await until(async () => (await statusAt('/readyz')) === 200, START_MS);
    t.equal(await statusAt('/healthz', { host: '10.1.2.3:8888' }), 200, 'as the platform asks');

    const said = await podman('exec', id, 'spin-runtime', 'login-url');
    const link = new URL(/^https:\S+$/m.exec(said)?.[0] ?? '');
    t.equal(link.host, 'spin.example');
    const answer: Answer = await ask(`${origin}${link.pathname}${link.search}`, {
      headers: { ...NAVIGATION, ...PROXIED },
    });
    const cookie = cookieFrom(answer);
    t.match(cookie, /^__Host-/, 'the browser’s side is https');
    t.equal(await statusAt('/api/status', { ...PROXIED, cookie }), 200);
    t.match(await logOf(id), '198.51.100.7', 'the client’s address');

    const authorization = `token ${TOKEN}`;
    const made = await ask(`${origin}/api/kernels`, {
      method: 'POST',
      headers: { ...PROXIED, authorization },
      body: '{}',
    });
    t.equal(made.status, 201);
    const { id: kernel } = JSON.parse(made.body) as { id: string };
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/api/kernels/${kernel}/channels`, {
      headers: { ...PROXIED, authorization },
    });
    t.teardown(() => socket.terminate());
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    t.equal(socket.readyState, WebSocket.OPEN);
  });
}

t.test(
  'start.sh brings up the runtime in the dev container, at the address that Codespaces gives it',
  async (t) => {
    const image = 'spin-runtime-devcontainer';
    await podman('build', '--quiet', '--tag', image, '--file', '.devcontainer/Dockerfile', '.devcontainer');
    const settings = {
      SPIN_TOKEN: TOKEN,
      CODESPACE_NAME: 'fluffy-test',
      GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN: 'app.github.dev',
      // The Jupyter of `npm start` is seen by other tests: here it would be installed once more.
      SPIN_UPSTREAM: 'http://127.0.0.1:9',
    };
    const place = [
      `--volume=${ROOT}:/workspaces/spin-runtime:ro`,
      '--workdir=/workspaces/spin-runtime',
      '--user=node',
    ];
    const id = await podman(
      'run',
      '--detach',
      ...place,
      ...asArguments(settings),
      image,
      '.devcontainer/start.sh',
    );
    t.teardown(() => podman('rm', '--force', id));
    await podman('exec', id, 'python3', '-m', 'venv', '/tmp/environment');
    await podman('exec', id, 'git', '--version');

    const name = 'fluffy-test-8888.app.github.dev';
    const link = async () =>
      new RegExp(`https://${name}(/spin/login\\?code=\\S+)`).exec(await logOf(id))?.[1];
    await until(async () => (await link()) !== undefined, START_MS).catch(async (error) => {
      throw new Error(`${error.message}\n${await logOf(id)}`);
    });
    const statusOf = (path: string, ...args: string[]) => {
      const quiet = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code}'];
      return podman('exec', id, 'curl', ...quiet, ...args, `http://127.0.0.1:8888${path}`);
    };
    const asPublic = ['--header', `Host: ${name}`, '--header', 'X-Forwarded-Proto: https'];
    const form = ['--header', `Origin: https://${name}`, '--data-urlencode', `token=${TOKEN}`];
    t.equal(await statusOf('/spin/login', ...asPublic, ...form), '303');
    t.equal(
      await statusOf(
        '/spin/login',
        ...asPublic,
        '--header',
        'Origin: https://evil.example',
        '--data',
        `token=${TOKEN}`,
      ),
      '403',
    );
    const asLocal = ['--header', 'Host: localhost:8888', '--header', 'X-Forwarded-Proto: https'];
    t.equal(await statusOf('/spin/login', ...asLocal, ...form), '303');
    t.equal(
      await statusOf(
        (await link()) ?? '',
        ...asPublic,
        '--header',
        'Accept: text/html',
        '--header',
        'Sec-Fetch-Mode: navigate',
      ),
      '303',
    );
  },
);
