import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../gateway/config/load.js';
import { selfSigned } from '../support/certificate.js';
import { goModule } from '../support/go-peer.js';
import { type Cluster, startCluster } from '../support/kubernetes.js';
import { type Deployment, deploymentsIn, type KubernetesObject, objectsIn } from '../support/manifests.js';
import { blocksOf, runBlock } from '../support/page.js';

// The API server is compiled at its first use.
t.setTimeout(1_800_000);

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CHART = join(ROOT, 'docker/kubernetes');
const PAGE = 'docs/deploy/kubernetes.md';
const NAMESPACE = 'checked';
const EXAMPLES = readdirSync(join(CHART, 'examples'));
const CANARY = 'canary-value-of-a-secret-5512';
/** Every value that a chart can be given a secret as. */
const BY_VALUE = [
  '--set=mode=fronting,jupyter.enabled=true',
  `--set=token.value=${CANARY}-1,upstream.token.value=${CANARY}-2,runtimeEnv.values.API_KEY=${CANARY}-3`,
];

/** The CRDs of what a chart's objects are made of, from the modules that define them. */
const DEFINITIONS = [
  ['sigs.k8s.io/gateway-api', 'v1.6.3', 'config/crd/standard'],
  ['github.com/cert-manager/cert-manager', 'v1.21.2', 'deploy/crds'],
] as const;

let cluster: Cluster;

t.before(async () => {
  cluster = await startCluster();
  for (const [module, version, folder] of DEFINITIONS) {
    const path = join(await goModule(module, version), folder);
    const files = readdirSync(path).map((name) => join(path, name));
    for (const file of files.filter((name) =>
      /^kind: CustomResourceDefinition$/m.test(readFileSync(name, 'utf8')),
    )) {
      await cluster.kubectl(['apply', '--server-side', '-f', file]);
    }
  }
  await cluster.kubectl(['wait', 'crd', '--all', '--for=condition=Established', '--timeout=60s']);
  await makeNamespace(NAMESPACE);
});
t.teardown(() => cluster?.close());

/** A namespace in which only pods of the restricted standard are admitted. */
async function makeNamespace(name: string): Promise<void> {
  await cluster.kubectl(['create', 'namespace', name]);
  await cluster.kubectl(['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
  await makeServiceAccount(name);
}

/** A controller makes it elsewhere; here there is none, and no pod is admitted without it. */
async function makeServiceAccount(namespace: string): Promise<void> {
  await cluster.kubectl(['-n', namespace, 'create', 'serviceaccount', 'default']);
}

async function template(...args: readonly string[]): Promise<KubernetesObject[]> {
  const { stdout } = await cluster.helm(['template', 'spin', CHART, '-n', NAMESPACE, ...args]);
  return objectsIn(stdout);
}

function podOf({ metadata, spec }: Deployment): string {
  const { metadata: ofPod, spec: pod } = spec.template;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...ofPod, name: metadata.name },
    spec: pod,
  });
}

/** What a real API server says of objects that it would store. @throws {Error} when it refuses one */
async function dryRun(text: string): Promise<string> {
  const { stderr } = await cluster.kubectl(
    ['-n', NAMESPACE, 'apply', '--server-side', '--dry-run=server', '-f', '-'],
    text,
  );
  return stderr;
}

const hardened = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

function checkSecurity(t: Test, { metadata, spec }: Deployment): void {
  const pod = spec.template.spec;
  t.match(
    pod,
    {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    },
    `${metadata.name}: the pod`,
  );
  for (const key of [
    'hostNetwork',
    'hostPID',
    'hostIPC',
    'initContainers',
    'ephemeralContainers',
    'serviceAccountName',
  ]) {
    t.notOk(key in pod, `${metadata.name} has no ${key}`);
  }
  for (const one of pod.containers) {
    t.same(one.securityContext, hardened, `${metadata.name}/${one.name}`);
    const literals = one.env.filter(
      ({ name, value }) => value !== undefined && /TOKEN|PASSWORD|SECRET/.test(name),
    );
    t.same(literals, [], 'no secret is an env literal');
    t.match(one, { resources: { requests: { memory: String, cpu: String }, limits: { memory: String } } });
  }
}

