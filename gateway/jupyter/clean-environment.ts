import { accessSync, constants } from 'node:fs';
import { userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Home } from '../home.js';
import type { RunFolder } from './run-folder.js';

/**
 * What Jupyter takes over from the gateway's environment: locale, time zone, where libraries and temporary
 * files are. None of these names can be a `{{runtime_env:…}}` (invariant S10).
 */
const KEPT = /^(LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH)$/;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The whole environment of the embedded Jupyter, and so of its kernels and terminals. */
export function cleanEnvironment(
  home: Home,
  folder: RunFolder,
  userName = ownName(),
  gateway: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const kept = Object.entries(gateway).filter(
    (entry): entry is [string, string] => KEPT.test(entry[0]) && entry[1] !== undefined,
  );
  // npm puts the gateway's own tools in front.
  const system = (gateway.PATH ?? SYSTEM_PATH)
    .split(delimiter)
    .filter(
      (part) => part.startsWith('/') && !part.includes('/node_modules/') && !part.includes('node-gyp-bin'),
    );
  return {
    LANG: 'C.UTF-8',
    ...Object.fromEntries(kept),
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

/** A container platform may choose a user number that has no name (OpenShift); then the number stands for it. */
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
