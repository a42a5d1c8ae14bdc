import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Environment } from '../../processors/core/environment.js';
import { setupEnvironment } from './clean-environment.js';
import { run } from './command.js';
import { JupyterSetupError } from './setup-error.js';
import type { UserId } from './user.js';

/** The locked requirements are resolved for these; a newer Python is taken only where none of them is. */
const NAMES = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11'];
const OLDEST = 11;
const NEWEST = 14;

const PROBE = `
import sys
print(sys.version_info.major, sys.version_info.minor, sep=".")
import venv, ensurepip
print("complete")
`;

const REMEDY =
  'Install Python 3.11 or newer with its venv module (Debian and Ubuntu: apt-get install python3 python3-venv), ' +
  'or set SPIN_JUPYTER to an environment that has Jupyter (the folder that contains bin/jupyter).';

/**
 * The Python to make Jupyter's environment with: from PATH, 3.11 or newer, able to make environments, and
 * runnable by the user that Jupyter will run as.
 *
 * @returns absolute path
 * @throws {JupyterSetupError} naming every candidate and what is wrong with it
 */
export async function findPython(inherited: Environment, user?: UserId): Promise<string> {
  const env = setupEnvironment(inherited, user);
  const rejected: string[] = [];
  let newer: string | undefined;
  for (const path of await candidates(inherited)) {
    const { status, stdout, stderr } = await run(path, ['-I', '-c', PROBE], { user, env });
    const [version = '', complete] = stdout.split('\n');
    const minor = version.startsWith('3.') ? Number(version.slice(2)) : 0;
    if (version === '') {
      const why =
        user && status === undefined ? `user ${user.uid}, which Jupyter gets, may not run it` : stderr.trim();
      rejected.push(`${path} does not run (${why.split('\n').at(-1) || `exit status ${status}`})`);
    } else if (minor < OLDEST) rejected.push(`${path} is ${version}, which is too old`);
    else if (complete !== 'complete')
      rejected.push(`${path} (${version}) lacks the venv or ensurepip module`);
    else if (minor > NEWEST) newer ??= path;
    else return path;
  }
  if (newer !== undefined) return newer;
  const found = rejected.length > 0 ? `Found: ${rejected.join('; ')}.` : 'There is no python3 on PATH.';
  throw new JupyterSetupError(`The embedded Jupyter needs Python 3.11 or newer. ${found} ${REMEDY}`);
}

async function candidates(inherited: Environment): Promise<string[]> {
  const folders = (inherited.get('PATH')?.reveal() ?? '')
    .split(delimiter)
    .filter((folder) => folder.startsWith('/'));
  const found: string[] = [];
  for (const path of new Set(NAMES.flatMap((name) => folders.map((folder) => join(folder, name))))) {
    try {
      await access(path, constants.X_OK);
      found.push(path);
    } catch {
      // Not there, or not ours to run.
    }
  }
  return found;
}