for (const example of EXAMPLES) {
  t.test(`examples/${example}`, async (t) => {
    const values = ['-f', join(CHART, 'examples', example)];
    await cluster.helm(['lint', '--strict', CHART, ...values]);
    const objects = await template(...values);
    const deployments = deploymentsIn(objects);
    t.ok(deployments.length > 0);
    t.equal(await dryRun(objects.map((one) => JSON.stringify(one)).join('\n---\n')), '', 'no warning');
    for (const one of deployments) {
      checkSecurity(t, one);
      t.equal(await dryRun(podOf(one)), '', 'its pod is admitted');
    }
    t.notOk(
      objects.some(({ kind }) => kind === 'Secret'),
      'secrets are named, not held',
    );
  });

  t.test(`examples/${example}: the gateway starts with these settings`, async (t) => {
    const objects = await template('-f', join(CHART, 'examples', example));
    const gateway = deploymentsIn(objects).find(({ metadata }) => metadata.name === 'spin');
    const environment = await environmentOf(t, gateway);
    const { config } = await loadConfig(environment);
    t.ok(config.allowedHosts.includes(`spin.${NAMESPACE}.svc`));
    t.equal(config.upstream.kind, environment.SPIN_UPSTREAM === undefined ? 'embedded' : 'http');
    t.equal(
      config.shared !== undefined,
      objects.some(({ kind }) => kind === 'HorizontalPodAutoscaler') || replicasOf(gateway) > 1,
    );
    t.equal(config.tls.files !== undefined, environment.SPIN_TLS_CERT !== undefined);
  });
}

function replicasOf(gateway: Deployment | undefined): number {
  return z.looseObject({ replicas: z.number().default(0) }).parse(gateway?.spec).replicas;
}

/** The container's variables as the kubelet sets them, with folders of this machine where its volumes are mounted. */
async function environmentOf(t: Test, gateway: Deployment | undefined): Promise<Record<string, string>> {
  const [one] = gateway?.spec.template.spec.containers ?? [];
  if (one === undefined) throw new Error('the chart has no gateway');
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const { cert, key } = selfSigned(['spin.example.com']);
  const files: Readonly<Record<string, string>> = {
    '/opt/spin/etc/tls/tls.crt': cert,
    '/opt/spin/etc/tls/tls.key': key,
    '/opt/spin/etc/upstream/ca.crt': cert,
    '/opt/spin/etc/connections/connections.yaml': '',
  };
  const mounts = one.volumeMounts.map(({ mountPath }) => mountPath);
  const value = async (text: string): Promise<string> => {
    if (!text.startsWith('/')) return text;
    const path = join(folder, text.replaceAll('/', '+'));
    if (mounts.includes(text)) {
      await mkdir(path);
      return path;
    }
    t.ok(
      mounts.some((mount) => text.startsWith(`${mount}/`)),
      `${text} is in a volume`,
    );
    await writeFile(path, files[text] ?? '');
    return path;
  };
  const variables = one.env.map(
    async ({ name, value: text }) => [name, await value(text ?? CANARY)] as const,
  );
  return {
    // As the image sets them.
    ...{ SPIN_HOST: '0.0.0.0', SPIN_HOME: folder },
    ...Object.fromEntries(await Promise.all(variables)),
  };
}

t.test('the API server judges: a pod without one of the settings is refused', async (t) => {
  const [one] = deploymentsIn(await template(...BY_VALUE));
  if (one === undefined) throw new Error('the chart has no Deployment');
  const { containers, ...pod } = one.spec.template.spec;
  const { seccompProfile, ...context } = pod.securityContext;
  const weaker = { ...one.spec.template, spec: { ...pod, securityContext: context, containers } };
  await t.rejects(
    dryRun(podOf({ ...one, spec: { ...one.spec, template: weaker } })),
    /violates PodSecurity "restricted:latest": seccompProfile/,
  );
});

t.test('a secret that is given as a value is in a Secret, and nowhere else', async (t) => {
  const objects = await template(...BY_VALUE);
  const holders = objects.filter((one) => JSON.stringify(one).includes(CANARY));
  t.same(holders.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort(), [
    'Secret spin-runtime-env',
    'Secret spin-token',
    'Secret spin-upstream',
  ]);
  const [, changed] = [objects, await template(...BY_VALUE, `--set=runtimeEnv.values.API_KEY=${CANARY}-4`)];
  t.not(checksumIn(changed), checksumIn(objects), 'and a changed one starts new pods');
  t.equal(await dryRun(objects.map((one) => JSON.stringify(one)).join('\n---\n')), '');
});

function checksumIn(objects: readonly KubernetesObject[]): unknown {
  const { metadata } =
    deploymentsIn(objects).find((one) => one.metadata.name === 'spin')?.spec.template ?? {};
  return z.looseObject({ annotations: z.looseObject({ 'checksum/secrets': z.string() }) }).parse(metadata)
    .annotations['checksum/secrets'];
}

