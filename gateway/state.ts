import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import writeFileAtomic from 'write-file-atomic';

/**
 * Writes a state file so that a reader or a crash sees the old content or the new, never a part, and
 * nobody but the gateway's user can read it (invariant S16).
 *
 * @param path absolute path; missing folders are made with mode 700
 */
export async function writeState(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, content, { mode: 0o600 });
}
