import { chmod, chown, copyFile, cp, lstat, mkdir, mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../error-code.js';
import { CONFIGURATION, run, SCRIPTS } from './command.js';
import { JupyterSetupError } from './setup-error.js';
import type { UserId } from './user.js';

const PREFIX = 'spin-jupyter-';
const SCRATCH = 'run';
const SOCKET = 'jupyter.sock';
/** What Jupyter's user runs or reads, and the folder of the package that it is copied from. */
const FILES = [
  [SCRIPTS, 'keeper.py'],
  [SCRIPTS, 'user_python.py'],
  [CONFIGURATION, 'jupyter_server_config.py'],
] as const;
/** Jupyter's default settings, in a place of Jupyter's search path (`JUPYTER_CONFIG_PATH`). */
const SETTINGS = 'config';
const LAB_SETTINGS = 'labconfig';
/** `sun_path` of unix(7) has 108 bytes with the closing NUL. */
const LONGEST_SOCKET_PATH = 107;

/** A folder that lives as long as one run of Jupyter. */
export interface RunFolder {
  /** Holds the Python files that Jupyter's user runs; the package's own folder may be closed to it. */
  readonly path: string;
  /** Jupyter's: its socket and connection files. Mode 700. */
  readonly scratch: string;
  readonly socket: string;
  /** Default settings for `JUPYTER_CONFIG_PATH`, which Jupyter reads and can't change. */
  readonly settings: string;
}

/**
 * @param user Jupyter's, if not this process's own: then the folder can be passed through by its group
 * @throws {JupyterSetupError} when the temporary directory's path is too long for a socket
 */
export async function makeRunFolder(user: UserId | undefined): Promise<RunFolder> {
  const path = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const scratch = join(path, SCRATCH);
  const socket = join(scratch, SOCKET);
  const settings = join(path, SETTINGS);
  const folder = { path, scratch, socket, settings };
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH) {
    await removeRunFolder(path, user);
    throw new JupyterSetupError(
      `The path of the temporary directory ${tmpdir()} is too long for a unix socket. Set TMPDIR to a shorter one, e.g. /tmp.`,
    );
  }
  await Promise.all(FILES.map(([from, name]) => copyFile(join(from, name), join(path, name))));
  await cp(join(CONFIGURATION, LAB_SETTINGS), join(settings, LAB_SETTINGS), { recursive: true });
  await mkdir(scratch, { mode: 0o700 });
  if (user !== undefined) await share(folder, user);
  return folder;
}

/** Lets Jupyter's user pass into the folder and read the scripts, and gives it the scratch folder. */
async function share({ path, scratch, settings }: RunFolder, user: UserId): Promise<void> {
  const { uid } = await lstat(path);
  for (const name of ['.', ...(await readdir(settings, { recursive: true }))]) {
    const place = join(settings, name);
    await chmod(place, (await lstat(place)).isDirectory() ? 0o755 : 0o644);
  }
  await Promise.all(
    FILES.map(async ([, name]) => {
      await chown(join(path, name), uid, user.gid);
      await chmod(join(path, name), 0o640);
    }),
  );
  await chown(scratch, user.uid, user.gid);
  await chown(path, uid, user.gid);
  await chmod(path, 0o710);
}

/** Removes what a run left. Never follows a path that Jupyter's user could have bent: `rm` runs as that user. */
export async function removeRunFolder(path: string, user: UserId | undefined): Promise<void> {
  if (user !== undefined) {
    await run('/bin/sh', ['-c', 'rm -rf -- "$1"/* "$1"/.[!.]*', 'sh', join(path, SCRATCH)], { user });
    await rmdir(join(path, SCRATCH)).catch(() => {});
    await Promise.all(FILES.map(([, name]) => rm(join(path, name), { force: true })));
    await rm(join(path, SETTINGS), { recursive: true, force: true });
    await rmdir(path).catch(() => {});
    return;
  }
  await rm(path, { recursive: true, force: true });
}

/** Removes folders of gateways that were ended before they could: their process is gone and does not answer. */
export async function removeStaleFolders(user: UserId | undefined): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = /^spin-jupyter-(\d+)-/.exec(name)?.[1];
    if (pid === undefined) continue;
    const path = join(tmpdir(), name);
    const stats = await lstat(path).catch(() => undefined);
    const ours = stats?.isDirectory() && stats.uid === process.geteuid?.();
    if (ours && !isAlive(Number(pid)) && !(await answers(join(path, SCRATCH, SOCKET))))
      await removeRunFolder(path, user);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Another container with the same temporary directory has its own process ids: ask its socket too. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const settle = (answer: boolean) => {
      connection.destroy();
      resolve(answer);
    };
    connection.on('connect', () => settle(true)).on('error', () => settle(false));
  });
}
