import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { existingPart, homeAt } from '../home.js';
import { Mistake } from './problems.js';

const DEFAULT = '/opt/spin';

/** Where SPIN_HOME is. */
export interface ChosenHome {
  readonly path: string;
  /** Set when it isn't where the documentation says: for one log line. */
  readonly note: string | undefined;
}

/**
 * SPIN_HOME, else /opt/spin, else (where that can't be written) the user's data directory. It is made where it isn't
 * there.
 * Source: XDG Base Directory Specification, `XDG_DATA_HOME`.
 *
 * @param looksOnly makes nothing
 */
export function chooseHome(env: NodeJS.ProcessEnv, looksOnly = false): ChosenHome {
  const whatCannotBeWritten = (path: string) => unwritablePart(path, looksOnly);
  const { SPIN_HOME: chosen, XDG_DATA_HOME: data } = env;
  if (chosen !== undefined) {
    if (!isAbsolute(chosen))
      throw new Mistake(`"${chosen}" is not an absolute path.`, `An absolute path, e.g. ${DEFAULT}.`);
    const unwritable = whatCannotBeWritten(chosen);
    if (unwritable !== undefined)
      throw new Mistake(
        `${unwritable} can't be written by user ${process.geteuid?.()}.`,
        'A folder that the gateway can write to or create, or one in which it can write to var/.',
      );
    return { path: chosen, note: undefined };
  }
  if (whatCannotBeWritten(DEFAULT) === undefined) return { path: DEFAULT, note: undefined };
  const path = join(data && isAbsolute(data) ? data : join(homedir(), '.local', 'share'), 'spin-runtime');
  if (whatCannotBeWritten(path) !== undefined)
    throw new Mistake(
      `Neither ${DEFAULT} nor ${path} can be written.`,
      'The path of a folder that the gateway can write to.',
    );
  return { path, note: `SPIN_HOME is ${path}, because ${DEFAULT} can't be written` };
}

/**
 * All that a running gateway writes is below `var/`: the rest may be read-only, as in an image whose volume
 * is mounted there.
 */
function unwritablePart(home: string, looksOnly: boolean): string | undefined {
  const state = homeAt(home).var;
  const needed = existsSync(state) ? state : home;
  return isWritable(needed, looksOnly) ? undefined : needed;
}

function isWritable(path: string, looksOnly: boolean): boolean {
  try {
    if (!looksOnly) makeFolder(path);
    accessSync(existingPart(path), constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Step by step: `recursive` never returns for a folder below /proc (seen on Node.js 20.20). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o755 });
}
