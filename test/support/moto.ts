import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { freePort } from './free-port.js';
import { pythonPeer } from './python-peer.js';
import { until } from './until.js';

export interface Key {
  readonly id: string;
  readonly secret: string;
}

/** An account in use: moto_seed.py says what is in it. */
export interface Moto {
  readonly url: string;
  /** May do everything. */
  readonly all: Key;
  /** May read logs alone, and alone by FilterLogEvents. */
  readonly logs: Key;
  /** May do nothing that a cell can ask for. */
  readonly none: Key;
  readonly role: string;
  readonly instances: readonly string[];
}

/**
 * moto, a server with AWS's API that others have written: it checks signatures and rights by the code of AWS's own
 * client for Python. It ends with the test.
 */
export async function startMoto(t: Test): Promise<Moto> {
  const folder = await pythonPeer('moto', ['moto[server]==5.2.5']);
  const port = await freePort();
  const server = spawn(join(folder, 'bin', 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
  });
  const ended = once(server, 'exit');
  t.teardown(async () => {
    server.kill('SIGTERM');
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    if (server.exitCode !== null) throw new Error('moto ended');
    return (await fetch(`${url}/moto-api/`).catch(() => undefined))?.ok === true;
  }, 60_000);
  const seed = fileURLToPath(new URL('../../../test/support/moto_seed.py', import.meta.url));
  const { stdout } = await promisify(execFile)(join(folder, 'bin', 'python'), [seed, url]);
  // From now on each request needs a signature, and a right.
  const headers = { 'content-type': 'text/plain' };
  await fetch(`${url}/moto-api/reset-auth`, { method: 'POST', headers, body: '0' });
  return { url, ...JSON.parse(stdout) };
}
