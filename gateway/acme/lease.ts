import { rmSync } from 'node:fs';
import { mkdir, open, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../error-code.js';

/** A lease expires when its holder has not touched it for so long. */
const FALLS_AFTER_MS = 120_000;

export interface Lease {
  /** Synchronous, so that a process can still do it when it ends. */
  release(): void;
}

/**
 * Takes the right to order for a folder that several processes share, perhaps in several containers: where no
 * lock of the system's reaches. A file's creation decides; its holder touches it; after a crash it falls by its
 * age. Two that find a fallen one at the same instant may both get it: then two orders are made, and the later
 * certificate stays. That costs an order and breaks nothing.
 *
 * @returns undefined while another process has it
 */
export async function takeLease(path: string, now: () => number = Date.now): Promise<Lease | undefined> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const modified = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
  if (modified !== undefined && now() - modified > FALLS_AFTER_MS) rmSync(path, { force: true });
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  }
  const touch = setInterval(() => {
    const date = new Date();
    utimes(path, date, date).catch(() => undefined);
  }, FALLS_AFTER_MS / 4).unref();
  return {
    release() {
      clearInterval(touch);
      rmSync(path, { force: true });
    },
  };
}
