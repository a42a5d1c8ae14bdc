import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { codeOf } from '../error-code.js';
import type { Log } from '../log.js';
import { writeState } from '../state.js';

/** How often a write that failed is tried again, in milliseconds. */
const RETRY_MS = 5_000;

const UNWRITTEN =
  'cannot save a logout or a used login link: it counts until this gateway ends, and is saved once there is space';

/** Identifiers that are valid by signature and yet no longer good: ended sessions, spent login codes. */
export interface Revocations {
  /** @throws {GatewayError} SHARED_FOLDER_AWAY where that can't be known */
  has(id: string): boolean;
  /**
   * For what may happen once. Settled at once, so that of two that try only one succeeds; fulfilled when it is on disk
   * too, or when it is known that the disk doesn't take it now.
   *
   * @param until seconds since 1970 after which the signature alone refuses it
   * @returns false when it was revoked already
   * @throws {GatewayError} SHARED_FOLDER_AWAY where another replica could do the same; it is not revoked then
   */
  add(id: string, until: number): Promise<boolean>;
  /**
   * For what has to end whatever the disk says: it holds here at once, and is written now or, with a line in the log, as
   * soon as that can be done.
   */
  revoke(id: string, until: number): Promise<void>;
  /** Called once for each, also when another replica has revoked it. */
  onAdded(listener: (id: string) => void): void;
  /** False while what other replicas have revoked can't be known. */
  isCurrent(): boolean;
  /** Writes what could not be written until now. */
  close(): Promise<void>;
}

/**
 * Opens the state file, one JSON object of id → until. It contains no secret: an id signs nothing.
 *
 * @param path absolute; made by the first revocation
 * @param clock milliseconds since 1970
 * @throws {Error} when it can't be read or isn't ours: to go on without it would revive what was ended
 */
export async function openRevocations(
  path: string,
  clock: () => number,
  log: Pick<Log, 'info' | 'error'>,
): Promise<Revocations> {
  const entries = new Map(Object.entries(parse(path, await read(path))));
  const listeners: ((id: string) => void)[] = [];
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  const write = () => writeState(path, `${JSON.stringify(Object.fromEntries(entries))}\n`);
  const save = async (): Promise<void> => {
    try {
      await write();
      if (retry !== undefined) log.info({ file: path }, 'logouts and used login links are saved again');
      clearTimeout(retry);
      retry = undefined;
    } catch (error) {
      if (retry === undefined) log.error({ file: path, err: String(error) }, UNWRITTEN);
      clearTimeout(retry);
      if (!closed) retry = setTimeout(() => save().catch(() => {}), RETRY_MS).unref();
    }
  };
  const add = async (id: string, until: number): Promise<boolean> => {
    if (entries.has(id)) return false;
    entries.set(id, until);
    for (const listener of listeners) listener(id);
    const now = Math.floor(clock() / 1000);
    for (const [old, end] of entries) if (end < now) entries.delete(old);
    await save();
    return true;
  };
  return {
    isCurrent: () => true,
    onAdded: (listener) => void listeners.push(listener),
    async close() {
      closed = true;
      if (retry !== undefined) await save();
    },
    has: (id) => entries.has(id),
    add,
    async revoke(id, until) {
      await add(id, until);
    },
  };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '{}';
    throw error;
  }
}

function parse(path: string, text: string): Record<string, number> {
  try {
    return z.record(z.string(), z.number()).parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${path} is damaged. Remove it, and change SPIN_TOKEN to end every session.`, { cause });
  }
}
