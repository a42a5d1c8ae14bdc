import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { Secret } from '../../processors/core/secret.js';
import { builtIn } from '../../processors/index.js';
import { columnOf } from '../processors/kubernetes-api.js';
import { createAuthority } from '../support/authority.js';
import { oneConnection, performCell, resources, weighCell } from '../support/brokered.js';
import { type Kubelet, startKubelet } from '../support/kubelet.js';
import { type ApiServer, kubectlPeer, startApiServer } from '../support/kubernetes.js';
import { type Runtime, type RuntimeKernel, startRuntime } from '../support/runtime.js';
import { until } from '../support/until.js';

// Time for the API server's build, the first time.
t.setTimeout(1_800_000);

const SECRET = 'canary-value-of-a-secret';
const clients = createAuthority('Clients');

let api: ApiServer;
let kubelet: Kubelet;
let runtime: Runtime;
let kernel: RuntimeKernel;
let kubectl: (args: readonly string[], input?: object) => Promise<string>;

/** Lines that a follower gets, of a container each. */
let lines = 3;
const stamp = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

t.before(async () => {
  const program = await kubectlPeer();
  api = await startApiServer(['viewer-token,vera,vera', 'stranger-token,otto,otto'], clients.cert);
  kubectl = async (args, input) => {
    const running = promisify(execFile)(program, args, {
      env: { ...process.env, KUBECONFIG: join(api.folder, 'kubeconfig') },
    });
    running.child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
    return (await running).stdout;
  };
  kubelet = await startKubelet(t, ({ container, query, response }) => {
    const [, pod] = container.split('/');
    if (query.has('previous')) {
      response.writeHead(400).end('previous terminated container "web" in pod "api-1" not found');
      return;
    }
    let line = 0;
    const more = () => {
      while (line < lines) {
        const text = `${stamp(2 * line + (pod === 'api-1' ? 0 : 1))} ${pod} says ${line++}\n`;
        if (!response.write(text)) {
          response.once('drain', more);
          return;
        }
      }
      if (!query.has('follow')) response.end();
    };
    more();
  });
  await seed();
  runtime = await startRuntime(
    t,
    [
      `cluster: {type: kubernetes, url: "${api.url}", ca_file: "${api.certificate}", token: "{{runtime_env:ADMIN}}", namespace: shop, default: true}`,
      `writer: {type: kubernetes, url: "${api.url}", ca_file: "${api.certificate}", token: "{{runtime_env:ADMIN}}", namespace: shop, read_only: false}`,
    ],
    { ADMIN: api.token },
  );
  kernel = await runtime.startKernel(t);
});
t.teardown(async () => {
  resources.close();
  await api?.close();
});

/** No controllers run: what they would make is made here. */
async function seed(): Promise<void> {
  const meta = (name: string, more: object = {}) => ({ name, namespace: 'shop', ...more });
  const template = {
    metadata: { labels: { app: 'api' } },
    spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] },
  };
  const selector = { matchLabels: { app: 'api' } };
  const workload = (kind: string, name: string, more: object = {}) => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: meta(name, more),
    spec: { replicas: 2, selector, template },
  });
  const pod = (name: string, labels: object) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(name, { labels }),
    spec: { nodeName: 'n1', containers: [{ name: 'web', image: 'nginx:1.27' }] },
  });
  const items = (...objects: object[]) => ({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectl(
    ['apply', '-f', '-'],
    items(
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta('default') },
      { apiVersion: 'v1', kind: 'Secret', metadata: meta('db'), stringData: { password: SECRET } },
      workload('Deployment', 'api'),
      pod('api-1', { app: 'api', tier: 'front' }),
      pod('api-2', { app: 'api' }),
      pod('other', { app: 'other' }),
    ),
  );
  const owner = async (kind: string, name: string) => ({
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind,
        name,
        controller: true,
        uid: await kubectl(['get', kind, name, '-n', 'shop', '-o', 'jsonpath={.metadata.uid}']),
      },
    ],
  });
  const annotations = { 'deployment.kubernetes.io/revision': '1' };
  await kubectl(
    ['apply', '-f', '-'],
    workload('ReplicaSet', 'api-5d', { annotations, ...(await owner('Deployment', 'api')) }),
  );
  const patch = JSON.stringify({ metadata: await owner('ReplicaSet', 'api-5d') });
  await kubectl(['patch', 'pod', 'api-1', '-n', 'shop', '--type=merge', '-p', patch]);
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
  };
  await kubectl([
    'patch',
    'node',
    'n1',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify({ status }),
  ]);
  // The roles that Kubernetes ships are put together by a controller.
  await kubectl(['create', 'role', 'reader', '--verb=get,list', '--resource=pods', '-n', 'shop']);
  await kubectl(['create', 'rolebinding', 'vera', '--role=reader', '--user=vera', '-n', 'shop']);
}

