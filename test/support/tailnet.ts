import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { createAuthority } from './authority.js';
import { freePort } from './free-port.js';
import { goPeer } from './go-peer.js';
import { until } from './until.js';

const run = promisify(execFile);

const HEADSCALE = 'v0.29.1';
const TAILSCALE = 'v1.102.5';

/** A control server of one's own (headscale) and real Tailscale nodes, which reach each other through its relay. */
export interface Tailnet {
  /** What the nodes' names end with. */
  readonly domain: string;
  /** PEM of the authority whose certificates the nodes believe. */
  readonly ca: string;
  /** Where the control server is. */
  readonly url: string;
  /** What lets a node in. */
  readonly key: string;
  /** The programs of a node. */
  readonly programs: {
    readonly tailscaled: string;
    readonly tailscale: string;
    readonly containerboot: string;
  };
  /** A new node on this machine. @param key absent: the one above */
  join(name: string, key?: string): Promise<Node>;
  /** A node that is started elsewhere. @param socket of its tailscaled @param state the folder of its state */
  at(name: string, socket: string, state: string): Promise<Node>;
}

export interface Node {
  /** Its MagicDNS name. */
  readonly name: string;
  /** Its IPv4 address on the tailnet. */
  readonly address: string;
  /** @returns a port of 127.0.0.1 that leads over the tailnet, from this node, to the port of another one */
  forward(host: string, port: number): Promise<number>;
  /**
   * Applies a serve configuration, as the container image's `TS_SERVE_CONFIG` does, with a certificate of the tailnet's
   * authority where tailscaled keeps the ones that it got. It uses a kept one only for a name that the control server
   * lets it have certificates for, which headscale never does, or that Funnel serves: so Funnel is on, which headscale
   * doesn't have.
   */
  serve(config: object): Promise<void>;
}

