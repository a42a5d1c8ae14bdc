import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { freePort } from './free-port.js';
import { blocksOf } from './page.js';
import { PEERS } from './peers.js';
import { until } from './until.js';

const PAGE = 'docs/deploy/enterprise-gateway.md';
const TOKEN = 'enterprise-token-0123456789';

/** Jupyter Enterprise Gateway, as the page installs and starts it. */
export interface EnterpriseGateway {
  /** The arguments and variables of the stock Jupyter server in front of it. */
  readonly client: { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };
  log(): string;
}

/** Installs it at its first use, and starts it; it ends with the test. */
export async function startEnterpriseGateway(t: Test): Promise<EnterpriseGateway> {
  const [install, kernelspec, start] = await blocksOf(PAGE, 'Enterprise Gateway');
  if (!install || !kernelspec || !start) throw new Error(`${PAGE} shows less than it did.`);
  const version = /jupyter_enterprise_gateway==\S+/.exec(install.text)?.[0] ?? '';
  const folder = join(PEERS, version);
  const python = join(folder, 'eg', 'bin', 'python');
  await mkdir(folder, { recursive: true });
  // The last thing that its installation makes.
  const installed = join(folder, 'installed');
  await access(installed).catch(async () => {
    await promisify(execFile)('bash', ['-euc', install.text], { cwd: folder });
    await writeFile(installed, '');
  });
  const spec = join(folder, 'eg', 'share', 'jupyter', 'kernels', 'python3', 'kernel.json');
  await writeFile(spec, kernelspec.text);

  const home = await mkdtemp(join(tmpdir(), 'spin-test-'));
  const port = await freePort();
  const arguments_ = /jupyter enterprisegateway (.*) &/.exec(start.text)?.[1] ?? '';
  t.match(arguments_, '--port=8890');
  const args = arguments_.replace('8890', String(port)).split(' ');
  const child = spawn(python, ['-m', 'enterprise_gateway', ...args], {
    env: { PATH: `${join(folder, 'eg', 'bin')}:${process.env.PATH}`, HOME: home, EG_AUTH_TOKEN: TOKEN },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  t.teardown(async () => {
    if (child.exitCode === null && child.kill()) await once(child, 'exit');
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  });
  const origin = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`Enterprise Gateway ended: ${said}`);
    return fetch(`${origin}/api`, { headers: { authorization: `token ${TOKEN}` } }).then(
      ({ ok }) => ok,
      () => false,
    );
  }, 60_000);
  const option = /--gateway-url=\S+/.exec(start.text)?.[0] ?? '';
  t.match(option, 'http://127.0.0.1:8890');
  return {
    client: {
      args: [option.replace('8890', String(port))],
      env: {
        JUPYTER_GATEWAY_AUTH_TOKEN: TOKEN,
        KERNEL_USERNAME: /KERNEL_USERNAME=(\S+)/.exec(start.text)?.[1] ?? '',
      },
    },
    log: () => said,
  };
}
