import { randomUUID } from 'node:crypto';
import { lstat, open, rename, rm, stat } from 'node:fs/promises';
import { RunProblem } from './problem.js';

/**
 * Writes a result, so that a reader or a crash sees the old one or the new one. A link at its path is replaced and
 * never followed: where Jupyter has its own user, notebook code may have put a link there to a file of the gateway's
 * user (invariant S18).
 *
 * @param path absolute
 * @throws the system's error; then nothing has changed
 */
export async function writeResult(path: string, content: string): Promise<void> {
  await refuseDevice(path);
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', await modeFor(path));
  try {
    await file
      .writeFile(content)
      .then(() => file.sync())
      .finally(() => file.close());
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** @throws {RunProblem} As root, `/dev/null` and `/dev/stdout` could be replaced as anything else can. */
export async function refuseDevice(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there && !there.isFile() && !there.isDirectory())
    throw new RunProblem('settings', `${path} is a device or a pipe. Choose a file with --output.`);
}

/** A user who has closed an earlier result to others wants the next one closed too. */
async function modeFor(path: string): Promise<number> {
  const earlier = await lstat(path).catch(() => undefined);
  if (!earlier?.isFile() || earlier.uid !== process.geteuid?.()) return 0o666;
  return earlier.mode & 0o666;
}
