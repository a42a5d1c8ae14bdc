import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../error-code.js';
import { GatewayError } from '../errors.js';
import type { Log } from '../log.js';
import type { Revocations } from './revocations.js';

/** How often the folder is read, in milliseconds: how long another replica's logout takes to arrive. */
const EVERY_MS = 500;

/** For so long, in milliseconds, what was read last counts as true; then sessions are refused (fail closed). */
const GOOD_FOR_MS = 5_000;

/** Entries are kept this long, in seconds, beyond the time from which the signature refuses: clocks differ. */
const CLOCKS_DIFFER = 60 * 60;

const UNWRITTEN =
  'a logout cannot be written to the shared folder: it counts here, and other replicas learn of it once it can be written';

/** An empty file for each, named id.until: a name can be made by one process only, and never holds half an entry. */
const NAME = /^([0-9a-f-]{36})\.(\d{1,12})$/;

/**
 * Revocations in a folder that all replicas share. The replica that creates an entry's file first has revoked it (`O_EXCL`, which
 * NFS 3 and later keep); the others learn it when they next read the folder.
 *
 * @param shared absolute path of a folder that exists; a folder `revoked` is made in it
 * @param clock milliseconds since 1970
 * @throws {Error} when the folder can't be read or written
 */
export async function openSharedRevocations(
  shared: string,
  clock: () => number,
  log: Log,
): Promise<Revocations> {
  // Below the folder itself, so that a mount point without its volume isn't taken for an empty list.
  const folder = join(shared, 'revoked');
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  /** Until when each is kept, in seconds since 1970: also where another replica has removed its file. */
  const known = new Map<string, number>();
  const listeners: ((id: string) => void)[] = [];
  let readAt = performance.now();
  let isDown = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const learn = (id: string, until: number) => {
    if (known.has(id)) return;
    known.set(id, until);
    for (const listener of listeners) listener(id);
  };
  const write = async (id: string, until: number) =>
    (await open(join(folder, `${id}.${until}`), 'wx', 0o600)).close();
  /** Ended here, and not yet reported to the other replicas. */
  const unwritten = new Map<string, number>();
  const writeLate = async () => {
    for (const [id, until] of unwritten) {
      await write(id, until).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      unwritten.delete(id);
      if (unwritten.size === 0) log.info({}, 'logouts are in the shared folder again');
    }
  };
  const read = async () => {
    const start = performance.now();
    const now = clock() / 1000;
    for (const name of await readdir(folder)) {
      const [, id, until] = NAME.exec(name) ?? [];
      if (id === undefined) continue;
      if (Number(until) + CLOCKS_DIFFER >= now) learn(id, Number(until));
      // What can't be removed is not the gateway's, and costs its place alone.
      else await rm(join(folder, name), { force: true }).catch(() => {});
    }
    for (const [id, until] of known) if (until + CLOCKS_DIFFER < now) known.delete(id);
    readAt = start;
  };
  const down = (cause?: unknown) => {
    if (!isDown)
      log.error({ err: String(cause ?? 'no answer') }, 'the shared folder is unavailable: sessions wait');
    isDown = true;
  };
  const again = async () => {
    try {
      await read();
      if (isDown) log.info({}, 'the shared folder is available again');
      isDown = false;
      // What can't be written has been said, and costs no reading.
      await writeLate().catch(() => {});
    } catch (error) {
      down(error);
    }
    if (!closed) lookLater();
  };
  const lookLater = () => {
    timer = setTimeout(() => again().catch(down), EVERY_MS).unref();
  };
  const isCurrent = () => performance.now() - readAt <= GOOD_FOR_MS;
  /** A file system that hangs says nothing: its age is what tells. */
  const checkCurrent = () => {
    if (isCurrent()) return;
    down();
    throw new GatewayError('SHARED_FOLDER_AWAY');
  };

  await read();
  lookLater();
  return {
    isCurrent,
    has(id) {
      if (known.has(id)) return true;
      checkCurrent();
      return false;
    },
    async add(id, until) {
      if (known.has(id)) return false;
      checkCurrent();
      try {
        await write(id, until);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw new GatewayError('SHARED_FOLDER_AWAY', undefined, { cause: error });
      }
      learn(id, until);
      return true;
    },
    async revoke(id, until) {
      if (known.has(id)) return;
      learn(id, until);
      try {
        await write(id, until);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return;
        if (unwritten.size === 0) log.error({ err: String(error) }, UNWRITTEN);
        unwritten.set(id, until);
      }
    },
    onAdded: (listener) => void listeners.push(listener),
    async close() {
      closed = true;
      clearTimeout(timer);
      await writeLate().catch(() => {});
    },
  };
}