t.test('only the gateways reach Jupyter', async (t) => {
  const objects = await template(...BY_VALUE);
  const [gateway, jupyter] = ['spin', 'spin-jupyter'].map((name) =>
    deploymentsIn(objects).find(({ metadata }) => metadata.name === name),
  );
  const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
  const about = (one: Deployment | undefined) =>
    policies.filter(({ spec }) => selects(spec, one?.spec.template.metadata.labels ?? {}));
  t.match(about(jupyter), [{ spec: { policyTypes: ['Ingress'], ingress: [{ ports: [{ port: 'http' }] }] } }]);
  const [policy] = about(jupyter);
  const peers = z
    .looseObject({
      ingress: z.tuple([z.looseObject({ from: z.array(z.object({ podSelector: z.unknown() }).strict()) })]),
    })
    .parse(policy?.spec).ingress[0].from;
  t.equal(peers.length, 1);
  for (const peer of peers) {
    t.ok(selects(peer, gateway?.spec.template.metadata.labels ?? {}), 'from the gateways');
    t.notOk(selects(peer, jupyter?.spec.template.metadata.labels ?? {}), 'not from Jupyter itself');
    t.notOk(selects(peer, { 'app.kubernetes.io/name': 'spin-runtime' }), 'nor from anything else');
  }
  t.equal(about(gateway).length, 1);
  const users = [gateway, jupyter].map((one) => one?.spec.template.spec.securityContext.runAsUser);
  t.same(users, [10001, 10002]);
});

/** As the API server matches labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */
function selects(holder: unknown, labels: Readonly<Record<string, unknown>>): boolean {
  const { podSelector } = z
    .looseObject({ podSelector: z.object({ matchLabels: z.record(z.string(), z.string()) }).strict() })
    .parse(holder);
  return Object.entries(podSelector.matchLabels).every(([name, value]) => labels[name] === value);
}

