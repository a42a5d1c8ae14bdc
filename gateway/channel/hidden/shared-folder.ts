import { constants, mkdir, open } from 'node:fs/promises';
import pLimit from 'p-limit';
import { codeOf } from '../../error-code.js';
import { GatewayError } from '../../errors.js';

/** A value travels in one message of at most 10 MiB; here it takes a third more. */
const LARGEST_FILE = 16 * 1024 * 1024;

/** Questions to the folder at a time, and the time for each in milliseconds: then it counts as away (fail closed). */
interface Limits {
  readonly atOnce: number;
  readonly patienceMs: number;
}

// A file system that hangs keeps a thread for each question, and node has four for everything.

/** Every client of a kernel waits for it. */
export const READING: Limits = { atOnce: 2, patienceMs: 5_000 };

/** One cell waits for it, until it is on a disk that others may keep busy. */
export const WRITING: Limits = { atOnce: 1, patienceMs: 30_000 };

/** Does something in the folder; whatever fails becomes SHARED_FOLDER_AWAY with this sentence. */
export type Ask = <T>(sentence: string, work: () => Promise<T>) => Promise<T>;

/** @returns what asks the folder a few questions at a time, each with a time limit */
export function createAsk({ atOnce, patienceMs }: Limits): Ask {
  const line = pLimit(atOnce);
  return (sentence, work) => inTime(sentence, patienceMs, line(work));
}

export async function makeFolder(path: string): Promise<void> {
  // Not recursive: a missing mount is an error.
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
}

/** Opens no link, and waits for no pipe. @returns undefined for a file that isn't the gateway's */
export async function readBounded(path: string): Promise<string | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const info = await file.stat();
    const isOurs = info.isFile() && info.size <= LARGEST_FILE;
    return isOurs ? await file.readFile('latin1') : undefined;
  } finally {
    await file.close();
  }
}

async function inTime<T>(sentence: string, patienceMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), patienceMs).unref();
  });
  try {
    return await Promise.race([work, limit]);
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    throw new GatewayError('SHARED_FOLDER_AWAY', sentence, { cause });
  } finally {
    clearTimeout(timer);
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}
