import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { jupyterEnvironment } from './jupyter.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Runs a program of this folder that imports the kernel's helper as what it is there: the package `kernel`.
 *
 * @param program e.g. `linear.py`
 * @param input what it reads from its standard input, as JSON
 * @returns the lines that it prints, each of them JSON
 * @throws {Error} when it fails; what it said then is on standard error
 */
export async function runWithHelper<Line>(program: string, input: unknown): Promise<readonly Line[]> {
  const python = spawn(
    join(await jupyterEnvironment(), 'bin', 'python'),
    // Nothing is compiled into the folders of the project.
    ['-B', join(ROOT, 'test', 'support', program)],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONPATH: join(ROOT, 'processors') },
    },
  );
  const ended = once(python, 'exit');
  // Where it failed to start, writing fails too: how it ended shows that already.
  python.stdin.on('error', () => {});
  python.stdin.end(JSON.stringify(input));
  const printed = (await text(python.stdout)).trim();
  const [status, signal] = await ended;
  if (status !== 0) throw new Error(`${program} ended with ${status ?? signal}`);
  return printed.split('\n').map((line) => JSON.parse(line) as Line);
}
