import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
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
import { parse } from 'yaml';
import { jupyterEnvironment } from '../support/jupyter.js';
import { twoHosts } from '../support/namespaces.js';
import { RawClient } from '../support/raw-client.js';
import { type Node, startTailnet, type Tailnet } from '../support/tailnet.js';
import { until } from '../support/until.js';

// The first run builds headscale and Tailscale.
t.setTimeout(1_800_000);

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));
const run = promisify(execFile);
const TOKEN = 'a-token-of-the-tailnet';

interface Service {
  readonly environment: Readonly<Record<string, string>>;
  readonly networks: { readonly sidecar: { readonly ipv4_address: string } };
  readonly ports?: unknown;
  readonly network_mode?: unknown;
}

/** The Compose file, its variables replaced as Compose does. */
async function composeFile(variables: Readonly<Record<string, string>>) {
  const file = await readFile(join(root, 'docker/compose.tailscale.yml'), 'utf8');
  const filled = file.replaceAll(
    /\$\{(\w+):[?-]([^}]*)\}/g,
    (_, name: string, otherwise: string) => variables[name] ?? otherwise,
  );
  return parse(filled) as { readonly services: Readonly<Record<'spin-runtime' | 'tailscale', Service>> };
}

/** The runtime on its own host, with the settings of the Compose file and of the image. */
async function startRuntime(t: Test, on: readonly string[], environment: Service['environment']) {
  const home = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(home, { recursive: true, force: true }));
  await chmod(home, 0o755);
  const [command = '', ...before] = on;
  const child = spawn(command, [...before, process.execPath, program], {
    env: {
      PATH: process.env.PATH ?? '',
      SPIN_HOME: home,
      SPIN_HOST: '0.0.0.0',
      SPIN_JUPYTER: await jupyterEnvironment(),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
    });
  }
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  await until(() => {
    if (child.exitCode !== null) throw new Error(`the runtime ended:\n${log}`);
    return log.includes('SPIN Runtime is at');
  }, 30_000);
  return { log: () => log };
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
  const { services } = await composeFile({ SPIN_TOKEN: TOKEN, TAILNET: 'tail.example.com' });
  const { 'spin-runtime': runtime, tailscale: sidecar } = services;
  for (const service of [runtime, sidecar]) {
    t.equal(service.ports, undefined, 'nothing is published');
    t.equal(service.network_mode, undefined, 'in a network of its own');
  }
  const at = (service: Service) => service.networks.sidecar.ipv4_address;
  const neighbour = '172.31.88.4';
  const hosts = await twoHosts(t, [`${at(sidecar)}/29`, `${neighbour}/29`], `${at(runtime)}/29`);
  const { log } = await startRuntime(t, hosts.second, runtime.environment);
  const tailnet = await startTailnet(t, hosts.first);
  const node = await tailnet.join(sidecar.environment.TS_HOSTNAME ?? '');
  const other = await tailnet.join('laptop');
  t.equal(runtime.environment.SPIN_PUBLIC_URL, `https://${node.name}`);
  const serve = await readFile(join(root, 'docker/tailscale-serve.json'), 'utf8');
  await node.serve(
    JSON.parse(
      serve.replaceAll(/\$\{TS_CERT_DOMAIN\}/g, node.name).replace('//spin-runtime:', `//${at(runtime)}:`),
    ),
  );
  const client = await clientOf(tailnet, other, node.name);
  await until(
    async () => (await client.ask('GET', '/readyz').catch(() => undefined))?.status === 200,
    120_000,
  );

  await t.test('a person logs in and runs a cell', async (t) => {
    const form = { origin: client.origin, 'content-type': 'application/x-www-form-urlencoded' };
    const login = await client.ask('POST', '/spin/login', form, `token=${TOKEN}`);
    t.equal(login.status, 303);
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
      t.ok(log().includes(other.address));
      t.notOk(log().includes('192.0.2.66'));
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
    const [command = '', ...before] = hosts.first;
    const listen =
      "require('net').createServer((s) => s.end('reached')).listen(9000, '127.0.0.1', () => console.log('on'))";
    const program = spawn(command, [...before, process.execPath, '--eval', listen]);
    t.teardown(() => program.kill());
    await once(program.stdout, 'data');
    t.equal(await heard(9000), 'reached', 'the sidecar’s own loopback is open to the tailnet');
  });

  await t.test('the sidecar is believed, its neighbours are not, and the name has to be right', async (t) => {
    const curl = async (from: string, host: string) => {
      const [command = '', ...before] = hosts.first;
      const { stdout } = await run(command, [
        ...before,
        ...['curl', '--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--interface', from],
        ...['--header', `Host: ${host}`, '--header', 'X-Forwarded-Proto: https'],
        `http://${at(runtime)}:8888/spin/login`,
      ]);
      return stdout;
    };
    t.equal(await curl(at(sidecar), node.name), '200');
    t.equal(await curl(at(sidecar), 'other.example.com'), '421');
    t.equal(await curl(neighbour, node.name), '426');
  });

  await t.test('who has no key of the tailnet does not come in', async (t) => {
    const key = `hskey-auth-${'a'.repeat(12)}-${'b'.repeat(64)}`;
    await t.rejects(tailnet.join('stranger', key), /backend error: .*(?:auth|key)/i);
  });
});