/** @param address of this machine, by which nodes know the control server; it may come later */
export async function startTailnet(t: Test, address: string): Promise<Tailnet> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-tailnet-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  const headscale = await goPeer('github.com/juanfont/headscale/cmd/headscale', HEADSCALE, {
    staged: { module: 'github.com/juanfont/headscale', version: HEADSCALE },
  });
  const programs = {
    tailscaled: await goPeer('tailscale.com/cmd/tailscaled', TAILSCALE),
    tailscale: await goPeer('tailscale.com/cmd/tailscale', TAILSCALE),
    containerboot: await goPeer('tailscale.com/cmd/containerboot', TAILSCALE),
  };
  const { tailscaled, tailscale } = programs;
  const authority = createAuthority('Tailnet CA');
  const own = authority.issue([address]);
  const [port, grpc, stun] = [await freePort(), await freePort(), await freePort()];
  const url = `https://${address}:${port}`;
  await writeFile(path('ca.pem'), authority.cert);
  await writeFile(path('tls.crt'), own.cert);
  await writeFile(path('tls.key'), own.key);
  const domain = 'tail.example.com';
  await writeFile(
    path('config.json'),
    JSON.stringify(settings({ folder, domain, address, port, grpc, stun })),
  );

  const server = await start(t, [headscale, 'serve', '-c', path('config.json')]);
  const admin = async (...args: string[]): Promise<string> =>
    (await run(headscale, ['-c', path('config.json'), ...args])).stdout;
  await until(() => {
    if (server.child.exitCode !== null) throw new Error(`headscale ended:\n${server.log()}`);
    return server.log().includes('listening and serving HTTP');
  }, 60_000);
  await admin('users', 'create', 'someone');
  const made = await admin('preauthkeys', 'create', '--user', '1', '--reusable', '--output', 'json');
  const { key } = JSON.parse(made) as { key: string };

  const at: Tailnet['at'] = async (name, socket, state) => {
    const command = [`--socket=${socket}`];
    const { stdout } = await run(tailscale, [...command, 'ip', '-4']);
    const full = `${name}.${domain}`;
    return {
      name: full,
      address: stdout.trim(),
      async forward(host, port) {
        const server = createServer((socket) => {
          const { stdin, stdout } = spawn(tailscale, [...command, 'nc', host, String(port)], {
            stdio: ['pipe', 'pipe', 'ignore'],
          });
          // Whichever side ends first, the other one is told.
          pipeline(socket, stdin, () => {});
          pipeline(stdout, socket, () => {});
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        t.teardown(() => server.close());
        return (server.address() as AddressInfo).port;
      },
      async serve(config) {
        const pair = authority.issue([full]);
        await mkdir(join(state, 'certs'), { recursive: true });
        await writeFile(join(state, 'certs', `${full}.crt`), pair.cert);
        await writeFile(join(state, 'certs', `${full}.key`), pair.key, { mode: 0o600 });
        const asked = request({
          socketPath: socket,
          method: 'POST',
          path: '/localapi/v0/serve-config',
          headers: { host: 'local-tailscaled.sock' },
        });
        asked.end(JSON.stringify({ ...config, AllowFunnel: { [`${full}:443`]: true } }));
        const [answer] = await once(asked, 'response');
        if (answer.statusCode !== 200) throw new Error(`the serve configuration: ${answer.statusCode}`);
        answer.resume();
      },
    };
  };

  return {
    domain,
    ca: authority.cert,
    url,
    key,
    programs,
    at,
    async join(name, given = key) {
      const [state, socket] = [path(name), path(`${name}.sock`)];
      await mkdir(state);
      const ways = ['--tun=userspace-networking', '--no-logs-no-support'];
      const daemon = await start(t, [tailscaled, ...ways, `--socket=${socket}`, `--statedir=${state}`], {
        SSL_CERT_FILE: path('ca.pem'),
      });
      await until(() => {
        if (daemon.child.exitCode !== null) throw new Error(`tailscaled ended:\n${daemon.log()}`);
        return daemon.log().includes('Listening on') || daemon.log().includes('Backend');
      }, 30_000);
      const up = ['up', `--login-server=${url}`, `--authkey=${given}`, `--hostname=${name}`, '--timeout=30s'];
      await run(tailscale, [`--socket=${socket}`, ...up]);
      return at(name, socket, state);
    },
  };
}

interface Place {
  readonly folder: string;
  readonly domain: string;
  readonly address: string;
  readonly port: number;
  readonly grpc: number;
  readonly stun: number;
}

/** headscale's own configuration; its own relay is the only one. */
function settings({ folder, domain, address, port, grpc, stun }: Place): object {
  const path = (name: string) => join(folder, name);
  return {
    server_url: `https://${address}:${port}`,
    listen_addr: `0.0.0.0:${port}`,
    metrics_listen_addr: '',
    grpc_listen_addr: `127.0.0.1:${grpc}`,
    unix_socket: path('headscale.sock'),
    unix_socket_permission: '0700',
    tls_cert_path: path('tls.crt'),
    tls_key_path: path('tls.key'),
    noise: { private_key_path: path('noise.key') },
    prefixes: { v4: '100.64.0.0/10', v6: 'fd7a:115c:a1e0::/48' },
    database: { type: 'sqlite', sqlite: { path: path('db.sqlite') } },
    derp: {
      server: {
        enabled: true,
        region_id: 999,
        region_code: 'own',
        region_name: 'own',
        verify_clients: true,
        stun_listen_addr: `0.0.0.0:${stun}`,
        private_key_path: path('derp.key'),
        automatically_add_embedded_derp_region: true,
        ipv4: address,
      },
      urls: [],
      auto_update_enabled: false,
    },
    dns: { magic_dns: true, base_domain: domain, override_local_dns: false },
    disable_check_updates: true,
    logtail: { enabled: false },
    log: { level: 'info', format: 'text' },
  };
}

async function start(
  t: Test,
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly child: ChildProcess; log(): string }> {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
  }
  const ended = once(child, 'exit');
  await once(child, 'spawn');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { child, log: () => log };
}
