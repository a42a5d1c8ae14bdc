import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PEERS } from './peers.js';

/**
 * A Python environment with packages of PyPI, made at its first use and kept.
 *
 * @param name what it is for, e.g. `fastapi`
 * @param pinned requirements with exact versions, e.g. `cfn-lint==1.58.0`
 * @returns the folder; its programs are below `bin`
 * @throws {Error} with what pip said when a package can't be installed
 */
export async function pythonPeer(name: string, pinned: readonly string[]): Promise<string> {
  const key = createHash('sha256').update(pinned.join(' ')).digest('hex').slice(0, 16);
  const folder = join(PEERS, `${name}-${key}`);
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return folder;
  const run = promisify(execFile);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run('python3', ['-m', 'venv', folder]);
  await run(join(folder, 'bin', 'pip'), ['install', '--quiet', '--no-input', ...pinned]);
  await writeFile(complete, '');
  return folder;
}
