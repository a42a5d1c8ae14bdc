import { access, constants, lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../config.js';
import { jupyterFolders } from '../jupyter/folders.js';
import { type Finding, failed, ok } from './finding.js';
import { inShell } from './shell-word.js';

/** The most names that are reported. */
const MOST_NAMED = 5;

/**
 * The gateway's own state is for the gateway alone to read and write (invariant S16); no other
 * user may change its settings.
 */
export async function checkPermissions({ home, connections }: Config): Promise<Finding[]> {
  const jupyters = jupyterFolders(home);
  const own = (await namesIn(home.var)).filter((path) => !jupyters.includes(path));
  const lost = await withoutAccess([home.var, ...(await Promise.all(own.map(below))).flat()]);
  const readable = (await Promise.all(own.map(readableBelow))).flat();
  const writable = await withBits(
    [
      dirname(connections.file),
      connections.file,
      dirname(home.processors),
      home.processors,
      ...(await namesIn(home.processors)),
    ],
    0o022,
  );
  const state = [
    ...(lost.length === 0
      ? []
      : [
          failed(
            'state',
            `User ${process.geteuid?.()}, who runs this command, cannot use ${named(lost)}.`,
            `As root: chown -R ${process.geteuid?.()} ${lost.slice(0, MOST_NAMED).map(inShell).join(' ')}; or run the gateway as the user who made them.`,
          ),
        ]),
    ...(readable.length === 0
      ? []
      : [
          failed(
            'state',
            `Others can read ${named(readable)}.`,
            `chmod -R go-rwx ${readable.slice(0, MOST_NAMED).map(inShell).join(' ')}`,
          ),
        ]),
  ];
  return [
    ...(state.length === 0 ? [ok('state', home.var)] : state),
    ...(writable.length === 0
      ? []
      : [
          failed(
            'settings',
            `Others can change ${named([...new Set(writable)])}.`,
            `chmod go-w ${[...new Set(writable)].map(inShell).join(' ')}`,
          ),
        ]),
  ];
}

/** Follows no link: where both run as one user, code in a notebook may have put one there. */
async function below(path: string): Promise<string[]> {
  const kind = await lstat(path).catch(() => undefined);
  if (kind === undefined || kind.isSymbolicLink()) return [];
  const inside = kind.isDirectory() ? await namesIn(path) : [];
  return [path, ...(await Promise.all(inside.map(below))).flat()];
}

/** What others can get to: what lies in a folder that they can't enter is safe, whatever its own mode is. */
async function readableBelow(path: string): Promise<string[]> {
  const kind = await lstat(path).catch(() => undefined);
  if (kind === undefined || kind.isSymbolicLink()) return [];
  const found = (kind.mode & 0o044) === 0 ? [] : [path];
  if (!kind.isDirectory() || (kind.mode & 0o011) === 0) return found;
  return [...found, ...(await Promise.all((await namesIn(path)).map(readableBelow))).flat()];
}

async function withoutAccess(paths: readonly string[]): Promise<string[]> {
  const may = await Promise.all(
    paths.map((path) =>
      access(path, constants.R_OK | constants.W_OK).then(
        () => true,
        ({ code }: NodeJS.ErrnoException) => code === 'ENOENT',
      ),
    ),
  );
  return paths.filter((_, at) => !may[at]);
}

async function namesIn(folder: string): Promise<string[]> {
  // Not there yet, or a file.
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => join(folder, name));
}

async function withBits(paths: readonly string[], bits: number): Promise<string[]> {
  // A settings file may well be a link: Kubernetes mounts them so.
  const modes = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  // In a folder with the sticky bit (/tmp) others can add files, and change none.
  return paths.filter((_, at) => {
    const mode = modes[at]?.mode ?? 0;
    return (mode & bits) !== 0 && (mode & 0o1000) === 0;
  });
}

function named(paths: readonly string[]): string {
  const more = paths.length - MOST_NAMED;
  return paths.slice(0, MOST_NAMED).map(inShell).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
