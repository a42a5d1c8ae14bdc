import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { makePair } from './certificate.js';
import { accepts, freePort } from './free-port.js';
import { blocksOf } from './page.js';
import { until } from './until.js';

/** A real proxy in front of an edge: it ends TLS on one port (or passes it on) and speaks plain HTTP on another. */
export interface FrontProxy {
  readonly https: number;
  readonly http: number;
}

/** Where the page's configurations stand. */
const PAGE = 'docs/deploy/reverse-proxies.md';

interface Front {
  /** The program and its arguments before the configuration's path. */
  readonly command: readonly string[];
  /** The heading of the page above the configuration. */
  readonly heading: string;
  /** What another configuration than the page's has instead. */
  readonly change?: (text: string) => string;
}

const nginx = ['nginx', '-e', 'stderr', '-c'];
const haproxy = ['haproxy', '-db', '-f'];

/** The fronts, by name: each has the configuration that people copy from the page, but for ports and paths. */
export const fronts = {
  nginx: { command: nginx, heading: 'nginx' },
  'nginx that says nothing of its client': {
    command: nginx,
    heading: 'nginx',
    change: (text) => text.replaceAll(/.*X-Forwarded-.*\n/g, ''),
  },
  'nginx passing TLS on': { command: nginx, heading: 'nginx passing TLS on' },
  caddy: { command: ['caddy', 'run', '--adapter', 'caddyfile', '--config'], heading: 'Caddy' },
  'haproxy with X-Forwarded headers': { command: haproxy, heading: 'HAProxy with X-Forwarded headers' },
  'haproxy with send-proxy-v2-ssl': { command: haproxy, heading: 'HAProxy with PROXY protocol' },
  'haproxy passing TLS on with send-proxy-v2': { command: haproxy, heading: 'HAProxy passing TLS on' },
  'haproxy passing TLS on with send-proxy': {
    command: haproxy,
    heading: 'HAProxy passing TLS on',
    change: (text) => text.replace('send-proxy-v2', 'send-proxy'),
  },
} as const satisfies Record<string, Front>;

/** A certificate for spin.example, in files. */
type Pair = Awaited<ReturnType<typeof makePair>>;

/**
 * The page's configuration with the test's ports and files, on loopback only, and around it what the system's own
 * main file has.
 */
async function configuration(name: keyof typeof fronts, ports: FrontProxy, edge: number, made: Pair) {
  const { heading, command, change = (text) => text }: Front = fronts[name];
  const [block] = await blocksOf(PAGE, heading);
  const text = change(block?.text ?? '')
    .replaceAll('127.0.0.1:8888', `127.0.0.1:${edge}`)
    .replaceAll('/etc/ssl/spin.example.crt', made.cert)
    .replaceAll('/etc/ssl/spin.example.key', made.key)
    .replaceAll('/etc/ssl/spin.example.pem', join(made.folder, 'both.pem'))
    .replaceAll(/(listen |bind :)(443|80)\b/g, (_, word: string, port: string) => {
      const chosen = port === '443' ? ports.https : ports.http;
      return `${word.replace(':', '')}127.0.0.1:${chosen}`;
    });
  switch (command[0]) {
    case 'nginx':
      return aroundNginx(text, made.folder);
    case 'caddy':
      return `{\nadmin off\ndefault_bind 127.0.0.1\nhttp_port ${ports.http}\nhttps_port ${ports.https}\n}\n${text}\n`;
    default:
      return `${text}\n`;
  }
}

function aroundNginx(text: string, folder: string): string {
  const own = `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr; events {}`;
  if (text.startsWith('stream')) {
    return `load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n${own}\n${text}\n`;
  }
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `${own}\nhttp {\naccess_log off; ${paths.join(' ')}\n${text}\n}\n`;
}

/** Two free ports of the loopback interface, which no other test is given before the front listens there. */
export async function freePorts(): Promise<FrontProxy> {
  return { https: await freePort(), http: await freePort() };
}

/**
 * Starts the front and waits until it accepts connections on both ports; the test's end stops it.
 * @param made its certificate; default: a new one for spin.example
 */
export async function startFront(
  t: Test,
  name: keyof typeof fronts,
  ports: FrontProxy,
  edge: number,
  made?: Pair,
): Promise<void> {
  const pair = made ?? (await makePair(t, ['spin.example']));
  const { folder } = pair;
  await writeFile(join(folder, 'both.pem'), pair.pair.cert + pair.pair.key);
  const file = join(folder, 'configuration');
  await writeFile(file, await configuration(name, ports, edge, pair));
  const [program, ...args] = fronts[name].command;
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder };
  const child = spawn(program, [...args, file], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  t.teardown(async () => {
    if (child.exitCode === null && child.kill()) {
      await once(child, 'exit');
    }
  });
  child.on('error', (error) => t.fail(error));
  await until(async () => {
    if (child.exitCode !== null) {
      throw new Error(`${name} ended: ${said}`);
    }
    return (await accepts(ports.https)) && (await accepts(ports.http));
  });
}
