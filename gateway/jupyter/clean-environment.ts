import { accessSync, constants } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Environment } from '../../processors/core/environment.js';
import type { Home } from '../home.js';
import type { RunFolder } from './run-folder.js';
import { SYSTEM_PATH } from './system-path.js';
import type { UserId } from './user.js';

/**
 * What Jupyter takes over from the gateway's environment: locale, time zone, where libraries and temporary
 * files are. None of these names can be a `{{runtime_env:…}}` (invariant S10).
 */
const KEPT = /^(LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH)$/;

/** The whole environment of the embedded Jupyter, and so of its kernels and terminals. */
export function cleanEnvironment(
  home: Home,
  folder: RunFolder,
  inherited: Environment,
  userName = ownName(),
): Record<string, string> {
  // npm puts the gateway's own tools in front.
  const system = (inherited.get('PATH')?.reveal() ?? SYSTEM_PATH)
    .split(delimiter)
    .filter(
      (part) => part.startsWith('/') && !part.includes('/node_modules/') && !part.includes('node-gyp-bin'),
    );
  return {
    LANG: 'C.UTF-8',
    ...revealed(inherited, (name) => KEPT.test(name)),
    PATH: [join(home.python, 'bin'), ...system].join(delimiter),
    HOME: home.jupyterHome,
    USER: userName,
    LOGNAME: userName,
    SHELL: shell(),
    // pip and uv install there; kernels start from there (jupyter_server_config.py).
    VIRTUAL_ENV: home.python,
    // Widgets and kernels that a user installs. Server extensions aren't loaded from there.
    JUPYTER_PATH: join(home.python, 'share', 'jupyter'),
    JUPYTER_CONFIG_PATH: folder.settings,
    JUPYTER_RUNTIME_DIR: join(folder.scratch, 'runtime'),
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
  };
}

/**
 * The environment of a program that sets Jupyter up. The gateway's own settings are none of its business; proxies and
 * package indexes are. As Jupyter's user it gets no more than Jupyter does: what else runs as that user can read the
 * environment of its processes (invariant S18).
 *
 * @param user undefined: the gateway's own
 */
export function setupEnvironment(inherited: Environment, user: UserId | undefined): Record<string, string> {
  return revealed(inherited, (name) => user === undefined || name === 'PATH' || KEPT.test(name));
}

function revealed(inherited: Environment, isWanted: (name: string) => boolean): Record<string, string> {
  const wanted = [...inherited].filter(([name]) => isWanted(name));
  return Object.fromEntries(wanted.map(([name, value]) => [name, value.reveal()]));
}

/** A container platform may choose a user number that has no name (OpenShift); then the number is used. */
function ownName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.geteuid?.());
  }
}

function shell(): string {
  try {
    accessSync('/bin/bash', constants.X_OK);
    return '/bin/bash';
  } catch {
    return '/bin/sh';
  }
}
