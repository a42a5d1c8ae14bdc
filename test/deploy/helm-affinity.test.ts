import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { ask } from '../support/ask.js';
import { freePort } from '../support/free-port.js';
import { blocksOf } from '../support/page.js';
import { until } from '../support/until.js';

// Helm is compiled at its first use.
t.setTimeout(900_000);

const CHART = fileURLToPath(new URL('../../../docker/kubernetes/', import.meta.url));
const annotations = z.looseObject({ annotations: z.record(z.string(), z.string()) });

/** An annotation of an example, on the Ingress or on the Service. */
async function annotation(example: string, name: string): Promise<string> {
  const values = z
    .looseObject({ ingress: z.looseObject({}), service: z.looseObject({}).optional() })
    .parse(parse(await readFile(join(CHART, 'examples', example), 'utf8')));
  const found = [values.ingress, values.service].flatMap((holder) => {
    const held = annotations.safeParse(holder);
    return held.success ? (held.data.annotations[name] ?? []) : [];
  });
  if (found[0] === undefined) throw new Error(`${example} has no ${name}`);
  return found[0];
}

/** Three gateways, each of which says which one it is. */
async function startBackends(t: Test): Promise<number[]> {
  const ports: number[] = [];
  for (let i = 0; i < 3; i++) {
    const server = createServer((_, res) => res.end(String(i))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    ports.push(z.object({ port: z.number() }).parse(server.address()).port);
  }
  return ports;
}

/** Starts a load balancer as the ingress controller would configure it; gives its origin. */
async function start(
  t: Test,
  command: readonly string[],
  configuration: (port: number, folder: string) => string,
) {
  const folder = t.testdir({});
  const port = await freePort();
  const file = join(folder, 'balancer.conf');
  await writeFile(file, configuration(port, folder));
  const [program = '', ...args] = command;
  const balancer = spawn(program, [...args, file], { stdio: 'ignore' });
  t.teardown(async () => {
    const ended = once(balancer, 'exit');
    balancer.kill('SIGTERM');
    await ended;
  });
  const origin = `http://127.0.0.1:${port}`;
  await until(() =>
    ask(origin).then(
      () => true,
      () => false,
    ),
  );
  return origin;
}

async function checkAffinity(t: Test, origin: string): Promise<void> {
  const places = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const kernel = `/api/kernels/${randomUUID()}`;
    const asked = [
      `/channels?session_id=${randomUUID()}`,
      `/channels?session_id=${randomUUID()}`,
      '/restart',
      '/interrupt',
    ];
    const answers = await Promise.all(asked.map((path) => ask(`${origin}${kernel}${path}`)));
    const [place] = answers.map(({ body }) => body);
    t.same(
      answers.map(({ body }) => body),
      asked.map(() => place),
      'what belongs to a kernel goes to one gateway',
    );
    places.add(place ?? '');
  }
  t.ok(places.size > 1, 'and kernels to several');
}

t.test('ingress-nginx: the hash of the example, with the variable of the page', async (t) => {
  const key = await annotation('ingress-nginx.yaml', 'nginx.ingress.kubernetes.io/upstream-hash-by');
  const [block] = (await blocksOf('docs/deploy/kubernetes.md', 'A variable for ingress-nginx')).filter(
    ({ language }) => language === 'yaml',
  );
  const { data } = z
    .object({ data: z.object({ 'http-snippet': z.string() }) })
    .parse(parse(block?.text ?? ''));
  const servers = (await startBackends(t)).map((port) => `server 127.0.0.1:${port};`).join(' ');
  const origin = await start(t, ['nginx', '-e', 'stderr', '-c'], (port, folder) =>
    [
      `daemon off; pid ${folder}/pid; error_log /dev/null; events {}`,
      `http { access_log off; ${data['http-snippet']}`,
      `upstream gateways { hash ${key} consistent; ${servers} }`,
      `server { listen 127.0.0.1:${port}; location / { proxy_pass http://gateways; } } }`,
    ].join('\n'),
  );
  await checkAffinity(t, origin);
});

t.test("HAProxy's controller: the balancing of the example", async (t) => {
  const balance = await annotation('ingress-haproxy.yaml', 'haproxy.org/load-balance');
  const servers = (await startBackends(t)).map((port, i) => `  server s${i} 127.0.0.1:${port}`);
  const origin = await start(t, ['haproxy', '-db', '-f'], (port) =>
    [
      'defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s',
      `frontend browsers\n  bind 127.0.0.1:${port}\n  default_backend gateways`,
      `backend gateways\n  balance ${balance}`,
      ...servers,
      '',
    ].join('\n'),
  );
  await checkAffinity(t, origin);
});
