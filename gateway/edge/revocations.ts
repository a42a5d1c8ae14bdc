import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeState } from '../state.js';

/** Identifiers that are valid by signature and yet no longer good: ended sessions, spent login codes. */
export interface Revocations {
  /** @throws {GatewayError} SHARED_FOLDER_AWAY where that can't be known */
  has(id: string): boolean;
  /**
   * Settled at once, so that of two that try only one succeeds; fulfilled when it is on disk too.
   *
   * @param until seconds since 1970 after which the signature alone refuses it
   * @returns false when it was revoked already
   * @throws {Error} when the file can't be written; it stays revoked in memory
   */
  add(id: string, until: number): Promise<boolean>;
  /** Told of each one once, also when another replica has revoked it. */
  onAdded(listener: (id: string) => void): void;
  /** False while what other replicas have revoked can't be known. */
  isCurrent(): boolean;
  close(): void;
}

/**
 * Opens the state file, one JSON object of id → until. It holds nobody's secret: an id signs nothing.
 *
 * @param path absolute; made by the first revocation
 * @param clock milliseconds since 1970
 * @throws {Error} when it can't be read or isn't ours: to go on without it would revive what was ended
 */
export async function openRevocations(path: string, clock: () => number): Promise<Revocations> {
  const entries = new Map(Object.entries(parse(path, await read(path))));
  const listeners: ((id: string) => void)[] = [];
  return {
    isCurrent: () => true,
    onAdded: (listener) => void listeners.push(listener),
    close() {},
    has: (id) => entries.has(id),
    async add(id, until) {
      if (entries.has(id)) return false;
      entries.set(id, until);
      for (const listener of listeners) listener(id);
      const now = Math.floor(clock() / 1000);
      for (const [old, end] of entries) if (end < now) entries.delete(old);
      await writeState(path, `${JSON.stringify(Object.fromEntries(entries))}\n`);
      return true;
    },
  };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '{}';
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
