import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { makePair } from './certificate.js';
import { until } from './until.js';

/** A real proxy in front of an edge: it ends TLS on one port (or passes it on) and speaks plain HTTP on another. */
export interface FrontProxy {
  readonly https: number;
  readonly http: number;
}

interface Setup {
  readonly https: number;
  readonly http: number;
  /** The edge's port. */
  readonly edge: number;
  readonly folder: string;
  readonly cert: string;
  readonly key: string;
}

/** The fronts, by name: the program, its arguments, and its configuration. */
export const fronts = {
  nginx: {
    command: ['nginx', '-e', 'stderr', '-c'],
    configure: (setup: Setup) =>
      nginx(
        setup,
        'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;',
      ),
  },
  'nginx that says nothing of its client': {
    command: ['nginx', '-e', 'stderr', '-c'],
    configure: (setup: Setup) => nginx(setup, ''),
  },
  caddy: {
    command: ['caddy', 'run', '--adapter', 'caddyfile', '--config'],
    configure: ({ https, http, edge, cert, key }: Setup) => `
      {
        admin off
        auto_https off
      }
      https://spin.example:${https} {
        bind 127.0.0.1
        tls ${cert} ${key}
        reverse_proxy 127.0.0.1:${edge}
      }
      http://spin.example:${http} {
        bind 127.0.0.1
        reverse_proxy 127.0.0.1:${edge}
      }`,
  },
  'haproxy with X-Forwarded headers': {
    command: ['haproxy', '-db', '-f'],
    configure: (setup: Setup) =>
      haproxy(
        setup,
        'http',
        'option forwardfor\n http-request set-header X-Forwarded-Proto https if { ssl_fc }\n http-request set-header X-Forwarded-Proto http unless { ssl_fc }',
        '',
      ),
  },
  'haproxy with send-proxy-v2-ssl': {
    command: ['haproxy', '-db', '-f'],
    configure: (setup: Setup) => haproxy(setup, 'http', '', 'send-proxy-v2-ssl'),
  },
  'haproxy passing TLS on with send-proxy-v2': {
    command: ['haproxy', '-db', '-f'],
    configure: (setup: Setup) => haproxy(setup, 'tcp', '', 'send-proxy-v2'),
  },
  'haproxy passing TLS on with send-proxy': {
    command: ['haproxy', '-db', '-f'],
    configure: (setup: Setup) => haproxy(setup, 'tcp', '', 'send-proxy'),
  },
} as const;

function nginx({ https, http, edge, folder, cert, key }: Setup, headers: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
      server {
        listen 127.0.0.1:${https} ssl; listen 127.0.0.1:${http};
        ssl_certificate ${cert}; ssl_certificate_key ${key};
        location / {
          proxy_pass http://127.0.0.1:${edge}; proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
          ${headers}
        }
      }
    }`;
}

function haproxy(
  { https, http, edge, folder }: Setup,
  mode: string,
  frontend: string,
  server: string,
): string {
  const crt = mode === 'http' ? `ssl crt ${folder}/both.pem` : '';
  return [
    'defaults',
    ` mode ${mode}`,
    ' timeout connect 5s',
    ' timeout client 60s',
    ' timeout server 60s',
    'frontend front',
    ` bind 127.0.0.1:${https} ${crt}`,
    ` bind 127.0.0.1:${http}`,
    ` ${frontend}`,
    ' default_backend edge',
    'backend edge',
    ` server edge 127.0.0.1:${edge} ${server}`,
    '',
  ].join('\n');
}

/** Two free ports of the loopback interface. */
export async function freePorts(): Promise<FrontProxy> {
  const servers = [createServer().listen(0, '127.0.0.1'), createServer().listen(0, '127.0.0.1')];
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const [https = 0, http = 0] = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return { https, http };
}

/** Starts the front and waits until it accepts connections; the test's end stops it. */
export async function startFront(
  t: Test,
  name: keyof typeof fronts,
  ports: FrontProxy,
  edge: number,
): Promise<void> {
  const { folder, cert, key, pair } = await makePair(t, ['spin.example']);
  await writeFile(join(folder, 'both.pem'), pair.cert + pair.key);
  const file = join(folder, 'configuration');
  const { command, configure } = fronts[name];
  await writeFile(file, configure({ ...ports, edge, folder, cert, key }));
  const [program = '', ...args] = command;
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
    return accepts(ports.https);
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
