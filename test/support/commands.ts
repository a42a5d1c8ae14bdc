import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { until } from './until.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Runs a command of a page that goes on until the test ends, in the project's folder as {@link runBlock} does. */
export function begin(t: Test, text: string, environment: Readonly<Record<string, string>>) {
  // A process group, as npx, npm and ssh -J start other processes.
  const child = spawn('bash', ['-euo', 'pipefail', '-c', text], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const running = () => child.exitCode === null && child.signalCode === null;
  t.teardown(async () => {
    if (!running() || child.pid === undefined) return;
    const gone = once(child, 'exit');
    process.kill(-child.pid, 'SIGTERM');
    await gone;
  });
  return { running, said: () => said };
}

/** A runtime that a command of a page has started, with its own home, and the login link that it printed. */
export async function startRuntime(t: Test, command: string, environment: Readonly<Record<string, string>>) {
  const home = await mkdtemp(join(tmpdir(), 'spin-test-'));
  t.teardown(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const { running, said } = begin(t, command, { SPIN_HOME: home, ...environment });
  const link = () => /http\S+\/spin\/login\?code=\S+/.exec(said())?.[0];
  await until(() => {
    if (!running()) throw new Error(`the runtime ended: ${said()}`);
    return link() !== undefined;
  }, 60_000);
  return { home, link: link() ?? '', said };
}
