import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../support/front-proxy.js';
import { KernelClient, TOKEN } from './client.js';
import { PATH, Processes, VALUES } from './processes.js';

/** One way from the client to the upstream. */
export interface Contender {
  readonly name: string;
  /** `https://127.0.0.1:<port>` */
  readonly origin: string;
  /** The kernel whose channel is measured. */
  readonly kernel: string;
  /** True when it differs from the one before it only in its kernel: its HTTP is measured already. */
  readonly kernelOnly?: boolean;
  /** Resident memory of the processes that serve clients, in bytes; undefined for the direct way. */
  readonly memory?: () => Promise<number>;
}

export interface Field {
  readonly contenders: readonly Contender[];
  close(): Promise<void>;
}

export const GATEWAY = 'gateway';

export function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { env: { PATH }, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export const BEFORE = 'before';

/**
 * Starts the upstream and all that stands in front of it, each a process; all serve TLS with the same certificate.
 *
 * @param before the folder of another compiled checkout, whose gateway is measured too
 */
export async function startField(before?: string): Promise<Field> {
  const processes = await Processes.open();
  try {
    const { cert, key } = processes;
    const program = fileURLToPath(new URL('upstream.js', import.meta.url));
    const { port, tlsPort } = await ports(
      await processes.start('upstream', process.execPath, [program, cert, key]),
    );
    const upstream = `http://127.0.0.1:${port}`;
    const contenders = [
      { name: 'direct', origin: `https://127.0.0.1:${tlsPort}`, kernel: 'plain' },
      ...(hasNginx() ? [await startNginx(processes, port)] : []),
      await startChp(processes, upstream),
      ...(before === undefined ? [] : await startGateways(processes, upstream, BEFORE, before)),
      ...(await startGateways(processes, upstream, GATEWAY)),
    ];
    return { contenders, close: () => processes.close() };
  } catch (error) {
    await processes.close();
    throw error;
  }
}

async function startNginx(processes: Processes, upstream: number): Promise<Contender> {
  const { https } = await freePorts();
  const { folder } = processes;
  const file = join(folder, 'nginx.conf');
  await writeFile(file, nginx(https, upstream, processes));
  const master = await processes.start('nginx', 'nginx', ['-e', 'stderr', '-c', file]);
  const origin = `https://127.0.0.1:${https}`;
  await processes.ready('nginx', master, origin);
  const memory = async () => sum(await Promise.all((await childrenOf(master)).map(residentBytes)));
  return { name: 'nginx', origin, kernel: 'plain', memory };
}

async function startChp(processes: Processes, upstream: string): Promise<Contender> {
  const { https, http } = await freePorts();
  const { cert, key } = processes;
  const program = join(
    dirname(createRequire(import.meta.url).resolve('configurable-http-proxy/package.json')),
    'bin',
    'configurable-http-proxy',
  );
  const options = {
    ip: '127.0.0.1',
    port: https,
    'api-port': http,
    'ssl-cert': cert,
    'ssl-key': key,
    'default-target': upstream,
    'log-level': 'error',
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = await processes.start('chp', process.execPath, [program, ...args], {
    CONFIGPROXY_AUTH_TOKEN: TOKEN,
  });
  const origin = `https://127.0.0.1:${https}`;
  await processes.ready('chp', child, origin);
  return { name: 'CHP', origin, kernel: 'plain', memory: () => residentBytes(child.pid) };
}

/** The same gateway twice: with a kernel that nothing was delivered to, and one that every value was delivered to. */
async function startGateways(
  processes: Processes,
  upstream: string,
  name: string,
  checkout?: string,
): Promise<Contender[]> {
  const { child, origin } = await processes.startGateway(upstream, {
    ...(checkout !== undefined && { checkout }),
  });
  const demanding = await KernelClient.open(origin, 'demanding');
  const references = Object.keys(VALUES).map((name) => `"{{runtime_env:${name}}}"`);
  await demanding.execute(`values = [${references.join(', ')}]`);
  await demanding.close();
  return [
    { name, origin, kernel: 'plain', memory: () => residentBytes(child.pid) },
    {
      name: `${name}, ${references.length} values to hide`,
      origin,
      kernel: 'demanding',
      kernelOnly: true,
    },
  ];
}

/** One worker, since the others have one thread; nothing is kept in files on the way. */
function nginx(https: number, upstream: number, { folder, cert, key }: Processes): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
    events { worker_connections 8192; }
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
      upstream jupyter { server 127.0.0.1:${upstream}; keepalive 32; keepalive_requests 100000000; }
      keepalive_requests 100000000; client_max_body_size 0;
      server {
        listen 127.0.0.1:${https} ssl;
        ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.2 TLSv1.3;
        location / {
          proxy_pass http://jupyter; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 1h;
          proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
          proxy_set_header X-Forwarded-Proto $scheme;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
        }
      }
    }`;
}

/** What the upstream's process says first. */
export async function ports(upstream: ChildProcess): Promise<{ port: number; tlsPort: number }> {
  if (!upstream.stdout) throw new Error('the upstream has no output');
  const [line] = await once(createInterface(upstream.stdout), 'line');
  return JSON.parse(String(line));
}

/** Source: proc(5). */
export async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function childrenOf({ pid }: ChildProcess): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number);
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
