import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { NAVIGATION } from '../support/ask.js';
import { bringUp } from '../support/compose.js';
import { buildImage, logOf, podman } from '../support/podman.js';
import { RawClient } from '../support/raw-client.js';
import { type Node, startTailnet, type Tailnet } from '../support/tailnet.js';
import { until } from '../support/until.js';

// The first run builds headscale and Tailscale.
t.setTimeout(1_800_000);

const root = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

/** The addresses that compose.tailscale.yml gives to the host, the runtime, the sidecar; and one that it gives to nobody. */
const [HOST, RUNTIME, SIDECAR, NEIGHBOUR] = [1, 2, 3, 4].map((last) => `172.31.88.${last}`) as [
  string,
  string,
  string,
  string,
];

/**
 * An image with the programs of Tailscale's own, in the place of it. It knows this tailnet's control server, and asks
 * nobody for certificates.
 *
 * @param name what the Compose file calls it
 */
async function standIn(t: Test, { programs, ca, url }: Tailnet, name: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [program, path] of Object.entries(programs)) await copyFile(path, join(folder, program));
  await writeFile(join(folder, 'ca.pem'), ca);
  const lines = [
    'FROM scratch',
    'COPY containerboot tailscale tailscaled /usr/local/bin/',
    'COPY ca.pem /ca.pem',
    `ENV PATH=/usr/local/bin SSL_CERT_FILE=/ca.pem TS_EXTRA_ARGS=--login-server=${url}`,
    'ENV TS_DEBUG_ACME_DIRECTORY_URL=https://localhost:9/ TS_TAILSCALED_EXTRA_ARGS=--no-logs-no-support',
    'ENTRYPOINT ["/usr/local/bin/containerboot"]',
  ];
  await writeFile(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`);
  await podman('build', '--quiet', '--tag', name, '--file', join(folder, 'Dockerfile'), folder);
  t.teardown(() => podman('rmi', '--force', name));
}

/** A browser on another machine of the tailnet. */
async function clientOf(tailnet: Tailnet, node: Node, name: string) {
  const port = await node.forward(name, 443);
  const tls = { servername: name, ca: tailnet.ca };
  const origin = `https://${name}`;
  return {
    origin,
    async ask(
      method: string,
      path: string,
      headers: Readonly<Record<string, string>> = {},
      body = '',
    ): Promise<{ status: number; cookie: string; body: string }> {
      const asked = request({
        ...tls,
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        headers: { host: name, ...headers },
      });
      asked.end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      const [cookie = ''] = (answer.headers['set-cookie']?.[0] ?? '').split(';');
      return { status: answer.statusCode ?? 0, cookie, body: await text(answer) };
    },
    async open(kernel: string, cookie: string): Promise<RawClient> {
      const session = 'session-of-the-tailnet';
      const url = `wss://127.0.0.1:${port}/api/kernels/${kernel}/channels?session_id=${session}`;
      const socket = new WebSocket(url, [], {
        ...tls,
        perMessageDeflate: false,
        headers: { host: name, cookie, origin },
      });
      await once(socket, 'open');
      return new RawClient(socket, 'legacy', session);
    },
  };
}

