import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';
import { existingPart, type Home } from '../home.js';
import type { Env } from './env.js';
import { Mistake } from './problems.js';

const RIGHT = 'The absolute path of an existing folder, e.g. /srv/notebooks.';

/**
 * A folder of notebooks that exists already, used instead of the runtime's own. It isn't created: a misspelt one
 * would be an empty one.
 *
 * @returns undefined when none is set
 * @throws {Mistake}
 */
export function readNotebooks(env: Env, home: Home): string | undefined {
  const { SPIN_NOTEBOOKS: path, SPIN_UPSTREAM: upstream } = env;
  if (path === undefined) return undefined;
  if (upstream !== undefined)
    throw new Mistake(
      'It is for the Jupyter that the gateway starts, but SPIN_UPSTREAM names a running one.',
      'Set one of the two.',
    );
  if (!isAbsolute(path)) throw new Mistake(`"${path}" is not an absolute path.`, RIGHT);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new Mistake(`There is no folder ${path}.`, RIGHT);
  const real = realpathSync(path);
  if (showsState(real, home))
    throw new Mistake(
      `${path} contains the gateway's state, ${home.var}, which Jupyter would serve.`,
      'Another folder, or one inside it.',
    );
  try {
    accessSync(real, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    throw new Mistake(
      `${path} can't be read and written by user ${process.geteuid?.()}.`,
      'A folder that the user who starts the gateway can read and write.',
    );
  }
  return real;
}

/** Jupyter does not serve what is in a hidden folder (`~/.local/share`). */
function showsState(folder: string, home: Home): boolean {
  const there = existingPart(home.var);
  const state = realpathSync(there) + home.var.slice(there.length);
  const down = relative(folder, state).split(sep);
  const up = relative(state, folder).split(sep);
  const isAround = down[0] !== '..' && !down.some((part) => part.startsWith('.'));
  const isInside = up[0] !== '..' && up[0] !== 'notebooks';
  return isAround || isInside;
}
