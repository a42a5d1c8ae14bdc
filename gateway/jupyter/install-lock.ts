import { type FileHandle, open, readFile, stat, unlink, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './process-id.js';

const HEARTBEAT_MS = 5_000;
const STALE_MS = 30_000;
const POLL_MS = 500;

export interface LockOptions {
  /** Of the lock file; its folder exists. */
  readonly path: string;
  /** Is told once who holds the lock: host name and process id. */
  readonly onWait: (holder: string) => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Does `work` while no other process on this file system does the same. A holder that died leaves its file
 * behind: it counts no more once its process is gone, or (other container, other machine) after 30 s
 * without a heartbeat.
 *
 * @throws {Error} named AbortError when the signal comes while it waits
 */
export async function withLock<T>({ path, onWait, signal }: LockOptions, work: () => Promise<T>): Promise<T> {
  let told = false;
  for (;;) {
    const file = await create(path);
    if (file !== undefined) {
      await file.writeFile(me());
      await file.close();
      break;
    }
    if (await isStale(path)) {
      await remove(path);
      continue;
    }
    if (!told) onWait(await holder(path));
    told = true;
    await sleep(POLL_MS, undefined, { signal });
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await remove(path);
  }
}

const me = () => `${hostname()} ${process.pid}`;

async function create(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const [host, pid] = (await holder(path)).split(' ');
    if (host === hostname() && pid !== undefined && !isAlive(Number(pid))) return true;
    return Date.now() - (await stat(path)).mtimeMs > STALE_MS;
  } catch {
    return false;
  }
}

async function holder(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

async function remove(path: string): Promise<void> {
  await unlink(path).catch(() => {});
}
