import { chmod, chown, lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Home } from '../home.js';
import { JupyterSetupError } from './setup-error.js';
import type { UserId } from './user.js';

/** The folders that Jupyter works in: its own below `var/`, or the notebooks of SPIN_NOTEBOOKS. */
export function jupyterFolders(home: Home): readonly string[] {
  return [home.notebooks, home.jupyterHome, home.python];
}

/**
 * Makes Jupyter's folders. With its own user Jupyter may pass through `SPIN_HOME` and `var/` to its
 * own three folders, and see nothing else: `var/` gets mode 710 and Jupyter's group.
 *
 * @throws {JupyterSetupError} when one of the folders contains another user's files
 */
export async function prepareFolders(home: Home, user: UserId | undefined): Promise<void> {
  await mkdir(home.var, { recursive: true, mode: 0o700 });
  if (user !== undefined) {
    const mode = (await lstat(home.root)).mode & 0o777;
    // An image's SPIN_HOME is open enough, and read-only.
    if ((mode & 0o011) !== 0o011) await chmod(home.root, mode | 0o011);
    await chown(home.var, process.geteuid?.() ?? 0, user.gid);
    await chmod(home.var, 0o710);
  }
  for (const folder of jupyterFolders(home)) {
    // A folder of notebooks that the user chose keeps its owner.
    if (!folder.startsWith(join(home.var, '/'))) continue;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (user !== undefined) await handOver(folder, user);
  }
}

/** Gives an empty folder of the gateway's to Jupyter; what has files in it keeps its owner. */
async function handOver(folder: string, user: UserId): Promise<void> {
  const { uid, gid } = await lstat(folder);
  if (uid === user.uid) return;
  if ((await readdir(folder)).length > 0) {
    throw new JupyterSetupError(
      `${folder} belongs to user ${uid}. Jupyter, which runs as user ${user.uid} when the gateway runs as ` +
        `root, could not write there. Change its owner: chown -R ${user.uid}:${user.gid} ${folder} (group ${gid} before).`,
    );
  }
  await chown(folder, user.uid, user.gid);
}
