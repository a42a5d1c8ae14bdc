import { stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config.js';
import { existingPart } from '../home.js';
import { checkEnvironment } from '../jupyter/environment.js';
import { findPython } from '../jupyter/python.js';
import { JupyterSetupError } from '../jupyter/setup-error.js';
import { findIsolation } from '../jupyter/user.js';
import { type Finding, failed, ok, warning } from './finding.js';

/** `engines` of package.json. */
const OLDEST_NODE = [20, 19] as const;

const GB = 1e9;
/** The embedded Jupyter's environment takes 0.6 GB, and pip's copies while it is made. */
const INSTALLATION_BYTES = 1.5 * GB;
/** Below it notebooks, histories and state soon can't be saved. */
const LEAST_BYTES = 0.1 * GB;

/** A clock that is behind the program's own files is wrong, whatever the rest of the world says. */
const PROGRAM = fileURLToPath(new URL('../cli.js', import.meta.url));

export function checkNode(version = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldest, oldestMinor] = OLDEST_NODE;
  if (major > oldest || (major === oldest && minor >= oldestMinor)) return ok('Node.js', version);
  return failed('Node.js', `${version} is too old.`, `Install ${oldest}.${oldestMinor} or newer.`);
}

/** The Python, environment and user of the embedded Jupyter. */
export async function checkJupyter({ upstream, home }: Config): Promise<Finding[]> {
  if (upstream.kind !== 'embedded') return [];
  const isolation = await findIsolation();
  const user = isolation.kind === 'own-user' ? isolation.user : undefined;
  const { environment } = upstream;
  const isThere = await stat(join(environment, 'bin', 'jupyter')).then(
    () => true,
    () => false,
  );
  const jupyter = async (): Promise<Finding> => {
    try {
      if (!isThere && environment === home.jupyter)
        return ok('Jupyter', `The first start installs it, with ${await findPython(user)}.`);
      await checkEnvironment(environment, user);
      return ok('Jupyter', environment);
    } catch (error) {
      if (!(error instanceof JupyterSetupError)) throw error;
      return failed('Jupyter', error.message, 'As it says; then run this again.');
    }
  };
  const kept = 'Jupyter gets a user of its own';
  return [
    await jupyter(),
    isolation.kind === 'own-user'
      ? ok('isolation', `${kept} (${isolation.user.uid}).`)
      : warning('isolation', isolation.warning, 'docker/compose.front.yml shows two containers.'),
  ];
}

export async function checkDisk({ home, upstream }: Config): Promise<Finding> {
  const { bavail, bsize } = await statfs(existingPart(home.root));
  const free = bavail * bsize;
  const says = `${(free / GB).toFixed(1)} GB are free at ${home.root}.`;
  const remedy = 'Free some, or set SPIN_HOME to a folder of a larger disk.';
  if (free < LEAST_BYTES) return failed('disk', says, remedy);
  const installed = upstream.kind !== 'embedded' || (await stat(upstream.environment).catch(() => undefined));
  if (!installed && free < INSTALLATION_BYTES)
    return failed('disk', `${says} Jupyter's installation needs ${INSTALLATION_BYTES / GB} GB.`, remedy);
  return ok('disk', says);
}

/** Sessions, login links and certificates are valid by the clock. */
export async function checkClock(now = Date.now()): Promise<Finding> {
  const { mtimeMs } = await stat(PROGRAM);
  const says = new Date(now).toISOString();
  if (now >= mtimeMs) return ok('clock', says);
  return failed('clock', `${says} is earlier than this program was made.`, 'Set the clock (NTP).');
}