const place = () => ({ url: api.url, ca_file: api.certificate, namespace: 'shop' });
const ask = (command: string, settings: object = {}) =>
  performCell(
    `%%kubernetes\n${command}`,
    oneConnection('kubernetes', { ...place(), token: new Secret(api.token), ...settings }),
  );

t.test('tables are those that kubectl prints', async (t) => {
  for (const command of [
    'get pods -o wide -n shop',
    'get pods,deploy -n shop',
    'get all -A',
    'get pods api-2 api-1 -n shop --show-labels',
    'get pods -L tier -l app=api -n shop',
    'get pods --field-selector metadata.name=other -n shop',
    'get secrets -n shop',
    'get nodes',
    'get rs/api-5d -n shop',
  ]) {
    const { answers, error } = await ask(command);
    t.equal(error, '', command);
    const printed = (await kubectl(command.split(' '))).trim().split('\n');
    const tables = answers.filter(({ kind }) => kind === 'columns');
    const heads = printed
      .filter((line) => /(?:^| )NAME /.test(line))
      .map((line) => line.trim().split(/ {2,}/));
    t.same(
      tables.map(({ columns }) => (columns as { name: string }[]).map(({ name }) => name)),
      heads.map((head) => head.flatMap((name) => name.split(/ (?=LABELS|TIER)/))),
      command,
    );
    const names = printed.flatMap(
      (line) => /(?:^| )((?:[\w.]+\/)?(?:api|other|db|n1|kubernetes)[\w-]*) /.exec(line)?.[1] ?? [],
    );
    t.same(columnOf(answers, 'NAME'), names, command);
  }
});

t.test('a Secret is shown without its values, and what controls a pod is told', async (t) => {
  for (const command of ['get secret db -o yaml', 'get secrets -o json', 'describe secret db']) {
    const { text, contents, error } = await ask(command);
    t.equal(error, '');
    t.match(contents, /\*\*\*/);
    t.notMatch(text + contents, SECRET);
    t.notMatch(text + contents, Buffer.from(SECRET).toString('base64').slice(0, 20));
  }
  const described = await ask('describe pod api-1');
  t.match(described.contents, /Controlled by: ReplicaSet\/api-5d .+ Deployment\/api/);
  const history = await ask('rollout history deploy/api');
  t.same(columnOf(history.answers, 'REVISION'), [1]);
  t.same(columnOf(history.answers, 'IMAGES'), ['nginx:1.27']);
});

t.test('logs of a workload are one table in the order of time; many lines need no memory', async (t) => {
  const { answers, error } = await ask('logs deploy/api --since 1h --tail 500');
  t.equal(error, '');
  t.same(
    columnOf(answers, 'message'),
    [0, 1, 2].flatMap((n) => [`api-1 says ${n}`, `api-2 says ${n}`]),
  );
  t.match(
    kubelet.asked.map(({ query }) => query.toString()),
    Array(2).fill('sinceSeconds=3600&tailLines=500&timestamps=true'),
  );
  const none = await ask('logs api-1 --previous');
  t.match(none.error, /400 Bad Request: previous terminated container "web" in pod "api-1" not found/);
  lines = 100_000;
  const before = process.memoryUsage.rss();
  const weighed = await weighCell(
    '%%kubernetes\nlogs -l app=api',
    oneConnection('kubernetes', { ...place(), token: new Secret(api.token) }),
  );
  lines = 3;
  t.match(weighed, { rows: 200_000, error: '' });
  t.ok(weighed.memory - before < 200_000_000, `${(weighed.memory - before) / 1e6} MB`);
});

t.test('rights are the connection’s, and one that is missing is named', async (t) => {
  const vera = { token: new Secret('viewer-token') };
  t.same(columnOf((await ask('auth can-i delete pods', vera)).answers, 'ALLOWED'), ['no']);
  t.same(columnOf((await ask('auth whoami', vera)).answers, 'USERNAME'), ['vera']);
  t.equal((await ask('get pods', vera)).error, '');
  t.match(
    (await ask('get secrets', vera)).error,
    /403: secrets is forbidden: User "vera" cannot list resource "secrets"/,
  );
  const kind = builtIn.find(({ name }) => name === 'kubernetes')?.connection;
  const test = async (token: string) =>
    kind?.test({
      settings: kind.settings.parse({ ...place(), token: new Secret(token) }),
      signal: AbortSignal.timeout(30_000),
      resources,
      hide: () => {},
    });
  t.match(
    await test('viewer-token'),
    /^Kubernetes v1\.\d+\.\d+ as vera, can list pods in the namespace shop; reads only$/,
  );
  await t.rejects(test('stranger-token'), { message: /User "otto" cannot list resource "pods"/ });
  await t.rejects(test('wrong'), { message: /401: the service does not accept/ });
});

