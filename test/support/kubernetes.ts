import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { goPeer } from './go-peer.js';
import { until } from './until.js';

/** The newest that Go 1.26 builds. */
export const KUBERNETES = 'v1.37.2';
const [MAJOR = '', MINOR = ''] = KUBERNETES.slice(1).split('.');
/** Without its version stamped in, each takes Kubernetes for v0.0.0 or v1.20, and refuses charts. */
const FROM_KUBERNETES = {
  staged: { module: 'k8s.io/kubernetes', version: KUBERNETES.replace(/^v1/, 'v0') },
  stamps: {
    'k8s.io/component-base/version.gitVersion': KUBERNETES,
    'k8s.io/component-base/version.gitMajor': MAJOR,
    'k8s.io/component-base/version.gitMinor': MINOR,
  },
};
const FROM_HELM = {
  stamps: {
    'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': MAJOR,
    'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': MINOR,
    'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': MAJOR,
    'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': MINOR,
  },
};
const HELM = 'v3.22.0';
const START_MS = 120_000;

/** A real API server with its store, and the programs that people use with it. No controllers, no kubelet. */
export interface Cluster {
  /** What a shell needs, so that `kubectl` and `helm` are those of this cluster: PATH, KUBECONFIG. */
  readonly environment: Readonly<Record<string, string>>;
  kubectl(args: readonly string[], input?: string): Promise<Said>;
  helm(args: readonly string[]): Promise<Said>;
  close(): Promise<void>;
}

export interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

/** The same without the programs. */
export interface ApiServer {
  /** Its URL. */
  readonly url: string;
  /** Of its administrator. */
  readonly token: string;
  /** File with the certificate that it made for itself, which is its own authority. */
  readonly certificate: string;
  /** A folder that ends with it. */
  readonly folder: string;
  close(): Promise<void>;
}

/** Helm's path. */
export function helmPeer(): Promise<string> {
  return goPeer('helm.sh/helm/v3/cmd/helm', HELM, FROM_HELM);
}

/** kubectl's path. */
export function kubectlPeer(): Promise<string> {
  return goPeer('k8s.io/kubernetes/cmd/kubectl', KUBERNETES, FROM_KUBERNETES);
}

/**
 * Starts etcd (Debian's) and kube-apiserver on loopback ports.
 *
 * @param users lines of a token file beside the administrator's: `token,name,uid`
 * @param clientAuthority PEM of the authority whose certificates name users
 * @throws {Error} with what they said when they don't come up
 */
export async function startApiServer(
  users: readonly string[] = [],
  clientAuthority?: string,
): Promise<ApiServer> {
  const apiserver = await goPeer('k8s.io/kubernetes/cmd/kube-apiserver', KUBERNETES, FROM_KUBERNETES);
  const folder = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const [client, peer, port] = await Promise.all([freePort(), freePort(), freePort()]);
  const token = 'kubernetes-test-token';
  const url = `https://127.0.0.1:${port}`;
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  await writeFile(join(folder, 'service-accounts.pem'), privateKey, { mode: 0o600 });
  const tokens = [`${token},admin,admin,system:masters`, ...users, ''].join('\n');
  await writeFile(join(folder, 'tokens.csv'), tokens, { mode: 0o600 });
  await writeFile(join(folder, 'kubeconfig'), kubeconfig(url, token), { mode: 0o600 });

  const authority = join(folder, 'clients.pem');
  if (clientAuthority !== undefined) await writeFile(authority, clientAuthority);

  const processes: ChildProcess[] = [];
  const said: string[] = [];
  const start = (program: string, args: readonly string[]) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => said.push(String(data)));
    processes.push(child);
  };
  const store = `http://127.0.0.1:${client}`;
  start('etcd', [
    `--data-dir=${folder}/etcd`,
    `--listen-client-urls=${store}`,
    `--advertise-client-urls=${store}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    // Nothing here has to survive.
    '--unsafe-no-fsync',
  ]);
  start(apiserver, [
    `--etcd-servers=${store}`,
    '--bind-address=127.0.0.1',
    // A loopback address is refused, as pods are told this one. No test connects to it.
    '--advertise-address=192.0.2.1',
    `--secure-port=${port}`,
    `--cert-dir=${folder}/certificates`,
    `--token-auth-file=${folder}/tokens.csv`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${folder}/service-accounts.pem`,
    `--service-account-signing-key-file=${folder}/service-accounts.pem`,
    ...(clientAuthority === undefined ? [] : [`--client-ca-file=${authority}`]),
  ]);
  const close = async () => {
    for (const child of processes.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await rm(folder, { recursive: true, force: true });
  };
  const certificate = join(folder, 'certificates', 'apiserver.crt');
  try {
    await until(() => isReady(url, token, certificate), START_MS);
  } catch (error) {
    await close();
    throw new Error(`kube-apiserver did not come up:\n${said.join('').slice(-5_000)}`, { cause: error });
  }
  return { url, token, certificate, folder, close };
}

/** The certificate is made while the server starts. */
async function isReady(url: string, token: string, certificate: string): Promise<boolean> {
  const ca = await readFile(certificate).catch(() => undefined);
  if (ca === undefined) return false;
  return new Promise((resolve) => {
    const asked = get(`${url}/readyz`, { ca, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
  });
}

/**
 * The same with the programs that people use with it.
 *
 * @throws {Error} with what they said when they don't come up
 */
export async function startCluster(): Promise<Cluster> {
  // One after the other: each compiler uses every core.
  const kubectl = await kubectlPeer();
  const helm = await helmPeer();
  const { folder, close } = await startApiServer();
  const environment = {
    PATH: [dirname(kubectl), dirname(helm), process.env.PATH].join(':'),
    KUBECONFIG: join(folder, 'kubeconfig'),
    HELM_CONFIG_HOME: folder,
    HELM_CACHE_HOME: folder,
    HELM_DATA_HOME: folder,
    HOME: folder,
  };
  return {
    environment,
    kubectl: (args, input) => run(kubectl, args, environment, input),
    helm: (args) => run(helm, args, environment),
    close,
  };
}

/** @throws {Error} with what it said on stderr when it fails */
async function run(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  input = '',
): Promise<Said> {
  const running = promisify(execFile)(program, args, {
    env: { ...process.env, ...environment },
    maxBuffer: 100_000_000,
  });
  // A program that ends without having read everything says so by its status.
  running.child.stdin?.on('error', () => {}).end(input);
  return running;
}

function kubeconfig(server: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    'current-context': 'test',
  });
}