t.test('the tailnet, and nobody else, reaches the runtime of compose.tailscale.yml', async (t) => {
  await buildImage('spin-runtime');
  const image = /image: (\S*tailscale\S*)/.exec(
    await readFile(join(root, 'docker/compose.tailscale.yml'), 'utf8'),
  );
  const tailnet = await startTailnet(t, HOST);
  await standIn(t, tailnet, image?.[1] ?? '');
  const { container, link } = await bringUp(t, 'docs/deploy/tailnet.md', 'Start', {
    changes: { 'tail1234.ts.net': tailnet.domain, 'tskey-auth-…': tailnet.key },
  });
  const [runtime, sidecar] = [container('spin-runtime'), container('tailscale')];
  for (const each of [runtime, sidecar]) t.equal(await podman('port', each), '', 'nothing is published');
  const pid = await podman('inspect', '--format', '{{.State.Pid}}', sidecar);
  const socket = `/proc/${pid}/root/tmp/tailscaled.sock`;
  await until(async () => (await logOf(sidecar)).includes('Startup complete'), 60_000).catch(
    async (error) => {
      throw new Error(`${error.message}\n${await logOf(sidecar)}`);
    },
  );
  const node = await tailnet.at('spin-runtime', socket, `/proc/${pid}/root/var/lib/tailscale`);
  const other = await tailnet.join('laptop');
  t.equal(link.origin, `https://${node.name}`);
  const serve = await readFile(join(root, 'docker/tailscale-serve.json'), 'utf8');
  await node.serve(JSON.parse(serve.replaceAll(/\$\{TS_CERT_DOMAIN\}/g, node.name)));
  const client = await clientOf(tailnet, other, node.name);
  await until(
    async () => (await client.ask('GET', '/readyz').catch(() => undefined))?.status === 200,
    120_000,
  );

  await t.test('a person logs in and runs a cell', async (t) => {
    const login = await client.ask('GET', `${link.pathname}${link.search}`, NAVIGATION);
    t.match(login.cookie, /^__Host-/, 'the link that the page’s command prints logs in');
    const own = { cookie: login.cookie, origin: client.origin, 'content-type': 'application/json' };
    const started = await client.ask('POST', '/api/kernels', own, '{"name":"python3"}');
    t.equal(started.status, 201);
    const { id } = JSON.parse(started.body) as { id: string };
    const kernel = await client.open(id, login.cookie);
    t.teardown(() => kernel.close());
    t.match(await kernel.execute('print(6 * 7)'), { status: 'ok', stdout: '42\n' });
  });

  await t.test(
    'the log has the address on the tailnet; what a client says of itself counts for nothing',
    async (t) => {
      const claims = {
        'tailscale-user-login': 'someone@example.com',
        'x-forwarded-for': '192.0.2.66',
        authorization: 'token wrong',
      };
      t.equal((await client.ask('GET', '/api/kernels', claims)).status, 403);
      const { authorization, ...nobody } = claims;
      t.equal((await client.ask('GET', '/api/kernels', nobody)).status, 401);
      const log = await logOf(runtime);
      t.match(log, other.address);
      t.notMatch(log, '192.0.2.66');
    },
  );

  await t.test('only port 443 of the node leads to the runtime', async (t) => {
    const heard = async (port: number) => {
      const socket = connect(await other.forward(node.address, port), '127.0.0.1');
      socket.write('GET /healthz HTTP/1.0\r\n\r\n');
      return text(socket);
    };
    for (const port of [8888, 80]) t.equal(await heard(port), '', `nothing at ${port}`);
    // What the runtime would be to the tailnet in one network namespace with the sidecar.
    const listen =
      "require('net').createServer((s) => s.end('reached')).listen(9000, '127.0.0.1', () => console.log('on'))";
    const program = spawn('nsenter', ['-t', pid, '-n', process.execPath, '--eval', listen]);
    t.teardown(() => program.kill());
    await once(program.stdout, 'data');
    t.equal(await heard(9000), 'reached', 'the sidecar’s own loopback is open to the tailnet');
  });

  await t.test('the sidecar is believed, its neighbours are not, and the name has to be right', async (t) => {
    const curl = async (host: string) => {
      const { stdout } = await run('nsenter', [
        ...['-t', pid, '-n', 'curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}'],
        ...['--header', `Host: ${host}`, '--header', 'X-Forwarded-Proto: https'],
        `http://${RUNTIME}:8888/spin/login`,
      ]);
      return stdout;
    };
    t.equal(await curl(node.name), '200');
    t.equal(await curl('other.example.com'), '421');
    t.match(await podman('inspect', sidecar), SIDECAR);
    const network = ['--network', 'spin-runtime-tailscale_sidecar', '--ip', NEIGHBOUR];
    const headers = { host: node.name, 'x-forwarded-proto': 'https' };
    const asked = JSON.stringify({ host: RUNTIME, port: 8888, path: '/spin/login', headers });
    const ask = `http.get(${asked}, (answer) => { console.log(answer.statusCode); process.exit(); })`;
    t.equal(
      await podman('run', '--rm', ...network, '--entrypoint=node', 'spin-runtime', '--eval', ask),
      '426',
    );
  });

  await t.test('who has no key of the tailnet does not come in', async (t) => {
    const key = `hskey-auth-${'a'.repeat(12)}-${'b'.repeat(64)}`;
    await t.rejects(tailnet.join('stranger', key), /backend error: .*(?:auth|key)/i);
  });
});