t.test('what the chart says of the image is what the image is', async (t) => {
  const dockerfile = await readFile(join(ROOT, 'docker/Dockerfile'), 'utf8');
  const instruction = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(dockerfile)?.[1];
  const [user, group] = [/^COPY .*--chown=(\d+):(\d+) .* \/opt\/spin$/m.exec(dockerfile)].flatMap((found) =>
    (found ?? []).slice(1).map(Number),
  );
  t.match(instruction('USER'), new RegExp(`^${user}:`));
  for (const one of [
    ...deploymentsIn(await template(`--set=token.value=${CANARY}`)),
    ...deploymentsIn(await template(...BY_VALUE)),
  ]) {
    const { containers, volumes, securityContext } = one.spec.template.spec;
    for (const { name, ports, image, volumeMounts, command } of containers) {
      t.equal(securityContext.runAsGroup, group, 'the group to which its folders are open');
      t.equal(String(ports[0]?.containerPort), instruction('EXPOSE'));
      t.same(
        volumeMounts.map(({ mountPath }) => mountPath),
        [instruction('VOLUME'), '/tmp'],
      );
      t.same(
        volumeMounts.map((mount) => mount.name),
        volumes.map((volume) => volume.name),
      );
      if (name === 'gateway') {
        t.equal(securityContext.runAsUser, user);
        t.equal(command, undefined, 'the entry point is its own');
        t.match(image, /^spin-runtime(-gateway)?:0\.1\.0$/);
      } else {
        const compose = z
          .looseObject({
            services: z.looseObject({ jupyter: z.looseObject({ entrypoint: z.array(z.string()) }) }),
          })
          .parse(parse(await readFile(join(ROOT, 'docker/compose.front.yml'), 'utf8')));
        t.same(command, compose.services.jupyter.entrypoint, 'Jupyter starts as in compose.front.yml');
      }
    }
  }
  const version = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
  t.match(parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')), { appVersion: version.version });
});

t.test('a pod has more time to end than the gateway takes', async (t) => {
  const [gateway] = deploymentsIn(await template(`--set=token.value=${CANARY}`));
  const { config } = await loadConfig(await environmentOf(t, gateway));
  const pod = gateway?.spec.template.spec;
  const { seconds } = z
    .looseObject({ lifecycle: z.object({ preStop: z.object({ sleep: z.object({ seconds: z.number() }) }) }) })
    .parse(pod?.containers[0]).lifecycle.preStop.sleep;
  // The embedded Jupyter takes up to five seconds after that (gateway/config/load.ts).
  t.ok((pod?.terminationGracePeriodSeconds ?? 0) > seconds + config.drainMs / 1000 + 5);
});

t.test('a wrong value is refused with a sentence', async (t) => {
  const token = `token.value=${CANARY}`;
  const refused: Readonly<Record<string, RegExp>> = {
    'mode=embeded': /at '\/mode': value must be one of 'embedded', 'fronting'/,
    'replica=2': /additional properties 'replica' not allowed/,
    'tls.mode=off': /at '\/tls\/mode': .*value must be one of 'auto', 'required'/s,
    'trustedProxies={everybody}': /at '\/trustedProxies\/0': 'everybody' does not match pattern/,
    'runAs.user=0': /at '\/runAs\/user': minimum: got 0, want 1/,
    'token.value=': /token: set token\.existingSecret to the name of a Secret/,
    'token.value=short': /token\.value: it must have 16 characters or more/,
    'runtimeEnv.values.SPIN_TLS=off': /runtimeEnv\.values\.SPIN_TLS: names that begin with SPIN_ are/,
    'drainSeconds=40': /terminationGracePeriodSeconds: it must be more than/,
    'settings.SPIN_TLS=off': /settings\.SPIN_TLS: the chart sets it\. Set tls\.mode instead/,
    'settings.SPIN_UPSTREAM_TOKEN=abc':
      /settings\.SPIN_UPSTREAM_TOKEN: it would be readable in the Deployment/,
    'settings.SPIN_PORT=1': /at '\/settings\/SPIN_PORT': got number, want string/,
    'settings.API_KEY=abc': /at '\/.*invalid propertyName 'API_KEY'/,
    'replicas=2': /replicas: each gateway would have its own Jupyter/,
    'autoscaling.enabled=true': /replicas: each gateway would have its own Jupyter/,
    'upstream.url=http://jupyter:8888': /mode: embedded has its own Jupyter/,
    'mode=fronting': /mode: fronting needs a Jupyter/,
    'mode=fronting,jupyter.enabled=true': /upstream\.token: Jupyter in this release needs one/,
    'mode=fronting,jupyter.enabled=true,upstream.url=http://j': /upstream\.url: it names a Jupyter elsewhere/,
    [`mode=fronting,jupyter.enabled=true,upstream.token.value=${CANARY},jupyter.runAs.user=10001`]:
      /jupyter\.runAs\.user: it is the gateway's/,
    'mode=fronting,upstream.url=http://j,replicas=2': /tls: several gateways need one certificate/,
    'mode=fronting,upstream.url=http://j,replicas=2,tls.existingSecret=a':
      /publicUrl: several gateways need one/,
    'mode=fronting,upstream.url=http://j,replicas=2,tls.existingSecret=a,publicUrl=https://a.example.com/':
      /persistence: several gateways don't share this volume/,
    'tls.existingSecret=a,tls.certManager.enabled=true': /tls: certManager makes a Secret/,
    'ingress.enabled=true': /ingress\.host: set the name that browsers open/,
    'httpRoute.enabled=true': /httpRoute: set hostnames/,
    'httpRoute.enabled=true,httpRoute.hostnames={a.example.com},httpRoute.parentRefs[0].name=g':
      /httpRoute: the Gateway would speak plain HTTP, which is refused/,
    'terminationGracePeriodSeconds=31': /terminationGracePeriodSeconds: it must be more than/,
  };
  for (const [values, sentence] of Object.entries(refused)) {
    await t.rejects(template(`--set=${token}`, `--set=${values}`), sentence, values);
  }
});

t.test('the commands of the page', async (t) => {
  const run = async (
    heading: string,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<string> => {
    const said: string[] = [];
    for (const block of await blocksOf(PAGE, heading)) {
      if (block.language === 'sh')
        said.push(await runBlock(block, { ...cluster.environment, ...environment }));
    }
    return said.join('');
  };
  await run('A namespace and its secrets');
  await makeServiceAccount('spin');
  t.match(await run('Install'), /STATUS: deployed/);
  const { stdout: installed } = await cluster.kubectl([
    '-n',
    'spin',
    'get',
    'deployment,pvc,networkpolicy',
    '-o',
    'name',
  ]);
  t.match(installed, /deployment\.apps\/spin-jupyter/);
  t.match(await run('Change'), /REVISION: 2/);
  await run('Remove');
  const { stdout: left } = await cluster.kubectl([
    '-n',
    'spin',
    'get',
    'deployment,pvc,service',
    '-o',
    'name',
  ]);
  t.same(left.trim().split('\n').sort(), [
    'persistentvolumeclaim/spin',
    'persistentvolumeclaim/spin-jupyter',
  ]);
});
