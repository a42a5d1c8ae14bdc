import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { ask } from './ask.js';
import { makePair } from './certificate.js';
import { freePorts } from './front-proxy.js';
import { blocksOf } from './page.js';
import { until } from './until.js';

export const TOKEN = 'test-token-0123456789';
const CLI = fileURLToPath(new URL('../../gateway/cli.js', import.meta.url));
const PAGE = 'docs/deploy/replicas.md';

/** Two gateway processes, as the page starts them, and the load balancer's address. */
export interface Replicas {
  /** `http://127.0.0.1:<port>` of each. */
  readonly origins: readonly [string, string];
  /** `https://localhost:<port>` of the load balancer. */
  readonly origin: string;
  /** SPIN_SHARED. */
  readonly shared: string;
  /** What one has logged. */
  log(index: 0 | 1): string;
  /** Kills one at once. */
  kill(index: 0 | 1): Promise<void>;
}

/** What the page's processes leave open: where they are found on this machine. */
export interface ReplicasOptions {
  readonly balancer: 'nginx' | 'HAProxy';
  readonly upstream: { readonly url: string; readonly token: string };
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts all of it with the page's configuration; it ends with the test. */
export async function startReplicas(t: Test, options: ReplicasOptions): Promise<Replicas> {
  const { balancer, upstream, env = {} } = options;
  const [first, second] = [await freePorts(), await freePorts()];
  const ports = [first.http, second.http] as const;
  const { folder, cert, key, pair } = await makePair(t, ['localhost']);
  const origin = `https://localhost:${first.https}`;
  const shared = join(folder, 'shared');
  await mkdir(shared, { mode: 0o700 });
  const settings = await blocksOf(PAGE, 'Settings');
  // A setting that the page names and this test doesn't make would be untested.
  const values: Readonly<Record<string, string>> = {
    SPIN_TOKEN: TOKEN,
    SPIN_UPSTREAM: upstream.url,
    SPIN_UPSTREAM_TOKEN: upstream.token,
    SPIN_PUBLIC_URL: origin,
    SPIN_TRUSTED_PROXIES: '127.0.0.1',
    SPIN_SHARED: shared,
  };
  const named = new Set(settings.flatMap(({ text }) => text.match(/SPIN_[A-Z_]+/g) ?? []));
  t.same([...named].sort(), [...Object.keys(values), 'SPIN_HOME', 'SPIN_PORT'].sort(), 'the page’s settings');

  const start = (index: 0 | 1) =>
    program(t, process.execPath, [CLI], {
      ...values,
      ...env,
      SPIN_HOME: join(folder, `home-${index}`),
      SPIN_PORT: String(ports[index]),
    });
  const children = [start(0), start(1)] as const;
  const origins = [`http://127.0.0.1:${ports[0]}`, `http://127.0.0.1:${ports[1]}`] as const;
  for (const [index, child] of children.entries()) {
    await child.until(async () => (await status(`${origins[index]}/healthz`)) === 200);
  }

  const [block] = await blocksOf(PAGE, balancer);
  const places: readonly (readonly [string, string])[] = [
    ['127.0.0.1:8801', `127.0.0.1:${ports[0]}`],
    ['127.0.0.1:8802', `127.0.0.1:${ports[1]}`],
    ...(balancer === 'nginx'
      ? ([
          ['listen 443', `listen 127.0.0.1:${first.https}`],
          ['/etc/ssl/jupyter.crt', cert],
          ['/etc/ssl/jupyter.key', key],
        ] as const)
      : ([
          ['bind :443', `bind 127.0.0.1:${first.https}`],
          ['/etc/ssl/jupyter.pem', join(folder, 'both.pem')],
        ] as const)),
  ];
  let text = block?.text ?? '';
  for (const [page, here] of places) {
    t.match(text, page, `the page’s ${page}`);
    text = text.replaceAll(page, here);
  }
  await writeFile(join(folder, 'both.pem'), pair.cert + pair.key, { mode: 0o600 });
  const file = join(folder, 'balancer');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const around = `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr; events {}
    http { access_log off; ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
    ${text} }`;
  await writeFile(file, balancer === 'nginx' ? around : `${text}\n`);
  const args = balancer === 'nginx' ? ['-e', 'stderr', '-c', file] : ['-db', '-f', file];
  const front = program(t, balancer.toLowerCase(), args, {
    PATH: `${process.env.PATH}:/usr/sbin`,
    HOME: folder,
  });
  await front.until(() =>
    fetch(`${origin}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return {
    origins,
    origin,
    shared,
    log: (index) => children[index].said(),
    async kill(index) {
      const { child } = children[index];
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function program(t: Test, name: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child: ChildProcess = spawn(name, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  child.on('error', (error) => t.fail(error));
  t.teardown(async () => {
    // Asked, not killed: nginx takes its workers along, and they would keep the pipes open.
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGTERM'))
      await once(child, 'exit');
  });
  return {
    child,
    said: () => said,
    until: (holds: () => Promise<boolean>) =>
      until(async () => {
        if (child.exitCode !== null) throw new Error(`${name} ended: ${said}`);
        return holds();
      }, 30_000),
  };
}

async function status(url: string): Promise<number> {
  return ask(url).then(
    (answer) => answer.status,
    () => 0,
  );
}
