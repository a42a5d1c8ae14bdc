import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonPeer } from './python-peer.js';

// Checks the lint and the format of all of the project's Python, as ruff.toml says; `--write` mends what can be mended.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const program = join(await pythonPeer('ruff', ['ruff==0.17.6']), 'bin', 'ruff');
const writes = process.argv.includes('--write');
const runs = writes
  ? [
      ['check', '--fix', '.'],
      ['format', '.'],
    ]
  : [
      ['check', '.'],
      ['format', '--diff', '.'],
    ];
for (const args of runs) {
  const { status } = spawnSync(program, [...args, '--quiet', '--no-cache'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
