import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { jupyterFolders } from '../jupyter/folders.js';
import { type Finding, failed, ok } from './finding.js';

/** Names that are told at most. */
const MOST_NAMED = 5;

/** The gateway's own state is nobody else's to read (invariant S16), and its settings nobody else's to write. */
export async function checkPermissions({ home, connections }: Config): Promise<Finding[]> {
  const jupyters = jupyterFolders(home);
  const own = (await namesIn(home.var)).filter((path) => !jupyters.includes(path));
  const state = (await Promise.all(own.map(below))).flat();
  const readable = await withBits(state, 0o077, lstat);
  // A settings file may well be a link: Kubernetes mounts them so.
  const settings = [connections.file, home.processors, ...(await namesIn(home.processors))];
  const writable = await withBits(settings, 0o022, stat);
  return [
    readable.length === 0
      ? ok('state', home.var)
      : failed(
          'state',
          `Others can read ${named(readable)}.`,
          `chmod -R go-rwx ${readable.slice(0, MOST_NAMED).map(inShell).join(' ')}`,
        ),
    ...(writable.length === 0
      ? []
      : [
          failed(
            'settings',
            `Others can change ${named(writable)}.`,
            `chmod go-w ${writable.map(inShell).join(' ')}`,
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

async function namesIn(folder: string): Promise<string[]> {
  // Not there yet, or a file.
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => join(folder, name));
}

async function withBits(
  paths: readonly string[],
  bits: number,
  look: (path: string) => Promise<{ readonly mode: number }>,
): Promise<string[]> {
  const modes = await Promise.all(paths.map((path) => look(path).catch(() => undefined)));
  return paths.filter((_, at) => ((modes[at]?.mode ?? 0) & bits) !== 0);
}

function named(paths: readonly string[]): string {
  const more = paths.length - MOST_NAMED;
  return paths.slice(0, MOST_NAMED).map(inShell).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** One word, whatever is in it: what to do is pasted into a shell, perhaps root's (bash and zsh know `$'…'`). */
function inShell(path: string): string {
  if (/^[\w./@%+=:,-]+$/.test(path)) return path;
  const escaped = path.replace(/[^\x20-\x7e]|[\\']/gu, (character) =>
    /[\\']/.test(character)
      ? `\\${character}`
      : [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  return `$'${escaped}'`;
}
