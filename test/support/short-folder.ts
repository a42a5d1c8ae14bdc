import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/**
 * A folder for sockets, removed with the test. A socket's path has at most 107 bytes, and a longer one is cut without
 * a word: `t.testdir()` is below the checkout, wherever that is, and has the test's whole name.
 */
export async function shortFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spin-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}
