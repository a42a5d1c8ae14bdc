import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Home } from '../home.js';
import { CONFIGURATION, run } from './command.js';
import { jupyterFolders } from './folders.js';
import { JupyterSetupError } from './setup-error.js';
import type { UserId } from './user.js';

const answer = z.array(z.tuple([z.enum(['read', 'write', 'own']), z.string()]));

/**
 * Tries, as Jupyter's own user, to read the gateway's credentials and to change what the gateway or the
 * server executes (invariant S18).
 *
 * @param environment Jupyter's environment
 * @param scripts folder with isolation.py that the user can read
 * @throws {JupyterSetupError} naming the paths that are open to Jupyter, or closed though it needs them
 */
export async function checkIsolation(
  home: Home,
  environment: string,
  scripts: string,
  user: UserId,
): Promise<void> {
  const own = jupyterFolders(home);
  const state = (await readdir(home.var)).map((name) => join(home.var, name));
  const code = fileURLToPath(new URL('../', import.meta.url));
  const request = {
    read: [
      home.var,
      ...state.filter((path) => !own.includes(path)),
      ...(await inside(home.tls)),
      ...(await inside(home.sessions)),
      home.connections,
      `/proc/${process.pid}/environ`,
    ],
    write: [
      home.root,
      home.var,
      home.processors,
      environment,
      join(environment, 'bin'),
      join(environment, 'bin', 'python3'),
      CONFIGURATION,
      ...(await inside(CONFIGURATION)),
      code,
      ...(await inside(code)),
      process.execPath,
    ],
    own,
  };
  const { stdout, stderr } = await run(
    join(environment, 'bin', 'python3'),
    ['-I', '-S', join(scripts, 'isolation.py')],
    { user, input: JSON.stringify(request) },
  );
  if (stdout === '') {
    throw new JupyterSetupError(
      `User ${user.uid}, which Jupyter gets because the gateway runs as root, cannot run the Python of ` +
        `${environment} (${stderr.trim().split('\n').at(-1)}). A folder above it is closed to other users: ` +
        'choose another SPIN_HOME or SPIN_JUPYTER, or start the gateway as an ordinary user.',
    );
  }
  const wrong = answer.parse(JSON.parse(stdout));
  if (wrong.length === 0) return;
  const list = (kind: string) =>
    wrong
      .filter(([what]) => what === kind)
      .map(([, path]) => path)
      .join(', ');
  const sentences = [
    list('read') && `can read ${list('read')}: take that away with chmod go-rwx`,
    list('write') && `can change ${list('write')}: take that away with chmod go-w and chown root`,
    list('own') &&
      `cannot write into ${list('own')}: hand it over with chown -R ${user.uid}:${user.gid}, ` +
        'and let it pass through the folders above with chmod o+x',
  ].filter((sentence) => sentence !== '');
  throw new JupyterSetupError(`Notebook code runs as user ${user.uid}. It ${sentences.join('. It ')}.`);
}

async function inside(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => join(folder, name));
}
