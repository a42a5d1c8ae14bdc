import { stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config.js';
import { checkEnvironment } from '../jupyter/environment.js';
import { findPython } from '../jupyter/python.js';
import { JupyterSetupError } from '../jupyter/setup-error.js';
import { findIsolation } from '../jupyter/user.js';
import { isTooOld, OLDEST_NODE } from '../node-version.js';
import { type Finding, failed, ok, warning } from './finding.js';

const GB = 1e9;
/** The embedded Jupyter's environment takes 0.6 GB, and pip's copies while it is made. */
const INSTALLATION_BYTES = 1.5 * GB;
/** Below it notebooks, histories and state soon can't be saved. */
const LEAST_BYTES = 0.1 * GB;

/** A clock that is behind the program's own files is wrong, whatever the rest of the world says. */
const PROGRAM = fileURLToPath(new URL('../cli.js', import.meta.url));

export function checkNode(version = process.versions.node): Finding {
  if (!isTooOld(version)) return ok('Node.js', version);
  return failed('Node.js', `${version} is too old.`, `Install ${OLDEST_NODE} or newer.`);
}

/** The Python, environment and user of the embedded Jupyter. */
export async function checkJupyter({ upstream, home, environment: inherited }: Config): Promise<Finding[]> {
  if (upstream.kind !== 'embedded') return [];
  const isolation = await findIsolation(home);
  const user = isolation.kind === 'own-user' ? isolation.user : undefined;
  const { environment } = upstream;
  const isThere = await stat(join(environment, 'bin', 'jupyter')).then(
    () => true,
    () => false,
  );
  const jupyter = async (): Promise<Finding> => {
    try {
      if (!isThere && environment === home.jupyter)
        return ok('Jupyter', `The first start installs it, with ${await findPython(inherited, user)}.`);
      await checkEnvironment(environment, inherited, user);
      return ok('Jupyter', environment);
    } catch (error) {
      if (!(error instanceof JupyterSetupError)) throw error;
      return failed('Jupyter', error.message, 'Do what the message says, then run this again.');
    }
  };
  const kept = 'Jupyter gets its own user';
  return [
    await jupyter(),
    isolation.kind === 'own-user'
      ? ok('isolation', `${kept} (${isolation.user.uid}).`)
      : warning('isolation', isolation.warning, 'docker/compose.front.yml shows two containers.'),
  ];
}

/** Where state is kept, which may be a separate volume, and where Jupyter is installed. */
export async function checkDisk({ home, upstream }: Config): Promise<Finding> {
  const { says, free, files } = await roomAt(home.var);
  if (free < LEAST_BYTES) return failed('disk', says, ROOM);
  if (files === 0)
    return failed('disk', `No more files can be created at ${home.var}: no inodes are left.`, ROOM);
  if (upstream.kind !== 'embedded' || (await stat(upstream.environment).catch(() => undefined)) !== undefined)
    return ok('disk', says);
  const there = await roomAt(upstream.environment);
  if (there.free >= INSTALLATION_BYTES) return ok('disk', says);
  return failed('disk', `${there.says} Jupyter's installation needs ${INSTALLATION_BYTES / GB} GB.`, ROOM);
}

const ROOM = 'Free some, or set SPIN_HOME to a folder of a larger disk.';

/** @param path need not be there yet: then the folder that it will be made in */
async function roomAt(path: string): Promise<{ says: string; free: number; files: number | undefined }> {
  const found = await statfs(path).catch(() => undefined);
  if (found === undefined) return roomAt(dirname(path));
  const { bavail, bsize, files, ffree } = found;
  const free = bavail * bsize;
  // Some file systems count no files (btrfs: 0 of 0).
  return {
    says: `${(free / GB).toFixed(1)} GB are free at ${path}.`,
    free,
    files: files === 0 ? undefined : ffree,
  };
}

/** Sessions, login links and certificates are valid by the clock. */
export async function checkClock(now = Date.now()): Promise<Finding> {
  const { mtimeMs } = await stat(PROGRAM);
  const says = new Date(now).toISOString();
  if (now >= mtimeMs) return ok('clock', says);
  return failed('clock', `${says} is before this program was built.`, 'Set the clock (NTP).');
}
