import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from '../home.js';
import type { Log } from '../log.js';
import { keepState } from '../state.js';
import { Mistake } from './problems.js';

/**
 * How `var/` is laid out. It grows by one when a file there changes its place or form so that an older version
 * would misread it; the version that makes it grow brings the step from the layout before.
 */
export const LAYOUT = 1;

/** Holds the number alone. Without it `var/` is new, or as versions left it that wrote no number: layout 1. */
function stampOf(home: Home): string {
  return join(home.var, 'layout');
}

/**
 * Looks whether this version understands what is in `var/`, before anything there is read or written.
 *
 * @returns whether the number is still to be written
 * @throws {Mistake} when a newer version wrote it, or the number can't be read
 */
export function checkLayout(home: Home): { readonly stamped: boolean } {
  const file = stampOf(home);
  const text = read(file);
  if (text === undefined) return { stamped: false };
  if (!/^[1-9]\d{0,8}\n?$/.test(text))
    throw new Mistake(
      `${file} does not contain a layout number.`,
      `Restore the file from a backup of ${home.var}, or write 1 to it if no other version used the folder.`,
    );
  const layout = Number(text);
  if (layout > LAYOUT)
    throw new Mistake(
      `${home.var} was written by a newer version of SPIN Runtime (layout ${layout}; this one knows up to ${LAYOUT}).`,
      'Start that version or a later one, or use a backup from before the upgrade. Nothing was changed.',
    );
  return { stamped: true };
}

/** Writes down which layout `var/` has, unless it is there. @throws the system's error when it can't be written */
export async function stampLayout(home: Home, log: Pick<Log, 'error'>): Promise<void> {
  if (!checkLayout(home).stamped) await keepState(stampOf(home), `${LAYOUT}\n`, log);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Without var/, or without the stamp in it.
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Mistake(`${file} can't be read (${code}).`, 'A file that the gateway can read.');
  }
}
