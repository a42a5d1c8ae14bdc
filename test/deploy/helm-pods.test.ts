import { execFile } from 'node:child_process';
import { request } from 'node:https';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { connect, execute } from '../support/client.js';
import { helmPeer } from '../support/kubernetes.js';
import { type KubernetesObject, objectsIn } from '../support/manifests.js';
import { buildImage, logOf, podman, publishedPort } from '../support/podman.js';
import { startPod } from '../support/pods.js';
import { until } from '../support/until.js';

t.setTimeout(1_200_000);

const FULL = 'spin-runtime';
const GATEWAY = 'spin-runtime-gateway';
const TOKEN = 'helm-test-token-0123456789';
const START_MS = 120_000;

async function template(...values: readonly string[]): Promise<KubernetesObject[]> {
  const args = ['template', 'spin', 'docker/kubernetes', '--set', `token.value=${TOKEN}`];
  const { stdout } = await promisify(execFile)(await helmPeer(), [...args, ...values]);
  return objectsIn(stdout);
}

/** Asks as the kubelet does: by TLS, for the pod's address, without verifying the certificate. */
function probe(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { host: '10.244.1.7:8888' };
    const asked = request({
      host: '127.0.0.1',
      port,
      path,
      headers,
      rejectUnauthorized: false,
      agent: false,
    });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function makeNetwork(t: Test): Promise<string> {
  const name = `spin-helm-${process.pid}-${Date.now()}`;
  await podman('network', 'create', name);
  t.teardown(() => podman('network', 'rm', '--force', name));
  return name;
}

/** @returns the port of 127.0.0.1 at which the gateway is ready */
async function startGateway(t: Test, objects: readonly KubernetesObject[], network: string, image: string) {
  const pod = await startPod(objects, 'spin', network, image);
  t.teardown(() => pod.remove());
  const port = await publishedPort(pod.id);
  await until(
    () =>
      probe(port, '/readyz').then(
        (status) => status === 200,
        () => false,
      ),
    START_MS,
  ).catch(async (error) => {
    throw new Error(`${error.message}\n${await logOf(pod.id)}`);
  });
  t.equal(await probe(port, '/healthz'), 200);
  return { port, id: pod.id };
}

t.before(async () => {
  await buildImage(FULL);
  await buildImage(GATEWAY, '--target=gateway');
});

t.test('embedded: the pod of the chart runs cells', async (t) => {
  const { port } = await startGateway(t, await template(), await makeNetwork(t), FULL);
  const client = connect({ origin: `http://127.0.0.1:${port}`, token: TOKEN });
  t.teardown(() => client.close());
  const kernel = await client.kernels.startNew();
  t.match(await execute(kernel, '%%shell\nid -u; id -G; touch kept.txt && echo kept'), {
    status: 'ok',
    stdout: '10001\n0 10001\nkept\n',
  });
  t.match(await execute(kernel, '%%shell\ntouch /opt/spin/lib/x'), { stderr: /Read-only file system/ });
});

t.test(
  'fronting: the gateway finds Jupyter by its Service, and notebook code runs as another user',
  async (t) => {
    const objects = await template(
      '--set',
      `mode=fronting,jupyter.enabled=true,upstream.token.value=${TOKEN}-2`,
    );
    const network = await makeNetwork(t);
    const jupyter = await startPod(objects, 'spin-jupyter', network, FULL);
    t.teardown(() => jupyter.remove());
    const { port, id } = await startGateway(t, objects, network, GATEWAY).catch(async (error) => {
      throw new Error(`${error.message}\n${await logOf(jupyter.id)}`);
    });
    const client = connect({ origin: `http://127.0.0.1:${port}`, token: TOKEN });
    t.teardown(() => client.close());
    const kernel = await client.kernels.startNew();
    t.match(
      await execute(
        kernel,
        '%%shell\nid -u; touch kept.txt && echo kept; env | grep -cE "SPIN_(TOKEN|UPSTREAM)"',
      ),
      {
        stdout: '10002\nkept\n0\n',
      },
    );
    await podman('stop', '--time=30', id);
    t.equal(await podman('inspect', '--format', '{{.State.ExitCode}}', id), '0', 'it ends by itself');
  },
);