t.test('a kubeconfig with a client certificate', async (t) => {
  const us = clients.issue(['vera'], { kind: 'client' });
  const file = join(t.testdir(), 'config');
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  writeFileSync(
    file,
    JSON.stringify({
      'current-context': 'a',
      contexts: [{ name: 'a', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
      clusters: [{ name: 'c', cluster: { server: api.url, 'certificate-authority': api.certificate } }],
      users: [
        {
          name: 'u',
          user: { 'client-certificate-data': base64(us.cert), 'client-key-data': base64(us.key) },
        },
      ],
    }),
  );
  const connections = oneConnection('kubernetes', { kubeconfig: file });
  const { answers, error } = await performCell('%%kubernetes\nauth whoami\nget pods', connections);
  t.equal(error, '');
  t.match(columnOf(answers, 'USERNAME'), ['vera']);
});

t.test('in a notebook: DataFrames, text and tables in their order, changes', async (t) => {
  const { run } = kernel;
  await run('names = ["api-1", "api-2"]; n = 4; colour = "a: b # {c}"');
  const pods = await run('%%kubernetes --out pods\nget pods {{names}} -o wide');
  t.match(pods, { status: 'ok', error: '' });
  t.match((await run('print(list(pods.NAME), pods.NODE[0])')).stdout, "['api-1', 'api-2'] n1");
  const mixed = await run('%%kubernetes\nget deploy\nget rs/api-5d -o yaml\nget nodes');
  t.match(mixed, { status: 'ok', error: '' });
  const shown = mixed.data.map((bundle) => String(bundle['text/plain']));
  const order = [/UP-TO-DATE/, /kind: ReplicaSet/, /n1/].map((what) =>
    shown.findIndex((each) => what.test(each)),
  );
  t.same(
    order,
    [...order].sort((a, b) => a - b),
  );
  t.notOk(order.includes(-1), shown.join('\n'));
  t.match(await run('%%kubernetes --out d\nget deploy/api -o json'), { status: 'ok', error: '' });
  t.match((await run('print(d["spec"]["replicas"])')).stdout, '2');

  t.match((await run('%%kubernetes\nscale deploy/api --replicas={{n}}')).error, /only reads/);
  const scaled = await run('%%kubernetes writer\nscale deploy/api --replicas={{n}} --current-replicas=2');
  t.match(scaled.data[0]?.['text/plain'], /spec\.replicas: 2 → 4/);
  t.match(
    (await run('%%kubernetes writer\nrollout restart deploy/api')).data[0]?.['text/plain'],
    /restartedAt/,
  );
  t.match(
    (await run('%%kubernetes writer\ndelete pod api-2 --grace-period=0')).data[0]?.['text/plain'],
    /deleted/,
  );
  t.match((await run('%%kubernetes writer\ndelete deploy api')).error, /deletes pods only/);
  const manifest =
    'apply\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {colour: {{colour}}, n: "{{n}}"}';
  t.match((await run(`%%kubernetes writer\n${manifest}`)).data[0]?.['text/plain'], /created/);
  t.match((await run(`%%kubernetes writer\n${manifest}`)).data[0]?.['text/plain'], /unchanged/);
  await run('n = 5');
  t.match((await run(`%%kubernetes writer\n${manifest}`)).data[0]?.['text/plain'], /data\.n: 4 → 5/);
  t.equal(await kubectl(['get', 'cm', 'conf', '-n', 'shop', '-o', 'jsonpath={.data.colour}']), 'a: b # {c}');
  const secret = 'apply\napiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {password: bmV3}';
  t.match((await run(`%%kubernetes writer\n${secret}`)).error, /409 Conflict/, 'kubectl owns that field');
  const forced = await run(`%%kubernetes writer\n${secret.replace('apply', 'apply --force-conflicts')}`);
  t.match(forced.data[0]?.['text/plain'], /values of a Secret/);
});

t.test(
  'a log that is followed shows its last lines as they come; an interrupt ends it at the kubelet',
  async (t) => {
    lines = 50;
    let live = '';
    const look = (_: unknown, { msg }: { msg: { content: unknown } }) => {
      live += JSON.stringify(msg.content);
    };
    kernel.kernel.anyMessage.connect(look);
    const running = kernel.run('%%kubernetes\nlogs api-1 -f');
    // 50 lines may come in several pieces.
    await until(() => live.includes('api-1 says 49'), 30_000);
    kernel.kernel.anyMessage.disconnect(look);
    await kernel.kernel.interrupt();
    const { status, data } = await running;
    t.equal(status, 'error');
    t.match(data[0]?.['text/plain'], /api-1 says 30[\s\S]*api-1 says 49[\s\S]*last 20 of 50 rows/);
    t.notMatch(data[0]?.['text/plain'], /api-1 says 29/);
    await until(() => kubelet.asked.at(-1)?.isLeft === true, 30_000);
    lines = 3;
  },
);

t.test('S10: the token and a Secret’s value are nowhere', async (t) => {
  const cells = [
    '%%kubernetes --out a\nget secrets -o yaml',
    '%%kubernetes\ndescribe secret db',
    '%%kubernetes --out b\nget pods -A',
    '%%kubernetes\nget nothings',
    '%%kubernetes\nlogs api-1 -p',
  ];
  t.same(await runtime.findLeaks(t, cells, [api.token, SECRET]), []);
});
