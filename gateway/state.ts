import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { codeOf } from './error-code.js';
import type { Log } from './log.js';

/**
 * Writes a state file so that a reader or a crash sees the old content or the new, never a part, and
 * only the gateway's user can read it (invariant S16).
 *
 * @param path absolute path; missing folders are made with mode 700
 */
export async function writeState(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, content, { mode: 0o600 });
}

/** What a disk says that has no room, or takes nothing. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS']);

/**
 * The same for what can be made again at the next start: a full disk is reported, and stops no work.
 *
 * @throws the system's error of any other kind
 */
export async function keepState(path: string, content: string, log: Pick<Log, 'error'>): Promise<void> {
  try {
    await writeState(path, content);
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (!NO_ROOM.has(code)) throw error;
    log.error(
      { file: path, err: code },
      'the disk is full or read-only: this file will be missing after the next start',
    );
  }
}
