import { join } from 'node:path';
import type { Home } from '../home.js';
import type { Log } from '../log.js';
import { run } from './command.js';
import { JupyterSetupError } from './setup-error.js';
import type { UserId } from './user.js';

/**
 * Makes or renews the Python that kernels run in, at `var/python` (user_python.py says how it is layered).
 * Runs as Jupyter's user, whose folder it is.
 *
 * @param scripts folder with user_python.py that the user can read
 * @throws {JupyterSetupError} when it can't be made
 */
export async function prepareUserPython(
  home: Home,
  environment: string,
  scripts: string,
  user: UserId | undefined,
  log: Log,
): Promise<void> {
  const made = await run(
    join(environment, 'bin', 'python3'),
    ['-I', join(scripts, 'user_python.py'), home.python],
    { user, env: { LANG: 'C.UTF-8' } },
  );
  for (const line of made.stdout.split('\n').filter((text) => text !== '')) log.warn(line);
  if (made.status !== 0) {
    throw new JupyterSetupError(
      `The Python that notebooks run in cannot be created at ${home.python}: ${made.stderr.trim().split('\n').at(-1)}`,
    );
  }
}
