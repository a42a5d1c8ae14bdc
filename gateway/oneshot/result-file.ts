import { randomUUID } from 'node:crypto';
import { lstat, open, rename, rm } from 'node:fs/promises';

/**
 * Writes a result, so that a reader or a crash sees the old one or the new one. What stands at its path is replaced and
 * never followed: where Jupyter has a user of its own, its code may have put a link there to a file of the gateway's
 * user (invariant S18).
 *
 * @param path absolute
 * @throws the system's error; then nothing has changed
 */
export async function writeResult(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', await modeFor(path));
  try {
    await file.writeFile(content).finally(() => file.close());
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Whoever has closed an earlier result to others wants the next one closed too. */
async function modeFor(path: string): Promise<number> {
  const earlier = await lstat(path).catch(() => undefined);
  if (!earlier?.isFile() || earlier.uid !== process.geteuid?.()) return 0o666;
  return earlier.mode & 0o666;
}
